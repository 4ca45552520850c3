"""Free, filling, full, read-only, gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.panel.health.disk import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import GIB, ROOM, facts, summary

FULL = ("ready:refusing", "alarm:alarm")


@pytest.mark.parametrize(
    ("free", "level", "lamps"),
    [
        (60 * GIB, Level.OK, ()),
        (15 * GIB, Level.OK, ()),
        (15 * GIB - 1, Level.WARN, ("alarm:notice",)),
        (10 * GIB, Level.WARN, ("alarm:notice",)),
        (10 * GIB - 1, Level.ALARM, FULL),
        (0, Level.ALARM, FULL),
    ],
)
def test_free_space(free: int, level: Level, lamps: tuple[str, ...]) -> None:
    assert summary(list(check(facts(room=replace(ROOM, free=free))))) == [("state directory", level, lamps)]


def test_read_only() -> None:
    (found,) = check(facts(room=replace(ROOM, writable=False)))
    assert (found.level, found.lamps) == (Level.ALARM, FULL) and "0xA700" in found.what


def test_a_medium_that_does_not_answer_and_one_not_looked_at_yet() -> None:
    (found,) = check(facts(room=None, room_error="Input/output error"))
    assert found.level is Level.ALARM and "Input/output error" in found.what
    assert not list(check(facts(room=None)))


def test_a_medium_that_takes_nothing_whatever_its_free_space() -> None:
    for room in (ROOM, None):
        (missing,) = check(facts(room=room, lost="/srv is not mounted", lost_fix="Mount it."))
        assert missing.fix == "Mount it."
        (found,) = check(facts(room=room, lost="Read-only file system"))
        assert (found.level, found.lamps) == (Level.ALARM, FULL)
        assert "Read-only file system" in found.what and "0xA700" in found.what


def test_a_ledger_that_forward_cannot_use() -> None:
    programs = {"forward": {"state": "ok", "medium": "the medium failed the ledger"}}
    first, second = check(facts(room=ROOM, programs=programs))
    assert (first.subject, first.level, first.lamps) == ("ledger", Level.ALARM, ("alarm:alarm",))
    assert "the medium failed the ledger" in first.what and second.level is Level.OK
