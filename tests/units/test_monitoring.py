"""What an admin gives Prometheus and Grafana: accepted by promtool, and about metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from appliance.panel.metrics import METRICS
from tests.prometheus import promtool
from tests.units.machine import REPOSITORY, UNITS, run

MONITORING = REPOSITORY / "firmware-config/monitoring"
RULES = MONITORING / "appliance.rules.yml"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
KNOWN = {metric.name: metric for metric in METRICS}
LABELS = {"instance", "job", *(label for metric in METRICS for label in metric.labels)}


def test_promtool_takes_the_rules() -> None:
    checked = run(promtool(), "check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    assert "17 rules found" in checked.stdout


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    tested = run(promtool(), "test", "rules", str(MONITORING / "appliance.rules.test.yml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_rule_is_seen_to_fire() -> None:
    text = (MONITORING / "appliance.rules.test.yml").read_text()
    fired = set(re.findall(r'labels: \'\{alertname="(\w+)"', text))
    fired |= set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels", text))
    assert fired == set(re.findall(r"- alert: (\w+)", RULES.read_text()))


def test_promtool_takes_the_example_of_a_scrape() -> None:
    checked = run(promtool(), "check", "config", "--syntax-only", str(MONITORING / "prometheus.yml"))
    assert checked.returncode == 0, checked.stderr


def test_promtool_would_notice_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "rules.yml"
    broken.write_text(RULES.read_text().replace("== 0", "=== 0", 1))
    assert run(promtool(), "check", "rules", str(broken)).returncode != 0


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_promtool_takes_every_question_of_the_dashboard(expression: str, tmp_path: Path) -> None:
    rule = tmp_path / "rules.yml"
    filled = expression.replace("$instance", ".*")
    rule.write_text(json.dumps({"groups": [{"name": "x", "rules": [{"record": "x", "expr": filled}]}]}))
    checked = run(promtool(), "check", "rules", str(rule))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", ["appliance.rules.yml", "appliance.rules.test.yml", "grafana-dashboard.json"])
def test_every_metric_that_is_used_exists(path: str) -> None:
    used = set(re.findall(r"\bappliance_[a-z_]+\b", (MONITORING / path).read_text()))
    assert used and used <= set(KNOWN)
    for counter in (name for name in used if KNOWN[name].kind == "counter"):
        text = (MONITORING / path).read_text()
        assert path.endswith("test.yml") or re.search(rf"(increase|rate)\({counter}", text), counter


def test_labels_that_are_shown_exist() -> None:
    text = RULES.read_text() + json.dumps(DASHBOARD)
    shown = set(re.findall(r"\$labels\.([a-z]+)", text)) | set(re.findall(r"\{\{([a-z]+)\}\}", text))
    assert shown and shown <= LABELS


def test_every_rule_says_what_to_do() -> None:
    names = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(set(names)) == len(names) == RULES.read_text().count("description:") == 17
    assert all(name.startswith("Appliance") for name in names)


def test_the_dashboard_is_one() -> None:
    assert DASHBOARD["schemaVersion"] >= 36 and DASHBOARD["uid"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_address_is_the_one_of_the_socket() -> None:
    assert "ListenStream=127.0.0.1:9465\n" in (UNITS / "appliance-panel-metrics.socket").read_text()
    assert ":9465" in (MONITORING / "prometheus.yml").read_text()
