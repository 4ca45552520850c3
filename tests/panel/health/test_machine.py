"""What the board says of itself: supply, heat, wear, file systems, memory, cables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.panel.health import filesystems, heat, links, memory, speed, supply, wear
from appliance.panel.health.facts import Facts, Machine
from appliance.panel.health.finding import Finding, Level
from tests.panel.health.given import MACHINE, ago, facts, forward


def of(**change: object) -> Facts:
    return facts(machine=replace(MACHINE, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("check", [supply.check, heat.check, wear.check, filesystems.check, memory.check, speed.check])
def test_a_board_that_tells_nothing_is_no_trouble(check: object) -> None:
    assert list(check(facts(machine=Machine()))) == []  # type: ignore[operator]


def test_too_little_voltage() -> None:
    (well,) = supply.check(of())
    (low,) = supply.check(of(undervoltage=True))
    assert (well.level, low.level, low.lamps) == (Level.OK, Level.WARN, ("alarm:notice",))


@pytest.mark.parametrize(
    ("now", "hot", "critical", "level"),
    [
        (60, None, 90, Level.OK),
        (80, None, 110, Level.WARN),
        (70, 65, 110, Level.WARN),
        (82, 85, None, Level.OK),
        (85, None, 90, Level.ALARM),
        (99, None, None, Level.WARN),
    ],
)
def test_heat(now: float, hot: float | None, critical: float | None, level: Level) -> None:
    (found,) = heat.check(of(temperature=float(now), hot_at=hot, critical_at=critical))
    assert found.level is level and f"{now} °C" in found.what


@pytest.mark.parametrize(
    ("used", "spent", "level"),
    [(0.1, False, Level.OK), (0.9, False, Level.WARN), (0.1, True, Level.WARN), (1.1, False, Level.ALARM)],
)
def test_wear(used: float, spent: bool, level: Level) -> None:
    (found,) = wear.check(of(life_used=used, nearly_spent=spent))
    assert found.level is level


def test_errors_of_file_systems() -> None:
    (well,) = filesystems.check(of(file_system_errors={"sda1": 0, "sda2": 0}))
    (bad,) = filesystems.check(of(file_system_errors={"sda1": 0, "sda2": 3}))
    assert (well.level, bad.level, bad.subject) == (Level.OK, Level.WARN, "sda2") and "3 errors" in bad.what


@pytest.mark.parametrize(("waited", "level"), [(0.0, Level.OK), (0.09, Level.OK), (0.3, Level.WARN)])
def test_memory(waited: float, level: Level) -> None:
    (found,) = memory.check(of(memory_pressure=waited))
    assert found.level is level


@pytest.mark.parametrize(("waited", "level"), [(0.6, Level.OK), (0.95, Level.WARN)])
def test_speed(waited: float, level: Level) -> None:
    (found,) = speed.check(of(disk_pressure=waited))
    assert found.level is level


def cables(ports: dict[str, bool], **rises: dict[str, float]) -> list[Finding]:
    return list(links.check(facts(programs={"forward": {**forward(), "links": ports, "rises": rises}})))


def test_cables() -> None:
    assert [each.level for each in cables({"eth0": True, "eth1": True})] == [Level.OK, Level.OK]
    assert [each.level for each in cables({"eth0": True, "eth1": False})] == [Level.OK, Level.WARN]
    assert [each.level for each in cables({"eth0": False, "eth1": False})] == [Level.ALARM, Level.ALARM]
    assert cables({}) == []


def test_a_cable_that_damages_frames() -> None:
    assert len(cables({"eth0": True}, link_errors=ago(60, by=99))) == 1
    assert len(cables({"eth0": True}, link_errors=ago(4000, by=9999))) == 1
    bad = cables({"eth0": True}, link_errors=ago(60, by=400))[-1]
    assert (bad.level, bad.subject) == (Level.WARN, "network") and "400 damaged frames" in bad.what
