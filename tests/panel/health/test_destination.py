"""Destinations that take deliveries, fail, or wait for a key of ours."""

from __future__ import annotations

from appliance.panel.health.destination import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import facts, forward, summary


def test_taking_failing_and_blocked() -> None:
    assert summary(list(check(facts()))) == [("pacs", Level.OK, ())]
    (found,) = check(facts())
    assert found.what == "takes deliveries"
    (found,) = check(facts(programs={"forward": forward(delivered=0, instances_sent=0)}))
    assert (found.level, found.what) == (Level.OK, "was sent nothing lately; `appliance echo pacs` tries it")
    (found,) = check(facts(programs={"forward": forward(error="connection refused", next_try_in=31.4)}))
    assert (found.level, found.lamps) == (Level.WARN, ("backlog:waiting",))
    assert found.what == "takes nothing now: connection refused; next try in 31 s"
    (found,) = check(facts(programs={"forward": forward(error="connection refused", next_try_in=0.2)}))
    assert found.what == "takes nothing now: connection refused"
    assert "is it up" in found.fix
    (found,) = check(facts(programs={"forward": forward(error="refused", advice="Check its disk.")}))
    assert found.fix == "It is tried again by itself, and nothing is lost. Check its disk."
    assert not list(check(facts(programs={"forward": forward(error="locked", blocked=True)})))


def test_held_back_by_a_person_and_closed_by_its_schedule() -> None:
    (found,) = check(facts(programs={"forward": forward(error="connection refused", paused=5.0)}))
    assert (found.level, found.lamps, found.since) == (Level.WARN, ("backlog:waiting",), 5.0)
    assert found.fix == "When it may go on: `appliance queue release pacs`."
    (found,) = check(facts(programs={"forward": forward(schedule="22:00-06:00", opens_in=7300.0)}))
    assert (found.level, found.what) == (Level.OK, "is closed by its schedule (22:00-06:00) for another 2 h")
