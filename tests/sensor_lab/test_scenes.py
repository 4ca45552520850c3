"""Each rule of the catalogue speaks when a real tool gives it a reason to, and its twin leaves it quiet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import tests.sensor_lab.scenes  # noqa: F401
from appliance.cli import alerts
from appliance.cli import sensor as shown
from appliance.inspection.rules import CATALOGUE
from appliance.panel.syslog.records import of_alert
from appliance.programs.sensor import say
from tests.sensor_lab.run import line
from tests.sensor_lab.scene import SCENES, Outcome, Scene

ELSEWHERE = frozenset({"D46"})  # the responder's: whether it blocked


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_scene(scene: Scene, played: dict[str, Outcome], record_property: Callable[[str, object], None]) -> None:
    outcome = played[scene.name]
    record_property("sensor-lab", line(outcome))
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.as_expected, outcome.wrong()


def test_every_rule_has_a_scene_and_a_quiet_twin() -> None:
    for rule in CATALOGUE:
        if rule.id in ELSEWHERE:
            continue
        assert any(each.rule == rule.id and not each.quiet for each in SCENES), f"{rule.id} has no scene"
        assert any(each.rule == rule.id and each.quiet for each in SCENES), f"{rule.id} has no quiet twin"


@pytest.mark.parametrize("name", ["D40-syn_scan", "D40-xmas_scan"])
def test_a_scan_is_one_alert_with_a_count(name: str, played: dict[str, Outcome]) -> None:
    """It is told at once, and once more with its number when the window ends."""
    told = [record["alert"]["metadata"] for record in played[name].alerts]
    assert len(told) == 2
    assert told[0]["count"] == 1 and told[0]["evidence"].startswith("20 targets")
    assert told[1]["count"] > 1 and int(told[1]["evidence"].split()[0]) >= 60


def test_no_alert_has_patient_data(played: dict[str, Outcome]) -> None:
    """The names, ids and passcodes that the scenes sent are in no alert."""
    words = ("LAB-7Q", "3680043.4711", "Lab^Made", "LAB-1", "lab-word", "CompressedSamples", "1.3.6.1.4.1.5962")
    for outcome in played.values():
        said = str(outcome.alerts)
        assert not [word for word in words if word in said], outcome.scene.name


def test_every_alert_can_be_told(played: dict[str, Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal, in the log and to a collector: not all have a source, a target, or a port of it."""
    for outcome in played.values():
        shown.show(outcome.alerts, {**outcome.counters, "passed_over": 0})
        for record in outcome.alerts:
            alerts.tell(record, as_json=False)
            say(record)
            said = of_alert("sensor", 1, record, 0.0)
            assert said.kind == record["alert"]["signature_id"] and record["alert"]["signature"] in said.text
    assert "D13" in capsys.readouterr().out
