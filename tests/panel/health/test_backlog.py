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
