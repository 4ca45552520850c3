"""A young backlog is none; an old one a warning; a very old one an alarm."""

from __future__ import annotations

import pytest

from appliance.panel.health.backlog import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import NOW, facts, forward, summary


@pytest.mark.parametrize(
    ("age", "level", "lamps"),
    [
        (0, Level.OK, ()),
        (900, Level.OK, ()),
        (901, Level.WARN, ("backlog:waiting",)),
        (4 * 3600, Level.WARN, ("backlog:waiting",)),
        (4 * 3600 + 1, Level.ALARM, ("backlog:waiting", "alarm:alarm")),
    ],
)
def test_age_of_the_oldest(age: float, level: Level, lamps: tuple[str, ...]) -> None:
    found = list(check(facts(programs={"forward": forward(waiting=2, leased=1, oldest=NOW - age)})))
    assert summary(found) == [("pacs", level, lamps)]
    assert "3 instances" in found[0].what
    assert found[0].since == (NOW - age if level else None)


def test_what_is_only_held_does_not_wait() -> None:
    (found,) = check(facts(programs={"forward": forward(held=2, oldest=NOW - 90000)}))
    assert (found.level, found.what) == (Level.OK, "nothing waits")


def test_a_schedule_explains_a_wait_and_no_more() -> None:
    closed = {"waiting": 3, "opens_in": 3600.0, "rests": 57600.0}
    (found,) = check(facts(programs={"forward": forward(oldest=NOW - 50000, **closed)}))
    assert (found.level, found.what) == (Level.OK, "3 instances wait for its schedule, for another 60 min")
    (found,) = check(facts(programs={"forward": forward(oldest=NOW - 57600 - 901, **closed)}))
    assert found.level == Level.WARN
    (found,) = check(facts(programs={"forward": forward(oldest=NOW - 57600 - 14401, waiting=3, rests=57600.0)}))
    assert found.level == Level.ALARM


def test_what_waits_for_one_that_takes_nothing_is_not_on_the_way() -> None:
    (found,) = check(facts(programs={"forward": forward(waiting=3, oldest=NOW - 30, error="connection refused")}))
    assert (found.level, found.what) == (Level.OK, "3 instances wait for it, the oldest for 30 s")


@pytest.mark.parametrize(
    ("why", "command"),
    [
        ({"error": "connection refused"}, "appliance echo pacs` says why it takes nothing"),
        ({}, "appliance echo pacs` says why it takes so little"),
        ({"paused": NOW - 9}, "appliance queue release pacs"),
        ({"blocked": True}, "appliance unlock"),
    ],
)
def test_what_to_do_is_about_why_it_waits(why: dict[str, object], command: str) -> None:
    (found,) = check(facts(programs={"forward": forward(waiting=3, oldest=NOW - 9999, **why)}))
    assert command in found.fix
