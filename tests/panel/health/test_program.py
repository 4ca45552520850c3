"""Programs that run, start, stop, hang and die."""

from __future__ import annotations

import pytest

from appliance.panel.health.finding import Level
from appliance.panel.health.program import check
from tests.panel.health.given import NOW, facts, said


@pytest.mark.parametrize(
    ("state", "level", "lamps"),
    [
        ("ok", Level.OK, ()),
        ("starting", Level.OK, ()),
        ("stopped", Level.WARN, ("alarm:notice",)),
        ("never", Level.ALARM, ("alarm:alarm",)),
        ("silent", Level.ALARM, ("alarm:alarm",)),
        ("ended", Level.ALARM, ("alarm:alarm",)),
    ],
)
def test_each_state(state: str, level: Level, lamps: tuple[str, ...]) -> None:
    found = {each.subject: each for each in check(facts(programs={"forward": said(state)}))}
    assert set(found) == {"receive", "forward", "sensor"}
    assert (found["forward"].level, found["forward"].lamps) == (level, lamps)
    assert found["forward"].since == NOW - 3600
    assert bool(found["forward"].fix) == (level > Level.OK)
    assert found["receive"].level is Level.OK


def test_a_program_of_which_a_part_hangs() -> None:
    found = {each.subject: each for each in check(facts(programs={"forward": said(stuck=["adoption", "proofs"])}))}
    assert (found["forward"].level, found["forward"].lamps) == (Level.ALARM, ("alarm:alarm",))
    assert "adoption, proofs ended or comes no further" in found["forward"].what
    assert found["forward"].since is None, "not since it was started"
    gone = {each.subject: each for each in check(facts(programs={"forward": said("ended", stuck=["adoption"])}))}
    assert gone["forward"].what.startswith("ended")


@pytest.mark.parametrize("seconds", [5, 300])
def test_one_that_ended_and_was_not_started_again_in_time_wants_somebody(seconds: int) -> None:
    ended = said("ended") | {"since": NOW - seconds}
    (found,) = [each for each in check(facts(programs={"receive": ended})) if each.subject == "receive"]
    assert ("nobody started it again" in found.what) == (seconds > 60)
    assert ("systemctl start appliance-receive" in found.fix) == (seconds > 60)


@pytest.mark.parametrize(
    ("name", "words"), [("sensor", "systemctl enable --now appliance-sensor"), ("forward", "-n 50")]
)
def test_a_program_whose_unit_is_enabled_by_hand_may_not_be(name: str, words: str) -> None:
    found = {each.subject: each for each in check(facts(programs={name: said("never")}))}
    assert words in found[name].fix


def test_one_that_says_that_it_starts() -> None:
    found = {each.subject: each for each in check(facts(programs={"forward": said(starting="comparing, 3 of 9")}))}
    assert (found["forward"].level, found["forward"].what) == (Level.OK, "starts: comparing, 3 of 9")
