"""Ports of the box on a fake sysfs: those that had a link are watched."""

from __future__ import annotations

from pathlib import Path

from appliance.host.links import Links


def port(directory: Path, name: str, *, hardware: bool = True, flags: str = "0x1003", carrier: str = "1") -> None:
    """A port as the kernel shows one; again to change it."""
    (directory / name / "statistics").mkdir(parents=True, exist_ok=True)
    if hardware:
        (directory / name / "device").mkdir(exist_ok=True)
    (directory / name / "flags").write_text(flags + "\n")
    (directory / name / "carrier").write_text(carrier + "\n")
    (directory / name / "statistics/rx_errors").write_text("7\n")


def test_a_port_that_had_a_link_and_lost_it(tmp_path: Path) -> None:
    port(tmp_path, "eth0")
    port(tmp_path, "eth1", carrier="0")
    port(tmp_path, "lo", hardware=False)
    port(tmp_path, "eth2", flags="0x1002")
    links = Links(tmp_path)
    assert links.snapshot() == {"links": {"eth0": True}, "link_errors": 7}
    port(tmp_path, "eth0", carrier="0")
    port(tmp_path, "eth1", carrier="1")
    assert links.snapshot()["links"] == {"eth0": False, "eth1": True}
    port(tmp_path, "eth0", flags="0x1002")  # switched off by a person
    assert links.snapshot()["links"] == {"eth1": True}


def test_a_machine_that_shows_none(tmp_path: Path) -> None:
    assert Links(tmp_path / "none").snapshot() == {"links": {}, "link_errors": 0}


def test_a_box_that_was_never_connected_is_cut_off_after_a_while(tmp_path: Path) -> None:
    now = 100.0
    port(tmp_path, "eth0", carrier="0")
    port(tmp_path, "eth1", carrier="0")
    links = Links(tmp_path, lambda: now)
    assert links.snapshot()["links"] == {}, "both ends may still agree on a speed"
    now += 60
    assert links.snapshot()["links"] == {"eth0": False, "eth1": False}
    port(tmp_path, "eth0", carrier="1")
    assert links.snapshot()["links"] == {"eth0": True}


def test_a_port_that_was_unplugged_with_its_cable(tmp_path: Path) -> None:
    port(tmp_path, "eth0")
    port(tmp_path, "usb0")
    links = Links(tmp_path)
    assert links.snapshot() == {"links": {"eth0": True, "usb0": True}, "link_errors": 14}
    (tmp_path / "usb0").rename(tmp_path.parent / f"{tmp_path.name}-gone")
    assert links.snapshot() == {"links": {"eth0": True, "usb0": False}, "link_errors": 7}
