"""What the lab takes for right and for wrong: words of `queue` and `status` that do not fit the fault fail it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.delivery_lab.telling import Telling, Wrong
from tests.panel.health.given import QUEUE

OBJECT = "0" * 32


def finding(question: str, what: str, level: str = "ok", subject: str = "pacs", **more: Any) -> dict[str, Any]:
    return {"question": question, "subject": subject, "level": level, "what": what, "fix": "", "lamps": []} | more


class Said(Telling):
    """Says what a test wants."""

    def __init__(self, queue: dict[str, Any], *findings: dict[str, Any], more: Any = None) -> None:
        super().__init__(Path())
        self.queue_says = QUEUE | queue
        self.findings = findings
        self.more = more

    def ask(self, *arguments: str) -> tuple[int, Any]:
        if arguments[0] == "status":
            return 0, {"findings": copy.deepcopy(self.findings)}
        if arguments[:2] == ("queue", "list"):
            return 0, {"destinations": {"pacs": self.queue_says}}
        return 0, self.more[arguments[1]]


FAILS = {"error": "rejected", "advice": "Look there.", "waiting": 3, "next_try_in": 2.0}
TAKES_NOTHING = finding(
    "destination",
    "takes nothing now: rejected",
    "warn",
    fix="It is tried again. Look there.",
    lamps=["backlog:waiting"],
)


def test_a_failing_destination() -> None:
    assert Said(FAILS, TAKES_NOTHING).failing("rejected").advice == "Look there."


@pytest.mark.parametrize(
    ("queue", "status"),
    [
        ({"error": ""}, {}),
        ({"error": "something else"}, {}),
        ({"advice": ""}, {}),
        ({"waiting": 0}, {}),
        ({"paused": 5.0}, {}),
        ({}, {"level": "ok"}),
        ({}, {"what": "takes nothing now: something else"}),
        ({}, {"fix": "If it lasts: is it up?"}),
        ({}, {"lamps": []}),
        ({}, {"subject": "another"}),
    ],
)
def test_it_is_wrong_where_one_thing_is_missing(queue: dict[str, Any], status: dict[str, Any]) -> None:
    with pytest.raises(Wrong):
        Said(FAILS | queue, TAKES_NOTHING | status).failing("rejected")


def test_a_held_delivery_is_said_by_all_three() -> None:
    held = [{"object": OBJECT, "reason": "status 0xC000"}]
    row = {"state": "held", "reason": "status 0xC000", "attempts": 1, "due_in": None, "status": None}
    status = finding(
        "held",
        "1 instance held here",
        "warn",
        fix="`appliance queue held` says why. Then `appliance queue retry`.",
        lamps=["backlog:held"],
    )
    more = {"held": held, "show": {"deliveries": [row]}}
    assert Said({}, status, more=more).held("0xC000", 1).queue == "1 held: status 0xC000"
    for wrong in (
        Said({}, status, more=more | {"held": []}),
        Said({}, status, more=more | {"show": {"deliveries": [row | {"reason": "status 0xC001"}]}}),
        Said({}, status | {"level": "ok"}, more=more),
        Said({}, status | {"fix": ""}, more=more),
    ):
        with pytest.raises(Wrong):
            wrong.held("0xC000", 1)


@pytest.mark.parametrize("left", ["waiting", "leased", "held", "stored", "gathering"])
def test_nothing_may_be_left(left: str) -> None:
    findings = (
        finding("destination", "takes deliveries"),
        finding("backlog", "nothing waits"),
        finding("held", "none is held", subject="deliveries"),
    )
    Said({}, *findings).well()
    with pytest.raises(Wrong):
        Said({left: 1}, *findings).well()


def test_what_is_stored_and_not_proven_is_not_called_proven() -> None:
    proven = finding("proofs", "has proven all that it stored")
    owed = finding("proofs", "8 instances stored and to be proven")
    late = finding("proofs", "has not committed in time to 8 instances that it stored", "warn")
    assert Said({"stored": 8}, owed).unproven(8, 0).queue == "ok; 8 stored, not proven"
    assert Said({"stored": 8, "overdue": 8}, late).unproven(8, 8, "in time to 8").queue.startswith("ok, proof is late")
    with pytest.raises(Wrong):
        Said({"stored": 8}, proven).unproven(8, 0)
    with pytest.raises(Wrong):
        Said({"stored": 8, "overdue": 8}, owed).unproven(8, 8, "in time to 8")
