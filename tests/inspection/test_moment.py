"""Times of packets as dates."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from appliance.inspection.engine import Inspection
from appliance.inspection.moment import moment
from tests.inspection.scene import OWN, STRANGER, registry, rules
from tests.inspection.wire import Wire, associate

ODD = (-1e13, -5.0, 0.0, 4e11, 1e18, 1e300, float("inf"), float("nan"))


def test_a_time_is_a_date() -> None:
    assert moment(1_700_000_000.5).isoformat() == "2023-11-14T22:13:20.500000+00:00"
    assert moment(1_700_000_000.0, timezone(timedelta(hours=2))).hour == 0


@pytest.mark.parametrize("seconds", ODD)
@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_what_no_calendar_has_is_the_nearest(seconds: float, hours: int) -> None:
    assert moment(seconds, timezone(timedelta(hours=hours))).year in (1970, 9999)
    assert moment(seconds, UTC).tzinfo is UTC


@pytest.mark.parametrize("seconds", ODD[:-2])
def test_a_capture_of_any_time_is_judged(seconds: float) -> None:
    """A file may say any time; that ends neither the engine nor the command that reads it."""
    watching = Inspection(registry())
    talk = Wire(watching, STRANGER, OWN, now=seconds).open().client(associate(calling=b"ROGUE")).server(associate(2))
    talk.engine.finish()
    assert "D01" in rules(watching)
    assert watching.snapshot()["faults"] == 0
