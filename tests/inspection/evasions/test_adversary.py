"""A stranger who forges at random, within an association that is as it should be, to hide one command.

Its receiver is what any receiver is: it takes the real segments, in order, and acknowledges what it has. Whatever else
is said, in anybody's name, does not reach it, by bad checksums or numbers. In the end it has the command, so the sensor
must have told it, or that it cannot know. After a change to streams or flows play more: SEEDS = range(20_000).
"""

from __future__ import annotations

import itertools
import random

import pytest

from tests.inspection import wire
from tests.inspection.evasions.stranger import GOOD, MOVE, PUSH, later, told
from tests.inspection.scene import CT, OWN, engine

SEEDS = range(150)
FOUND = (113, 2164, 3749, 4050, 4072, 4497, 4553, 5616, 6535, 6570, 6940, 7506)  # that once hid it
ECHO = wire.p_data(wire.pdv(1, 3, wire.command(0x30)))
RSP = wire.p_data(wire.pdv(1, 3, wire.command(0x8001)))
STORE = wire.p_data(wire.pdv(1, 3, wire.command(1, True)))
OF_CLIENT = (wire.RELEASE_RQ, wire.ABORT, GOOD, ECHO, STORE, b"\x04\0\0\0\x40\0", b"junk!" * 5, b"\x05\0")
OF_SERVER = (
    wire.associate(2, max_length=0),
    wire.ABORT,
    wire.RELEASE_RP,
    RSP,
    b"HTTP/1.1 200",
    wire.p_data(wire.pdv(1, 0, bytes(9000))),
)


class Adversary:
    """One association. `talk.next` is where both ends really are."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        self.most = dice.choice((0, 4096, 16384, 131072))
        begins = {
            "client_isn": dice.choice((1000, 0xFFFFFFFF - dice.randrange(40000))),
            "server_isn": dice.randrange(1 << 32),
        }
        self.talk = wire.Wire(engine(), CT, OWN, **begins).open().client(GOOD)  # type: ignore[arg-type]
        self.talk.server(wire.associate(2, max_length=self.most)).raw(True, self.talk.next[True], wire.ACK)
        self.heard = told(self.talk)

    def away(self, *more: int) -> int:
        return self.dice.choice((0, 0, 0, 5, 1000, *more))

    def acknowledge(self, ahead: int = 0) -> None:
        at = self.talk.next[True]
        self.talk.next[True] = (at + ahead) & 0xFFFFFFFF
        self.talk.raw(False, self.talk.next[False], wire.ACK)
        self.talk.next[True] = at

    def really(self, data: bytes) -> None:
        """In any segments and any order."""
        dice, begin = self.dice, self.talk.next[True]
        cuts = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(dice.choice((0, 0, 1, 3))))})
        parts = [(at, min(at + 1448, end)) for start, end in itertools.pairwise(cuts) for at in range(start, end, 1448)]
        if dice.random() < 0.3:
            dice.shuffle(parts)
        for at, end in parts:
            self.talk.raw(True, begin + at, PUSH, data[at:end])
        self.talk.lose(True, len(data))
        if dice.random() < 0.8:
            self.acknowledge()

    def forge(self, side: bool, data: bytes, away: int) -> None:
        for at in range(0, len(data), 1448):
            self.talk.raw(side, self.talk.next[side] + away + at, PUSH, data[at : at + 1448])

    def bulk(self) -> bytes:
        size = min(self.most or 1 << 20, self.dice.choice((16, 1006, 3006, 16006, 60006)))
        return wire.p_data(wire.pdv(1, self.dice.choice((0, 2)), bytes(max(1, size - 6))))

    def end(self, flags: int) -> None:
        """FIN or RST in the name of one end or both, not quite at its place."""
        first = self.dice.random() < 0.5
        for side in (first, not first)[: self.dice.choice((1, 2))]:
            self.talk.raw(side, self.talk.next[side] + self.dice.choice((1, 100, -5, 1 << 20)), flags)

    def act(self) -> None:
        dice, talk = self.dice, self.talk
        match dice.randrange(13):
            case 0:
                self.really(self.bulk())
            case 1:
                self.really(ECHO)
            case 2:
                self.really(wire.store(dice.choice((10, 5000, 40000)), min(self.most or 16384, 16384)))
            case 3:
                self.forge(
                    True, b"".join(self.bulk() for _ in range(dice.choice((1, 3, 20, 60))))[:200_000], self.away(40000)
                )
            case 4:
                self.forge(True, dice.choice(OF_CLIENT), self.away())
            case 5:
                self.acknowledge(dice.choice((10, 1000, 100_000, 1 << 20, -100, 1 << 29)))
            case 6:
                self.end(wire.RST)
            case 7:
                self.end(wire.FIN | wire.ACK)
            case 8:
                at = dice.choice((-1, 0, 10, 5000, 1 << 20, 1 << 31))
                talk.raw(True, talk.next[True] + at, wire.SYN, dice.choice((b"", b"", GOOD)))
                if dice.random() < 0.3:
                    talk.raw(False, talk.next[False] + at, wire.SYN | wire.ACK)
            case 9:
                later(talk, dice.choice((0.3, 1.2, 3, 20, 100)))
            case 10:
                self.forge(False, dice.choice(OF_SERVER), dice.choice((0, 0, 0, 7)))
            case 11:
                self.forge(
                    True, b"\x04\0\0\0\x10\0" + bytes(50), dice.choice((1 << 20, 1 << 30, (1 << 31) + 5, -70_000))
                )
            case _:
                self.forge(True, dice.choice((b"\0", b"\0" * 20, b"x" * 300)), -dice.choice((1, 1, 20, 300)))

    def hide(self) -> set[str]:
        """Gives the rules that spoke."""
        dice, talk = self.dice, self.talk
        for _ in range(dice.randrange(2, 9)):
            self.act()
        self.really(MOVE)
        self.acknowledge()
        if dice.random() < 0.5:
            talk.server(RSP).raw(True, talk.next[True], wire.ACK)
        if dice.random() < 0.3:
            talk.close()
        later(talk, 40).engine.finish()
        return told(talk)


@pytest.mark.parametrize("seeds", [SEEDS, FOUND], ids=["any", "found"])
def test_no_forgery_hides_a_command(seeds: range | tuple[int, ...]) -> None:
    plain = 0
    for seed in seeds:
        adversary = Adversary(seed)
        assert adversary.heard == set()
        heard = adversary.hide()
        assert heard & {"D07", "D22", "D43", "D47"}, (seed, heard)
        assert adversary.talk.engine.snapshot()["faults"] == 0
        plain += "D07" in heard
    assert plain >= len(seeds) // 4 or seeds is FOUND  # it is read, as a rule
