from __future__ import annotations

import pytest

from appliance.routing.retry import CLOSED, TOLERATED, Backoff, Breaker, Circuit

BACKOFF = Backoff(base=2.0, cap=100.0)


@pytest.mark.parametrize(
    ("failures", "random", "expected"),
    [
        (1, 0.0, 0.0),
        (1, 0.5, 1.0),
        (2, 0.5, 2.0),
        (3, 0.5, 4.0),
        (6, 0.5, 32.0),
        (7, 0.5, 50.0),
        (10**6, 0.5, 50.0),
        (0, 0.5, 1.0),
    ],
)
def test_backoff_doubles_jitters_fully_and_is_capped(failures: int, random: float, expected: float) -> None:
    assert BACKOFF.delay(failures, random) == expected


OPEN = Breaker(Circuit.OPEN, 1, 11.0)
HALF = Breaker(Circuit.HALF_OPEN, 1, 11.0)
WORN = Breaker(Circuit.CLOSED, stumbles=TOLERATED - 1)

# (state, event) -> state, at time 10 with random 0.5; every pair.
TABLE = {
    (CLOSED, "failed"): OPEN,
    (CLOSED, "succeeded"): CLOSED,
    (CLOSED, "stumbled"): Breaker(Circuit.CLOSED, stumbles=1),
    (WORN, "stumbled"): OPEN,
    (WORN, "succeeded"): CLOSED,
    (WORN, "failed"): OPEN,
    (CLOSED, "attempt"): CLOSED,
    (CLOSED, "abandoned"): CLOSED,
    (OPEN, "failed"): OPEN,
    (OPEN, "stumbled"): OPEN,
    (OPEN, "succeeded"): CLOSED,
    (OPEN, "attempt"): OPEN,
    (OPEN, "abandoned"): OPEN,
    (HALF, "failed"): Breaker(Circuit.OPEN, 2, 12.0),
    (HALF, "stumbled"): Breaker(Circuit.OPEN, 2, 12.0),
    (HALF, "succeeded"): CLOSED,
    (HALF, "attempt"): HALF,
    (HALF, "abandoned"): Breaker(Circuit.OPEN, 1, 10.0),
}


@pytest.mark.parametrize(("state", "event"), TABLE)
def test_the_breaker_walks_its_table(state: Breaker, event: str) -> None:
    step = {
        "failed": lambda: state.failed(10.0, BACKOFF, 0.5),
        "stumbled": lambda: state.stumbled(10.0, BACKOFF, 0.5),
        "succeeded": state.succeeded,
        "attempt": lambda: state.attempt(10.0),
        "abandoned": lambda: state.abandoned(10.0),
    }
    assert step[event]() == TABLE[state, event]


def test_attempts_wait_for_the_delay_and_then_one_is_let_through() -> None:
    assert CLOSED.try_at(10.0) == 10.0
    assert OPEN.try_at(10.0) == 11.0
    assert OPEN.try_at(12.0) == 12.0
    probing = OPEN.attempt(12.0)
    assert probing.circuit is Circuit.HALF_OPEN
    assert probing.try_at(12.0) is None


def test_a_destination_that_asks_for_time_gets_it() -> None:
    assert CLOSED.failed(10.0, BACKOFF, 0.5, at_least=7.0).until == 17.0
    assert CLOSED.failed(10.0, BACKOFF, 0.5, at_least=0.2).until == 11.0
    assert CLOSED.stumbled(10.0, BACKOFF, 0.5, at_least=7.0) == Breaker(Circuit.OPEN, 1, 17.0)
