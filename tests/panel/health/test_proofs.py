"""What the panel says of proofs by storage commitment."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.panel.health.finding import Level
from appliance.panel.health.proofs import check
from tests.panel.health.given import facts, said


def found(**queue: Any) -> list[tuple[Level, str]]:
    return [(each.level, each.what) for each in check(facts(programs={"forward": said(destinations={"pacs": queue})}))]


def test_a_destination_whose_status_is_proof_is_not_asked_about() -> None:
    assert found(waiting=1, stored=0) == []


@pytest.mark.parametrize(
    ("queue", "level", "what"),
    [
        ({"stored": 0, "overdue": 0, "proof_error": ""}, Level.OK, "has proven all that it stored"),
        ({"stored": 2, "overdue": 0, "proof_error": ""}, Level.OK, "2 instances stored and to be proven"),
        ({"stored": 2, "overdue": 1, "proof_error": ""}, Level.WARN, "has not committed in time to 1 instance that"),
        ({"stored": 2, "overdue": 0, "proof_error": "gone"}, Level.WARN, "cannot be asked to commit to what it stored"),
    ],
)
def test_what_is_owed_is_said(queue: dict[str, Any], level: Level, what: str) -> None:
    ((said_level, said_what),) = found(**queue)
    assert said_level is level and said_what.startswith(what)


def test_odd_values_are_passed_over() -> None:
    assert found(overdue="x", proof_error=None) == []
