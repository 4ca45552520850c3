"""A file that cannot be used is an alarm, and its words are shown."""

from __future__ import annotations

from appliance.panel.health.configuration import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import facts, said, summary


def test_in_force() -> None:
    assert summary(list(check(facts()))) == [("file", Level.OK, ())]


def test_who_kept_the_old_one_and_why() -> None:
    broken = facts(configuration_error="a.toml:3: x: no", programs={"receive": said(config_error="a.toml:3: x: no")})
    found = list(check(broken))
    assert summary(found) == [(name, Level.ALARM, ("alarm:alarm",)) for name in ("receive", "panel")]
    assert all("a.toml:3: x: no" in each.what for each in found)
