"""Target of the sensor: captures of real tools, mutated. `make sensor-lab` leaves its own for it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from appliance.base import limits
from appliance.inspection import link_decoders
from appliance.inspection.engine import Inspection, Packet
from appliance.inspection.registry import Registry
from tests.fuzz.steps import STALL, steps
from tests.fuzz.target import Target
from tests.inspection import scene, wire
from tests.inspection.test_engine import Tape

LAB = Path(__file__).parents[2] / "build" / "sensor-lab"
_LARGEST, _MOST = 200_000, 400  # bytes of a capture that is a seed; frames that are played of an input
_HEADER = struct.Struct("=IIII")


def frames_of(capture: bytes) -> list[bytes]:
    """The frames of a classic pcap."""
    found, at = [], 24
    while len(capture) - at >= 16:
        _, _, size, _ = _HEADER.unpack_from(capture, at)
        found.append(capture[at + 16 : at + 16 + size])
        at += 16 + size
    return found


def packed(frames: list[bytes]) -> bytes:
    """Frames as an input of the target: each behind its length."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in frames if len(each) < 1 << 16)


def _unpacked(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MOST):
        if at + 2 > len(data):
            return
        size = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


def mutated(frames: list[bytes], dice: random.Random) -> list[bytes]:
    """Frames of which some are changed, cut, lost, doubled or out of order."""
    made = list(frames)
    for _ in range(dice.randint(1, 12)):
        if not made:
            break
        at = dice.randrange(len(made))
        changed = bytearray(made[at])
        match dice.randrange(7):
            case 0 | 1 | 2 if changed:
                for _ in range(dice.randint(1, 4)):
                    changed[dice.randrange(len(changed))] = dice.choice((0, 1, 4, 0x7F, 0xFF, dice.randrange(256)))
                made[at] = bytes(changed)
            case 3:
                made[at] = bytes(changed[: dice.randrange(len(changed) + 1)])
            case 4:
                del made[at]
            case 5:
                made.insert(dice.randrange(len(made) + 1), made[at])
            case _:
                made.insert(dice.randrange(len(made) + 1), made.pop(at))
    return made


def replay(data: bytes) -> None:
    """A capture of any frames causes no fault of the sensor's own, no frame costs it more than 100 ms, it never holds
    more than it may, and nothing is kept of what is over."""
    engine = Inspection(_registry(), "eth1")
    now, worst = 1.7e9, 0
    for frame in _unpacked(data):
        now += 0.001
        packet: Packet = now, memoryview(frame), len(frame), None
        worst = max(worst, steps(lambda packet=packet: engine.inspect([packet])))  # type: ignore[misc]
        assert engine.snapshot()["memory"] <= limits.SENSOR_MEMORY.default + (1 << 17)
    assert worst < STALL, f"{worst} lines for one frame"
    engine.finish()
    for hours in range(1, 200):
        engine.tick(now + 3600 * hours)
        if not engine.flows:
            break
    said = engine.snapshot()
    assert (said["faults"], said["flows"], said["memory"]) == (0, 0, 0), said
    json.dumps(engine.take_alerts())


@cache
def _registry() -> Registry:
    link_decoders.prepare()  # as the program does before its first frame
    return scene.registry()


def _made() -> bytes:
    tape = Tape()
    talk = wire.Wire(tape, scene.STRANGER, scene.OWN).association()  # type: ignore[arg-type]
    talk.client(wire.store(5000)).server(wire.p_data(wire.pdv(1, 3, wire.command(0x8001))))
    talk.client(wire.RELEASE_RQ).server(wire.RELEASE_RP).close()
    return packed([bytes(each[1]) for each in tape.packets])


def _seeds() -> tuple[bytes, ...]:
    kept = [path.read_bytes() for path in sorted(LAB.glob("*.pcap")) if path.stat().st_size < _LARGEST]
    return (_made(), *(packed(frames_of(each)) for each in kept))


TARGETS = (Target(replay, _seeds()),)
