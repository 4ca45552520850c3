"""What was looked at of a stream: compared when it comes again, kept until it was acknowledged, bounded."""

from __future__ import annotations

import random

import pytest

from appliance.base import limits
from appliance.inspection.looked_at import OVERHEAD, LookedAt


def differs(looked_at: LookedAt, offset: int, data: bytes) -> bool:
    return looked_at.differs(offset, memoryview(data))


def test_only_what_was_there_and_is_not_the_same_differs() -> None:
    looked_at = LookedAt()
    looked_at.add(10, b"abc")
    looked_at.add(13, b"def")
    looked_at.add(100, b"xyz")
    for offset, data in (
        (10, b"abcdef"),
        (0, b"0123456789abcdef!"),
        (50, b"?"),
        (12, b"cd"),
        (99, b"?xyz?"),
        (103, b"?"),
    ):
        assert not differs(looked_at, offset, data), (offset, data)
    for offset, data in ((10, b"abcdeF"), (15, b"F"), (90, b"0123456789X"), (102, b"Z"), (0, bytes(200))):
        assert differs(looked_at, offset, data), (offset, data)


def test_what_was_looked_at_twice_is_kept_once() -> None:
    looked_at = LookedAt()
    looked_at.add(0, b"abcdef")
    looked_at.add(0, b"abcdefgh")
    looked_at.add(3, b"d")
    assert looked_at.run(0, 20) == b"abcdefgh"
    assert looked_at.size == 8 + OVERHEAD


@pytest.mark.parametrize("seed", range(5))
def test_a_run_is_what_is_known_without_a_gap(seed: int) -> None:
    dice = random.Random(seed)
    whole, looked_at, at, known = dice.randbytes(50_000), LookedAt(), 0, set[int]()
    while at < len(whole):
        size = dice.choice((1, 12, 5000))
        looked_at.add(at, whole[at : at + size])
        known |= set(range(at, min(at + size, len(whole))))
        at += size + dice.choice((0, 0, 7))
    for _ in range(200):
        start, most = dice.randrange(len(whole)), dice.choice((1, 78, 9000))
        found = looked_at.run(start, most)
        assert found == whole[start : start + len(found)]
        assert len(found) == most or start + len(found) not in known
        assert all(each in known for each in range(start, start + len(found)))


def test_what_was_acknowledged_goes_and_the_last_few_stay() -> None:
    looked_at = LookedAt()
    for number in range(100):
        if looked_at.add(1000 * number, b"twelve bytes"):
            looked_at.trim(1000 * number)
    assert looked_at.run(0, 1) == b""
    assert looked_at.run(98_000, 12) == b"twelve bytes"
    assert looked_at.size < 13 * (12 + OVERHEAD)
    assert looked_at.forgotten == 96_000  # what it said that it has


def test_what_is_not_acknowledged_stays_while_there_is_room() -> None:
    looked_at = LookedAt()
    number = 0
    while not looked_at.forgotten:
        number += 1
        if looked_at.add(1000 * number, b"twelve bytes"):
            looked_at.trim(0)
        assert looked_at.size <= limits.SENSOR_LOOKED_AT.default + OVERHEAD + 12
    assert number > 1000
    assert looked_at.forgotten == 1012
    assert looked_at.run(1000, 12) == b""
    assert looked_at.run(2000, 12) == b"twelve bytes"


def test_nothing_is_left_behind() -> None:
    looked_at = LookedAt()
    looked_at.add(5, bytes(10_000))
    looked_at.clear()
    assert looked_at.size == 0
    looked_at.add(0, b"abc")
    assert looked_at.run(0, 3) == b"abc"
