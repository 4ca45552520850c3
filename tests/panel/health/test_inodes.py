"""Many inodes, few, none; and file systems that make them as needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.panel.health.finding import Level
from appliance.panel.health.inodes import check
from tests.panel.health.given import ROOM, facts, summary


@pytest.mark.parametrize(
    ("free", "level", "lamps"),
    [
        (150_001, Level.OK, ()),
        (150_000, Level.WARN, ("alarm:notice",)),
        (100_000, Level.ALARM, ("ready:refusing", "alarm:alarm")),
    ],
)
def test_free_inodes(free: int, level: Level, lamps: tuple[str, ...]) -> None:
    assert summary(list(check(facts(room=replace(ROOM, inodes_free=free))))) == [("state directory", level, lamps)]


def test_no_fixed_number() -> None:
    assert not list(check(facts(room=replace(ROOM, inodes=0, inodes_free=0))))
    assert not list(check(facts(room=None)))
