"""The figures of one destination, with clocks that stand where the test puts them."""

from __future__ import annotations

import pytest

from appliance.delivery.figures import Figures
from appliance.vault.deliveries import Lease, Queue


def lease(size: int) -> Lease:
    return Lease("0" * 32, "pacs", 1, 0.0, 0.0, "CT", "CT1", "EDGE01", "1.2", "1.2.1", "CT", size)


class Clocks:
    wall = 1e9
    steady = 0.0


def test_what_was_sent_and_how_fast_and_when_the_rest_is_gone() -> None:
    clocks = Clocks()
    figures = Figures(lambda: clocks.wall, lambda: clocks.steady)
    assert figures.snapshot(Queue(waiting=5))["drained_in"] is None
    for second in range(60):
        clocks.steady = float(second)
        figures.delivered([lease(1000), lease(3000)])
    said = figures.snapshot(Queue(waiting=190, leased=10))
    assert (said["instances_sent"], said["bytes_sent"]) == (120, 240_000)
    assert said["rate"] == pytest.approx(2, rel=0.1)
    assert said["byte_rate"] == pytest.approx(4000, rel=0.1)
    assert said["drained_in"] == pytest.approx(100, rel=0.1)
    assert said["last_error"] is None


def test_the_last_failure_stays_with_its_time_whatever_succeeds_since() -> None:
    clocks = Clocks()
    figures = Figures(lambda: clocks.wall, lambda: clocks.steady)
    figures.failed("status 0xA700, out of resources", "Check the destination's disk.")
    clocks.wall += 60
    figures.delivered([lease(1)])
    said = figures.snapshot(Queue())
    assert said["last_error"] == {
        "reason": "status 0xA700, out of resources",
        "advice": "Check the destination's disk.",
        "at": 1e9,
    }
    assert said["failed"] == 1
    assert said["drained_in"] == 0


def test_a_step_of_the_clock_changes_no_rate() -> None:
    clocks = Clocks()
    figures = Figures(lambda: clocks.wall, lambda: clocks.steady)
    clocks.steady = 10.0
    figures.delivered([lease(1)] * 10)
    before = figures.snapshot(Queue())["rate"]
    clocks.wall += 3600
    assert figures.snapshot(Queue())["rate"] == before
