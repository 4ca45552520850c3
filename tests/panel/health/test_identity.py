"""An identity that is there, locked, missing, or not needed."""

from __future__ import annotations

import pytest

from appliance.panel.health.finding import Level
from appliance.panel.health.identity import check
from tests.panel.health.given import facts, said


@pytest.mark.parametrize(
    ("state", "waits", "level", "lamps"),
    [
        ("open", False, Level.OK, ()),
        ("locked", False, Level.OK, ()),
        ("absent", False, Level.OK, ()),
        ("locked", True, Level.WARN, ("backlog:locked",)),
        ("absent", True, Level.ALARM, ("backlog:locked", "alarm:alarm")),
    ],
)
def test_each_state(state: str, waits: bool, level: Level, lamps: tuple[str, ...]) -> None:
    identity = {"state": state, "lamp": "backlog" if waits else ""}
    (found,) = check(facts(programs={"forward": said(identity=identity)}))
    assert (found.level, found.lamps) == (level, lamps)


def test_a_forward_that_says_nothing_of_it() -> None:
    assert not list(check(facts(programs={"forward": said()})))
