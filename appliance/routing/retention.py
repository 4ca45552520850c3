"""Decides what may be forgotten: only what every destination proved, and only after its keep time. Pure.

Nothing unproven ever goes to make room, and an object that no route sends anywhere is proven by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """What one destination owes or gave: `proved_at` in Unix seconds, None while it has not; `held` for a person."""

    destination: str
    proved_at: float | None
    held: bool = False


def proven_at(proofs: Collection[Proof]) -> float | None:
    """When the last destination proved an object, in Unix seconds; None while one has not, and where there is none."""
    if not proofs or any(proof.held for proof in proofs):
        return None
    times = [proof.proved_at for proof in proofs if proof.proved_at is not None]
    return max(times) if len(times) == len(proofs) else None


def may_go(proofs: Collection[Proof], keep: float, now: float) -> bool:
    """Whether an object may be forgotten at `now`. The keep time (seconds) runs from the last proof."""
    last = proven_at(proofs)
    return last is not None and now >= last + keep


def keep_time(keep: float, *, pressed_for_space: bool) -> float:
    """The keep time in force. While space is short proof alone is enough, also where it is dated later than now: the
    clock was ahead then, and a box that waits until it is right again would turn modalities away."""
    return -math.inf if pressed_for_space else keep
