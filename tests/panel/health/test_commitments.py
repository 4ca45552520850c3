"""Open requests are told, and worry nobody."""

from __future__ import annotations

from appliance.panel.health.commitments import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import facts, said


def test_open_and_answered() -> None:
    (found,) = check(facts())
    assert (found.level, found.what) == (Level.OK, "every request was answered")
    (found,) = check(facts(programs={"forward": said(commitments={"asked": 1, "decided": 2})}))
    assert found.what == "1 request to be decided, 2 reports to be given"
