"""Settings of the machine under the appliance: systemd or the kernel knows every key, and they fit together."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.units.machine import REPOSITORY, UNITS

FIRMWARE = REPOSITORY / "firmware-config"
PI = FIRMWARE / "raspberry-pi"
NETWORK = sorted((FIRMWARE / "network").iterdir())
TRANSPARENT = FIRMWARE / "several-boxes/transparent.network"
SYSCTL = FIRMWARE / "60-appliance-sysctl.conf"


def program(name: str) -> bytes:
    """One of systemd's own, which has the names of all that it reads in it."""
    found = Path(f"/usr/lib/systemd/{name}")
    if not found.exists():
        pytest.skip(f"{name} is not on this machine")
    return found.read_bytes()


def settings(path: Path) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line."""
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, sign, value = line.partition("=")
            assert sign and section, f"{path.name}: {line}"
            yield section, key, value


def known(section: str, key: str, binary: bytes) -> bool:
    return f"\0{section}.{key}\0".encode() in binary


@pytest.mark.parametrize("path", [*NETWORK, TRANSPARENT], ids=lambda path: path.name)
def test_networkd_knows_every_setting(path: Path) -> None:
    networkd = program("systemd-networkd")
    unknown = [(section, key) for section, key, _ in settings(path) if not known(section, key, networkd)]
    assert not unknown


def test_a_setting_that_nobody_knows_would_be_noticed() -> None:
    assert not known("Route", "QuickAcknowledge", program("systemd-networkd"))


def test_the_networks_fit_together() -> None:
    devices = {path: {key: value for _, key, value in settings(path)} for path in NETWORK}
    vlans = [value for section, key, value in settings(FIRMWARE / "network/10-trunk.network") if key == "VLAN"]
    made = {each["Name"] for path, each in devices.items() if path.suffix == ".netdev"}
    configured = {each["Name"] for path, each in devices.items() if path.suffix == ".network"}
    assert set(vlans) == made and made < configured
    gateways = [
        path.name for path in NETWORK for section, key, _ in settings(path) if (section, key) == ("Network", "Gateway")
    ]
    assert gateways == ["30-management.network"], "the default route is not on the scanners' side"


def test_the_capture_port_never_speaks() -> None:
    silent = {key: value for _, key, value in settings(FIRMWARE / "network/40-capture.network")}
    assert "Address" not in silent and "DHCP" not in silent
    assert {silent[key] for key in ("ARP", "LinkLocalAddressing", "IPv6AcceptRA", "EmitLLDP", "MulticastDNS")} == {"no"}


def test_journald_knows_every_setting() -> None:
    journald = program("systemd-journald")
    assert all(known(section, key, journald) for section, key, _ in settings(FIRMWARE / "appliance-journald.conf"))


def test_the_kernel_knows_every_setting() -> None:
    lines = [line for line in SYSCTL.read_text().splitlines() if line and not line.startswith("#")]
    names = [line.partition(" = ")[0] for line in lines]
    assert len(set(names)) == len(names) > 15
    # A kernel may be built without Yama or BPF; a machine may have no IPv6.
    optional = ("kernel.yama.", "kernel.unprivileged_bpf", "net.ipv6.")
    missing = [name for name in names if not Path("/proc/sys", name.replace(".", "/")).exists()]
    assert [name for name in missing if not name.startswith(optional)] == []


def test_the_backlog_of_the_socket_is_allowed() -> None:
    backlog = int(re.findall(r"^Backlog=(\d+)", (UNITS / "appliance-receive.socket").read_text(), re.MULTILINE)[0])
    allowed = re.search(r"^net.core.somaxconn = (\d+)", SYSCTL.read_text(), re.MULTILINE)
    assert allowed and int(allowed[1]) >= backlog


def test_the_firmware_reads_its_configuration() -> None:
    for line in (PI / "config.txt").read_text().splitlines():
        assert len(line) < 98 or line.startswith("#"), "the firmware ignores the rest of a long line"
        assert not line or re.fullmatch(r"#.*|\[\w+\]|[a-z0-9_]+=\S+", line), line
    assert (PI / "cmdline.txt").read_text().count("\n") == 1, "one line, or the kernel sees the first alone"


def test_the_overlays_that_are_ours_are_there() -> None:
    named = re.findall(r"^dtoverlay=(\S+)", (PI / "config.txt").read_text(), re.MULTILINE)
    assert "appliance-lamps" in named
    assert {name for name in named if not (PI / f"{name}.dtso").exists()} == {"disable-wifi", "disable-bt"}


def test_the_boards_watchdog_is_within_what_its_timer_can() -> None:
    seconds = {key: value for _, key, value in settings(PI / "watchdog.conf")}
    assert set(seconds.values()) == {"14s"}


def test_no_section_is_there_twice_where_the_last_would_win() -> None:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.read(FIRMWARE / "appliance-journald.conf")
    assert parser.sections() == ["Journal"]
