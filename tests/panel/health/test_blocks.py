from __future__ import annotations

from appliance.panel.health.blocks import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import NOW, facts, said, summary

BLOCK = {"address": "10.20.0.99", "rule": "D13", "since": NOW - 60, "until": NOW + 540, "packets": 7, "dry_run": False}
RESPOND = {"mode": "block", "protects": "this protects this box alone", "nameless": [], "blocks": []}


def test_a_box_without_respond_has_nothing_to_say() -> None:
    assert list(check(facts())) == []
    assert list(check(facts(programs={"respond": said(mode="off", blocks=[])}))) == []


def test_nobody_is_blocked() -> None:
    (finding,) = check(facts(programs={"respond": said(**RESPOND)}))
    assert (finding.level, finding.what) == (Level.OK, "blocks nobody")
    (finding,) = check(facts(programs={"respond": said(**{**RESPOND, "mode": "dry-run"})}))
    assert finding.what == "blocks nobody (dry-run)"


def test_somebody_is_blocked_and_a_person_should_know() -> None:
    (finding,) = check(facts(programs={"respond": said(**{**RESPOND, "blocks": [BLOCK]})}))
    assert summary([finding]) == [("10.20.0.99", Level.WARN, ("alarm:notice",))]
    for words in ("because of D13", "for another 9 min", "7 packets stopped", "this protects this box alone"):
        assert words in finding.what
    assert "appliance blocks release 10.20.0.99" in finding.fix


def test_a_dry_run_worries_nobody() -> None:
    dry = {**RESPOND, "mode": "dry-run", "blocks": [{**BLOCK, "dry_run": True}]}
    (finding,) = check(facts(programs={"respond": said(**dry)}))
    assert summary([finding]) == [("10.20.0.99", Level.OK, ())]


def test_hosts_without_an_address_keep_it_from_blocking() -> None:
    (finding,) = check(facts(programs={"respond": said(**{**RESPOND, "nameless": ["pacs.rad.example"]})}))
    assert (finding.subject, finding.level) == ("pacs.rad.example", Level.WARN)
    assert "respond.toml" in finding.fix
