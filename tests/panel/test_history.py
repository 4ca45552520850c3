"""Since when, and what changed."""

from __future__ import annotations

from appliance.panel.health.finding import Finding, Level
from appliance.panel.history import History


def finding(level: Level, what: str = "x", since: float | None = None) -> Finding:
    return Finding("disk", "medium", level, what, since=since)


def test_a_state_keeps_the_time_of_its_beginning() -> None:
    history = History()
    assert history.update([finding(Level.OK)], 10)[0][0].since == 10
    assert history.update([finding(Level.OK, "still well")], 20)[0][0].since == 10
    dated, change = history.update([finding(Level.WARN)], 30)
    assert dated[0].since == 30 and change.raised == dated and not change.cleared
    dated, change = history.update([finding(Level.WARN, "y")], 40)
    assert dated[0].since == 30 and not change.raised and not change.cleared


def test_what_knows_its_own_time_keeps_that() -> None:
    assert History().update([finding(Level.WARN, since=3.0)], 10)[0][0].since == 3.0


def test_worse_is_said_again_and_better_is_not() -> None:
    history = History()
    history.update([finding(Level.WARN)], 1)
    assert history.update([finding(Level.ALARM)], 2)[1].raised
    change = history.update([finding(Level.WARN)], 3)[1]
    assert not change.raised and not change.cleared


def test_what_is_well_again_says_how_long_it_was_not() -> None:
    history = History()
    history.update([finding(Level.ALARM)], 5)
    dated, change = history.update([finding(Level.OK, "is fine")], 65)
    assert dated[0].since == 65
    assert [(each.what, each.since) for each in change.cleared] == [("is fine", 5)]


def test_what_is_no_longer_asked_about_is_cleared() -> None:
    history = History()
    history.update([finding(Level.ALARM)], 5)
    (cleared,) = history.update([], 9)[1].cleared
    assert cleared.level is Level.OK and cleared.since == 5 and not cleared.lamps
    assert not history.update([], 10)[1].cleared


def test_a_clock_that_is_set_changes_no_span() -> None:
    history = History()
    history.update([finding(Level.WARN)], 100.0)
    history.clock_was_set(5000.0)
    (dated,), change = history.update([finding(Level.WARN)], 5160.0)
    assert dated.since == 5100.0 and not change.raised
