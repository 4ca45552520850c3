"""Honest hosts, seen through mirrors that duplicate, delay one direction, or lose: never an alert of an attack."""

from __future__ import annotations

import random

import pytest

from appliance.inspection.engine import Packet
from tests.inspection import wire
from tests.inspection.evasions.stranger import ACCEPT, GOOD
from tests.inspection.scene import CT, OWN, engine, rules
from tests.inspection.test_engine import Tape

TRIP = 0.0003  # seconds
RSP = wire.p_data(wire.pdv(1, 3, wire.command(0x8001)))


class Host:
    """Both ends of a connection that acknowledge, send again in other segments, keep alive, and end in several ways."""

    def __init__(self, dice: random.Random, port: int, now: float) -> None:
        self.dice = dice
        self.tape = Tape()
        numbers = {"client_isn": dice.randrange(1 << 32), "server_isn": dice.randrange(1 << 32)}
        self.talk = wire.Wire(self.tape, CT, OWN, client_port=port, now=now, **numbers)  # type: ignore[arg-type]
        self.flag(True, wire.SYN)
        self.flag(False, wire.SYN | wire.ACK)
        self.acknowledge(True)

    def flag(self, side: bool, flags: int) -> None:
        self.talk.raw(side, self.talk.next[side], flags)
        self.talk.lose(side, 1).now += TRIP

    def acknowledge(self, side: bool) -> None:
        self.talk.raw(side, self.talk.next[side], wire.ACK)
        self.talk.now += TRIP

    def say(self, side: bool, data: bytes) -> None:
        talk, begin = self.talk, self.talk.next[side]
        for at in range(0, len(data), 14480):
            talk.say(side, data[at : at + 14480])
            self.acknowledge(not side)
        if self.dice.random() < 0.3:
            at = self.dice.randrange(len(data))
            talk.now += self.dice.choice((0.0005, 0.3))
            talk.raw(side, begin + at, wire.ACK | wire.PSH, data[at : at + self.dice.choice((1, 500, 5000))])
            self.acknowledge(not side)

    def associate(self) -> float:
        """A whole association; gives when it was over."""
        self.say(True, GOOD)
        self.say(False, ACCEPT)
        for _ in range(2):
            self.say(True, wire.store(self.dice.choice((3000, 60_000))))
            if self.dice.random() < 0.3:
                self.talk.now += 60
                self.talk.raw(True, self.talk.next[True] - 1, wire.ACK, self.dice.choice((b"", b"\0")))
                self.acknowledge(False)
            self.say(False, RSP)
        self.say(True, wire.RELEASE_RQ)
        self.say(False, wire.RELEASE_RP)
        if self.dice.random() < 0.5:
            self.flag(True, wire.FIN | wire.ACK)
            self.flag(False, wire.FIN | wire.ACK)
            self.acknowledge(True)
        else:
            self.talk.raw(True, self.talk.next[True], wire.RST | wire.ACK)
        return self.talk.now


def day(dice: random.Random) -> list[Packet]:
    """Some associations, of which two use the same ports after a while."""
    packets: list[Packet] = []
    now = 1.7e9
    for port in (50000, 50001, 50002, 50000):
        host = Host(dice, port, now)
        now = host.associate() + 20
        packets += host.tape.packets
    return packets


def mirrored(packets: list[Packet], dice: random.Random, lost: float, twice: float, skew: float) -> list[Packet]:
    """What a mirror shows: frames are lost or come twice, and those of one side come `skew` seconds late."""
    shown: list[Packet] = []
    for when, frame, length, vlan in packets:
        late = max(0.0, skew if bytes(frame[26:30]) == bytes((10, 20, 0, 11)) else -skew)
        for _ in range((dice.random() >= lost) + (dice.random() < twice)):
            shown.append((when + late, frame, length, vlan))
    return sorted(shown, key=lambda packet: packet[0])


@pytest.mark.parametrize(
    ("lost", "twice", "skew"),
    [(0, 0, 0), (0, 1, 0), (0, 0.1, 0.0005), (0, 0, 0.003), (0, 0, -0.0005), (0.003, 0, 0), (0.05, 0.05, 0.0005)],
)
def test_nothing_is_said_of_honest_hosts_but_what_was_not_seen(lost: float, twice: float, skew: float) -> None:
    heard: set[str] = set()
    for seed in range(12):
        dice = random.Random(seed)
        watching = engine()
        watching.inspect(mirrored(day(dice), dice, lost, twice, skew))
        watching.finish()
        heard |= set(rules(watching))
        assert watching.snapshot()["faults"] == 0
    assert heard <= ({"D24", "D43"} if lost else set())
