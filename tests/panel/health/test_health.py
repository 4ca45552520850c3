"""All questions together: a box that is well, one of which nothing is known, and what every finding must have."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from appliance.panel.board import Board
from appliance.panel.health import QUESTIONS, examine
from appliance.panel.health.facts import CertificateEnd, Facts, ListEnd, Machine
from appliance.panel.health.finding import Level
from appliance.panel.lamps import BY_KEY
from tests.panel.health.given import DAY, EXPORTER, NOW, QUEUE, ROOM, ago, facts, forward, said

SPOILT = [
    facts(programs={name: said(state)})
    for name in ("receive", "forward", "sensor")
    for state in ("starting", "stopped", "never", "silent", "ended")
]
SPOILT += [
    facts(room=None, room_error="Input/output error"),
    facts(room=dataclasses.replace(ROOM, free=1, inodes_free=1, writable=False)),
    facts(clock_set=False, own={"config_error": "line 3: no"}),
    facts(programs={"receive": said(config={"restart": ["receive.listen"]})}),
    facts(certificates=[CertificateEnd("a", "/a", NOW + days * DAY) for days in (-3, 0, 3, 10, 20, 50)]),
    facts(certificates=[CertificateEnd("a", "/a", None, "No such file")]),
    facts(devices=[CertificateEnd("CT", "/a", NOW + days * DAY) for days in (-3, 20)]),
    facts(lists=[ListEnd("l", "/l", str(left), NOW - 7 * DAY, NOW + left * DAY) for left in (-1, 0, 0.5, 3)]),
    facts(lists=[ListEnd("l", "/l", error="No such file")]),
    facts(machine=Machine(86.0, None, 90.0, True, 1.1, True, {"vda": 3}, 0.4, 0.95)),
    facts(machine=Machine(81.0, None, None, False, 0.9, False)),
    facts(programs={"forward": {**forward(), "links": {"eth0": False}, "rises": {"link_errors": ago(5, 400)}}}),
    facts(programs={"forward": {**forward(), "links": {"eth0": False, "eth1": True}}}),
    facts(exporter={**EXPORTER, "error": "it does not answer", "connected": False, "waiting": 9, "lost": 4}),
    facts(programs={"receive": said(rises={"not_stored": ago(5), "dropped": ago(5)})}),
    facts(programs={"sensor": said(rises={"dropped_packets": ago(5), "blind": ago(5), "faults": ago(9)})}),
    facts(alerts=[{"seen": NOW - 9, "alert": {"signature_id": "D01", "severity": s}} for s in (1, 2, 3, "x")]),
    facts(
        programs={"forward": said(destinations={"p": {**QUEUE, "held": 2, "error": "no", "oldest": 5, "waiting": 1}})}
    ),
    facts(programs={"forward": said(identity={"state": "locked", "lamp": "backlog"})}),
    facts(programs={"forward": said(identity={"state": "absent", "lamp": "backlog"})}),
]


def test_a_box_that_is_well() -> None:
    found = examine(facts())
    assert {each.question for each in found if each.level is Level.OK} == {*QUESTIONS} - {
        "reports",
        "blocks",
        "left",
        "revocations",
    }
    assert not [each for each in found if each.level is not Level.OK or each.lamps or each.fix]


def test_a_box_of_which_nothing_is_known_yet() -> None:
    status = Board(NOW).status(("receive", "forward"), NOW + 1)
    assert not [each for each in examine(Facts(NOW + 1, status["programs"])) if each.level is not Level.OK]


@pytest.mark.parametrize("each", SPOILT)
def test_what_needs_somebody_says_what_to_do_and_lights_a_lamp(each: Facts) -> None:
    found = examine(each)
    for finding in found:
        json.dumps(finding.as_dict())
        assert set(finding.lamps) <= set(BY_KEY)
        assert finding.what and finding.subject and "\n" not in finding.what
        if finding.level is Level.OK:
            assert not finding.lamps
        else:
            assert finding.fix.endswith((".", "?", "STORE-REFUSED")) and finding.lamps, finding
        if finding.level is Level.ALARM:
            assert "alarm:alarm" in finding.lamps
    assert len({(finding.question, finding.subject) for finding in found if finding.question != "certificates"}) == len(
        [finding for finding in found if finding.question != "certificates"]
    )


@pytest.mark.parametrize("odd", [None, "x", [], 3, {"pacs": {}}])
def test_words_of_another_version_break_nothing(odd: Any) -> None:
    programs = {"forward": said(commitments=odd, identity=odd, objects=odd)}
    if isinstance(odd, dict):
        programs["forward"]["destinations"] = odd
    assert examine(facts(programs=programs))
