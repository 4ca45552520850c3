"""A file that cannot be used is an alarm, and its words are shown."""

from __future__ import annotations

from appliance.panel.health.configuration import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import facts, said, summary


def test_in_force() -> None:
    assert summary(list(check(facts()))) == [("configuration", Level.OK, ())]


def test_who_kept_the_old_one_and_why() -> None:
    error = "a.toml:3: x: no"
    programs = {"receive": said(config_error=error), "forward": said(config_error="other"), "sensor": said()}
    found = list(check(facts(own={"config_error": error}, programs=programs)))
    assert summary(found) == [(name, Level.ALARM, ("alarm:alarm",)) for name in ("receive, panel", "forward")]
    assert [each.what for each in found] == [f"did not take the changed file: {each}" for each in (error, "other")]


def test_who_waits_for_a_restart_and_with_what() -> None:
    (found,) = check(facts(programs={"receive": said(config={"restart": ["receive.listen", "receive.workers"]})}))
    assert (found.subject, found.level, found.lamps) == ("receive", Level.WARN, ("alarm:notice",))
    assert "receive.listen, receive.workers" in found.what
    assert "systemctl restart appliance-receive;" in found.fix


def test_what_a_program_said_before_it_ended_counts_no_more() -> None:
    assert summary(list(check(facts(programs={"receive": said("ended", config_error="x")})))) == [
        ("configuration", Level.OK, ())
    ]
