"""Metrics: named by the conventions, told by what is known, without a patient in any label."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from appliance.panel import metrics
from appliance.panel.health import examine
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Level
from appliance.panel.lamps import states
from appliance.panel.metrics import METRICS, Metric, View, exposition
from tests.panel.health.given import NOW, QUEUE, facts, said
from tests.prometheus import promtool

RULES = (("receive", "R01", 2, 4), ("sensor", "D01", 1, 1))


def view(**change: object) -> View:
    known = facts(**change)
    findings = tuple(examine(known))
    return View(
        known, findings, states(known.programs, False, [lamp for each in findings for lamp in each.lamps]), RULES
    )


def text(shown: View, accept: str = "") -> str:
    return exposition(shown, accept)[0].decode()


def value(shown: View, sample: str) -> float:
    (line,) = [line for line in text(shown).splitlines() if line.startswith(sample + " ")]
    return float(line.rpartition(" ")[2])


def test_promtool_finds_nothing_to_complain_about() -> None:
    whole = text(view(programs={"sensor": said(**dict.fromkeys(SENSOR, 1))}))
    done = subprocess.run([promtool(), "check", "metrics"], input=whole, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SENSOR = ("packets", "bytes", "dropped_packets", "blind", "faults", "associations", "tls", "suppressed_alerts", "flows", "memory")  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_told_where_it_is_known(metric: Metric) -> None:
    queue = {**QUEUE, "oldest": NOW - 5}
    programs = {
        "sensor": said(**dict.fromkeys(SENSOR, 1)),
        "respond": said(**dict.fromkeys(("addresses", "blocked", "mitigated", "refused", "failed"), 1)),
        "receive": said(
            **dict.fromkeys(("associations", "pending", "workers", "accepted", "refused", "failed_handshakes"), 1),
            **dict.fromkeys(("stored", "not_stored", "stored_bytes"), 1),
        ),
        "forward": said(
            objects=1,
            bytes=2,
            commitments={"asked": 1, "decided": 0},
            identity={"state": "open", "lamp": ""},
            destinations={"pacs": queue},
            links={"eth0": True},
            link_errors=3,
        ),
    }
    samples = list(metric.read(view(programs=programs)))
    assert samples
    for values, number in samples:
        assert len(values) == len(metric.labels)
        assert isinstance(number, int | float)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert re.fullmatch(r"appliance_[a-z]+(_[a-z]+)*", metric.name)


def test_names_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_nothing_known_is_nothing_told() -> None:
    lines = [line for line in text(View(Facts(NOW))).splitlines() if not line.startswith("#")]
    assert [line.partition("{")[0].partition(" ")[0] for line in lines] == [
        "appliance_build_info",
        "appliance_clock_synchronised",
    ]


def test_figures() -> None:
    shown = view(clock_set=False)
    assert value(shown, "appliance_clock_synchronised") == 0
    assert value(shown, 'appliance_program_up{program="receive"}') == 1
    assert value(shown, 'appliance_alerts_total{program="receive",rule="R01",severity="2"}') == 4
    assert value(shown, 'appliance_health_level{question="clock"}') == Level.WARN
    assert value(shown, 'appliance_lamp_state{lamp="alarm",state="notice"}') == 1
    assert value(shown, 'appliance_lamp_state{lamp="alarm",state="quiet"}') == 0


def test_a_program_that_does_not_talk_tells_no_stale_numbers() -> None:
    shown = view(programs={"receive": said("silent", stored=9)})
    assert value(shown, 'appliance_program_up{program="receive"}') == 0
    assert "appliance_receive_" not in text(shown)


def test_a_scraper_may_ask_for_openmetrics() -> None:
    body, kind = exposition(view(), "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and body.endswith(b"# EOF\n")
    body, kind = exposition(view(), "text/html, */*")
    assert kind.startswith("text/plain; version=0.0.4")


def test_a_name_with_odd_letters_is_escaped() -> None:
    shown = view(programs={"forward": said(destinations={'a "b"\\\n': QUEUE})})
    assert 'appliance_delivery_waiting{destination="a \\"b\\"\\\\\\n"} 0.0' in text(shown)


def test_the_library_is_loaded_only_when_metrics_are_asked_for() -> None:
    code = "import sys, appliance.programs.panel; print([m for m in ('prometheus_client', 'scapy', 'rich', 'pydicom', 'pynetdicom', 'sqlite_utils', 'sqlite3') if m in sys.modules])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert metrics.METRICS
