"""`appliance alerts`, `inventory` and `peers learn`, on what the sensor wrote and on captures."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.capture.inventory_file import NAME, InventoryFile
from appliance.cli.main import run as appliance
from appliance.host.alerts import AlertLog
from appliance.inspection.engine import Inspection
from tests.capture.test_pcap_file import classic
from tests.inspection.scene import CONFIG, CT, OWN, STRANGER, engine, registry
from tests.inspection.test_engine import recorded
from tests.inspection.test_inventory import filled, meets
from tests.inspection.wire import Wire, associate

NOW = datetime.now(UTC)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A state directory with alerts of two programs, some of them rotated, and its configuration."""
    alerts = tmp_path / "state" / "alerts"
    alerts.mkdir(parents=True)
    log = AlertLog(alerts / "sensor.jsonl", max_bytes=1500, keep=9)
    for age, rule in ((50, "D01"), (30, "D05"), (3, "D01"), (1, "D47")):
        log.append(alert(rule, NOW - timedelta(hours=age)))
    AlertLog(alerts / "receive.jsonl").append({**alert("R01", NOW - timedelta(hours=2)), "dicom": {"calling_ae": "X"}})
    assert (alerts / "sensor.jsonl.1").exists()
    path = tmp_path / "appliance.toml"
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58)
    path.write_text(text.replace("[appliance]", f'[appliance]\nstate_dir = "{tmp_path / "state"}"'))
    return path


def alert(rule: str, when: datetime) -> dict[str, Any]:
    watching = engine()
    Wire(watching, STRANGER, OWN).open().client(associate(calling=b"ROGUE"))
    record: dict[str, Any] = watching.take_alerts()[0]
    record["timestamp"] = when.isoformat()
    record["alert"]["signature_id"] = rule
    return record


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        ([], ["D01", "D05", "D01", "R01", "D47"]),
        (["--since", "4h"], ["D01", "R01", "D47"]),
        (["--since", (NOW - timedelta(minutes=90)).isoformat()], ["D47"]),
        (["--rule", "d01"], ["D01", "D01"]),
        (["--rule", "D01", "--rule", "R01", "--since", "1d"], ["D01", "R01"]),
        (["--since", "1min"], []),
    ],
)
def test_alerts_of_all_logs_by_time(
    site: Path, arguments: list[str], rules: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert appliance(["alerts", "--json", *arguments, "--config", str(site)]) == 0
    assert [json.loads(line)["alert"]["signature_id"] for line in capsys.readouterr().out.splitlines()] == rules


def test_alerts_for_people(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["alerts", "--config", str(site)]) == 0
    out = capsys.readouterr().out
    assert f"D47  high   {STRANGER} to {OWN} port 104  unknown calling AE title" in out
    assert 'calling "ROGUE", called "EDGE01"' in out
    assert "Find the device at this address." in out
    assert appliance(["alerts", "--rule", "D99", "--config", str(site)]) == 0
    assert "There are no such alerts." in capsys.readouterr().err


def test_control_characters_in_a_log_are_not_shown(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = alert("D02", NOW)
    record["alert"]["metadata"]["evidence"] = "\x1b[31mred\r\n"
    AlertLog(site.parent / "state" / "alerts" / "sensor.jsonl").append(record)
    assert appliance(["alerts", "--rule", "D02", "--config", str(site)]) == 0
    out = capsys.readouterr().out
    assert "?[31mred??" in out
    assert "\x1b[31m" not in out


def test_a_time_that_is_none_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["alerts", "--since", "yesterday", "--config", str(site)]) == 2
    assert "2026-01-31 08:00" in capsys.readouterr().err


def test_alerts_as_they_come(site: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "appliance",
        "alerts",
        "--follow",
        "--since",
        "50min",
        "--json",
        "--config",
        str(site),
    ]
    log = AlertLog(site.parent / "state" / "alerts" / "sensor.jsonl")
    log.append(alert("D03", datetime.now(UTC)))  # kept, and younger than all that is there
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["alert"]["signature_id"] == "D03"
        log.append(alert("D13", datetime.now(UTC)))
        assert json.loads(process.stdout.readline())["alert"]["signature_id"] == "D13"
        process.terminate()


# The inventory


@pytest.fixture
def known(site: Path) -> Path:
    InventoryFile(site.parent / "state" / "alerts" / NAME).save(filled())
    return site


def test_the_inventory_as_a_table_and_as_json(known: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["inventory", "--config", str(known)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for word in ("CT_SOMATOM1", "EDGE01", "in clear", "TLS 1.2", "2 pairs of 3 machines", "1 host announced"):
        assert word in out
    assert appliance(["inventory", "--json", "--config", str(known)]) == 0
    stored = json.loads(capsys.readouterr().out)
    assert {each["calling"] for each in stored["talks"]} == {"CT_SOMATOM1", ""}


def test_the_inventory_of_a_capture(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "some.pcap"
    capture.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in recorded()]))
    assert appliance(["inventory", "--json", "--pcap", str(capture), "--config", str(site)]) == 0
    (talk,) = json.loads(capsys.readouterr().out)["talks"]
    assert (talk["client"], talk["server"], talk["stored"]) == (CT, OWN, 2)


def test_an_empty_inventory_says_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["inventory", "--config", str(site)]) == 0
    assert "nobody" in capsys.readouterr().err
    assert appliance(["inventory", "--html", "--json", "--config", str(site)]) == 2


# Proposals


def test_proposals_from_the_inventory_and_from_a_capture(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watching = Inspection(registry())
    meets(watching, 1.7e9, STRANGER, calling=b"US1")
    InventoryFile(site.parent / "state" / "alerts" / NAME).save(watching.inventory)
    assert appliance(["peers", "learn", "--config", str(site)]) == 0
    out = capsys.readouterr().out
    (peer,) = tomllib.loads(out)["peer"]
    assert (peer["ae_titles"], peer["accept"]) == (["US1"], False)
    assert out.startswith("# US1 at ")
    capture = tmp_path / "some.pcap"
    packets = recorded(STRANGER, "10.20.0.50")
    capture.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in packets]))
    assert appliance(["peers", "learn", "--pcap", str(capture), "--config", str(site)]) == 0
    made = tomllib.loads(capsys.readouterr().out)
    assert made["sensor"]["server"][0]["addresses"] == ["10.20.0.50"]
    assert made["peer"][0]["addresses"] == [STRANGER]


def test_nobody_to_propose(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["peers", "learn", "--config", str(site)]) == 0
    said = capsys.readouterr()
    assert (said.out, "Nothing to propose" in said.err) == ("", True)
