"""How exposed each program is, by systemd's own reckoning (0 is best, 10 worst)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.units.machine import REPOSITORY, UNITS, run, tool

# In tenths. What is left of receive and forward is that they have a network; of the sensor, that it has packet
# sockets; of respond, that it may administer the network; of files, which is no program, that it may change owners.
THRESHOLDS = {"receive": 12, "forward": 15, "sensor": 15, "respond": 12, "panel": 10, "alarm": 10, "files": 16}


def exposure(*arguments: str) -> tuple[int, str]:
    analysed = run(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", *arguments)
    return analysed.returncode, analysed.stdout


@pytest.mark.parametrize("program", THRESHOLDS)
def test_exposure_stays_below_its_threshold(program: str) -> None:
    unit = str(UNITS / f"appliance-{program}.service")
    status, _ = exposure(f"--threshold={THRESHOLDS[program]}", unit)
    if status:
        _, report = exposure("--json=short", unit)
        open_ends = [each for each in json.loads(report) if not each["set"] or each["exposure"] not in (None, "0.0")]
        pytest.fail(f"{program} is above {THRESHOLDS[program] / 10}:\n{json.dumps(open_ends, indent=1)}")


def test_a_lost_line_would_be_noticed(tmp_path: Path) -> None:
    unit = tmp_path / "appliance-receive.service"
    text = (UNITS / unit.name).read_text()
    unit.write_text(text.replace("CapabilityBoundingSet=\n", ""))
    status, _ = exposure(f"--threshold={THRESHOLDS['receive']}", str(unit))
    assert status != 0


def test_a_panel_that_may_call_a_collector_is_little_more_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "appliance-panel.service"
    dropin = (REPOSITORY / "firmware-config/appliance-panel-syslog.conf").read_text()
    unit.write_text((UNITS / unit.name).read_text().replace("[Install]", dropin + "\n[Install]"))
    verified = run(tool("systemd-analyze"), "verify", "--man=no", str(unit))
    assert "Unknown" not in verified.stderr and "Failed to parse" not in verified.stderr
    status, report = exposure("--threshold=15", str(unit))
    assert status == 0, report


def test_every_service_has_a_threshold() -> None:
    assert {f"appliance-{program}.service" for program in THRESHOLDS} == {each.name for each in UNITS.glob("*.service")}
