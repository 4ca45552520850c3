"""The lab's captures, mutated: the sensor bears them. The same mutations of the same scenes every time."""

from __future__ import annotations

import random
from pathlib import Path

from tests.fuzz.replay import frames_of, mutated, packed, replay

ROUNDS = 2
MOST = 120  # frames of a capture that are played, from a place of its own


def test_mutated_captures_are_borne(captures: list[Path]) -> None:
    played = 0
    for path in sorted(captures):
        dice = random.Random(path.name)
        frames = frames_of(path.read_bytes())
        for _ in range(ROUNDS):
            begin = dice.randrange(max(1, len(frames) - MOST))
            replay(packed(mutated(frames[begin : begin + MOST], dice)))
            played += 1
    assert played >= 100
