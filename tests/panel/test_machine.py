"""The board's files of the kernel: read where they are, and no trouble where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.panel.health.facts import Machine
from appliance.panel.machine import look_at_machine


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def block(root: Path, state: Path) -> Path:
    """Where the kernel shows the device of a directory, as a link into the devices."""
    device = state.stat().st_dev
    link = root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    link.parent.mkdir(parents=True, exist_ok=True)
    return link


def test_a_board_that_tells_nothing(tmp_path: Path) -> None:
    assert look_at_machine(tmp_path, tmp_path / "none") == Machine()
    assert look_at_machine(tmp_path / "none", tmp_path / "none") == Machine()


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    seen = look_at_machine(tmp_path)
    assert seen.temperature is None or -40 < seen.temperature < 150
    assert seen.life_used is None or 0 < seen.life_used <= 1.1


def test_the_zone_that_is_nearest_to_the_end_counts(tmp_path: Path) -> None:
    zones = tmp_path / "sys/class/thermal"
    put(zones / "thermal_zone0/temp", "51121")
    put(zones / "thermal_zone0/trip_point_0_type", "critical")
    put(zones / "thermal_zone0/trip_point_0_temp", "110000")
    put(zones / "thermal_zone1/temp", "72500")
    for number, (kind, degrees) in enumerate((("passive", 80000), ("critical", 90000), ("active", 0))):
        put(zones / f"thermal_zone1/trip_point_{number}_type", kind)
        put(zones / f"thermal_zone1/trip_point_{number}_temp", str(degrees))
    put(zones / "thermal_zone2/temp", "")  # a driver that does not answer
    put(zones / "cooling_device0/type", "fan")
    seen = look_at_machine(tmp_path, tmp_path)
    assert (seen.temperature, seen.hot_at, seen.critical_at) == (72.5, 80.0, 90.0)


@pytest.mark.parametrize(("said", "low"), [("0", False), ("1", True), ("", None)])
def test_the_supply_of_a_raspberry_pi(tmp_path: Path, said: str, low: bool | None) -> None:
    put(tmp_path / "sys/class/hwmon/hwmon0/name", "cpu_thermal")
    put(tmp_path / "sys/class/hwmon/hwmon1/name", "rpi_volt")
    put(tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm", said)
    assert look_at_machine(tmp_path, tmp_path).undervoltage is low


def test_wear_of_the_emmc_below_luks_below_the_state_directory(tmp_path: Path) -> None:
    disk = tmp_path / "sys/devices/mmc0/block/mmcblk0"
    put(disk / "device/life_time", "0x03 0x0B")
    put(disk / "device/pre_eol_info", "0x02")
    put(disk / "mmcblk0p2/partition", "2")
    opened = tmp_path / "sys/devices/virtual/block/dm-0"
    (opened / "slaves").mkdir(parents=True)
    (opened / "slaves/mmcblk0p2").symlink_to(disk / "mmcblk0p2")
    block(tmp_path, tmp_path).symlink_to(opened)
    seen = look_at_machine(tmp_path, tmp_path)
    assert (seen.life_used, seen.nearly_spent) == (1.1, True)


def test_an_emmc_that_does_not_say_how_worn_it_is(tmp_path: Path) -> None:
    disk = tmp_path / "sys/devices/mmc0/block/mmcblk0"
    put(disk / "device/life_time", "0x00 0x00")
    put(disk / "device/pre_eol_info", "0x00")
    block(tmp_path, tmp_path).symlink_to(disk)
    seen = look_at_machine(tmp_path, tmp_path)
    assert (seen.life_used, seen.nearly_spent) == (None, False)


def test_devices_that_lie_on_each_other_in_a_circle_end(tmp_path: Path) -> None:
    one = tmp_path / "sys/devices/virtual/block/dm-0"
    (one / "slaves").mkdir(parents=True)
    (one / "slaves/dm-0").symlink_to(one)
    block(tmp_path, tmp_path).symlink_to(one)
    assert look_at_machine(tmp_path, tmp_path).life_used is None


def test_errors_of_file_systems(tmp_path: Path) -> None:
    put(tmp_path / "sys/fs/ext4/mmcblk0p2/errors_count", "0")
    put(tmp_path / "sys/fs/ext4/sda1/errors_count", "3")
    put(tmp_path / "sys/fs/ext4/features/lazy_itable_init", "supported")
    assert look_at_machine(tmp_path, tmp_path).file_system_errors == {"mmcblk0p2": 0, "sda1": 3}


@pytest.mark.parametrize("where", ["sys/fs/cgroup/{}.pressure", "proc/pressure/{}"])
def test_memory_and_disks(tmp_path: Path, where: str) -> None:
    some, full = "avg10=0.00 avg60=3.10 avg300=12.50 total=9", "avg10=0.00 avg60=0.00 avg300=1.00 total=1"
    for what in ("memory", "io"):
        put(tmp_path / where.format(what), f"some {some}\nfull {full}")
    seen = look_at_machine(tmp_path, tmp_path)
    assert (seen.memory_pressure, seen.disk_pressure) == (0.125, 0.01)
    put(tmp_path / where.format("memory"), "some avg300=odd")
    assert look_at_machine(tmp_path, tmp_path).memory_pressure is None
