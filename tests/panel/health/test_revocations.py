"""A revocation list before its end, and after: then nobody is let in."""

from __future__ import annotations

import pytest

from appliance.panel.health.facts import ListEnd
from appliance.panel.health.finding import Level
from appliance.panel.health.revocations import check
from tests.panel.health.given import DAY, NOW, facts

NOTICE, ALARM = ("alarm:notice",), ("alarm:alarm",)


@pytest.mark.parametrize(
    ("life", "left", "level", "lamps"),
    [
        (7, 1.01, Level.OK, ()),
        (7, 1, Level.WARN, NOTICE),
        (7, 0.001, Level.WARN, NOTICE),
        (7, 0, Level.ALARM, ALARM),
        (7, -3, Level.ALARM, ALARM),
        (1, 0.26, Level.OK, ()),  # lists of a day are no warning all day long
        (1, 0.25, Level.WARN, NOTICE),
        (3650, 1.01, Level.OK, ()),
    ],
)
def test_by_the_time_that_is_left(life: float, left: float, level: Level, lamps: tuple[str, ...]) -> None:
    ends = NOW + left * DAY
    (found,) = check(facts(lists=[ListEnd("receive.client_crl", "/l", "CN=A", ends - life * DAY, ends)]))
    assert (found.level, found.lamps) == (level, lamps)
    assert ("devices of this CA are refused" in found.what) is (level is not Level.OK)


def test_one_that_has_no_end_and_one_that_cannot_be_read() -> None:
    (found,) = check(facts(lists=[ListEnd("l", "/l", "CN=A", NOW)]))
    assert found.level is Level.OK
    (found,) = check(facts(lists=[ListEnd("l", "/l", error="Permission denied")]))
    assert (found.level, found.lamps, found.what) == (Level.WARN, NOTICE, "cannot be read: Permission denied")
