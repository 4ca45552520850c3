from __future__ import annotations

import pytest

from appliance.routing.retention import Proof, keep_time, may_go

A, B = Proof("a", 100.0), Proof("b", 200.0)


@pytest.mark.parametrize(
    ("proofs", "now", "expected"),
    [
        ([], 1e12, False),
        ([A], 149.9, False),
        ([A], 150.0, True),
        ([A, B], 150.0, False),
        ([A, B], 250.0, True),
        ([A, Proof("b", None)], 1e12, False),
        ([A, Proof("b", 200.0, held=True)], 1e12, False),
    ],
)
def test_only_what_all_proved_goes_and_only_after_its_keep_time(
    proofs: list[Proof], now: float, expected: bool
) -> None:
    assert may_go(proofs, 50.0, now) is expected


def test_space_pressure_shortens_the_keep_time_and_nothing_else() -> None:
    assert keep_time(50.0, pressed_for_space=False) == 50.0
    assert may_go([Proof("a", 100.0)], keep_time(50.0, pressed_for_space=True), 100.0)
    assert may_go([Proof("a", 1e12)], keep_time(50.0, pressed_for_space=True), 100.0)  # the clock was ahead
    assert not may_go([Proof("a", None)], keep_time(50.0, pressed_for_space=True), 1e12)
