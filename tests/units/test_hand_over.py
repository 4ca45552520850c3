"""What root put into /etc/appliance belongs to the program that reads it when that one starts, under a real systemd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.units.manager import Manager

KEY = "/etc/appliance/tls/appliance.key"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    running = Manager(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_a_new_key_is_handed_over_at_the_next_start(manager: Manager) -> None:
    manager.run("mkdir", "-p", str(Path(KEY).parent))
    for _ in range(8):  # more often than systemd lets a unit start by default
        manager.run("rm", "-f", KEY)
        manager.run("install", "-m", "0400", "/dev/null", KEY)
        assert manager.run("stat", "-c", "%U", KEY) == "root\n"
        manager.run("systemctl", "restart", "appliance-receive")
        assert manager.run("stat", "-c", "%U %a", KEY) == "appliance-receive 400\n"
    assert manager.run("systemctl", "--failed", "--no-legend") == ""


def test_a_state_directory_of_another_box_goes_to_the_users_of_this_one(manager: Manager) -> None:
    state = "/var/lib/appliance"
    manager.run("sh", "-c", f"""
        mkdir {state}/objects/ab && touch {state}/objects/ab/x {state}/ledger/y {state}/incoming/z {state}/alerts/a
        ln -s /etc/passwd {state}/objects/ab/link
        chown -R -h 54321:54322 {state}/* && chmod 0600 {state}/objects/ab/x""")  # fmt: skip
    manager.run("systemctl", "start", "appliance-forward")
    names = (
        "objects",
        "objects/ab",
        "objects/ab/x",
        "objects/ab/link",
        "ledger/y",
        "incoming",
        "incoming/z",
        "alerts/a",
    )
    shown = manager.run("stat", "-c", "%U:%G", *(f"{state}/{each}" for each in names)).split()
    forward, receive = "appliance-forward:appliance-forward", "appliance-receive:appliance-incoming"
    assert shown == [*[forward] * 5, *[receive] * 2, "appliance-sensor:appliance"]
    assert manager.run("stat", "-c", "%U", "/etc/passwd") == "root\n"
    assert manager.run("stat", "-c", "%a", f"{state}/incoming") == "2770\n"


def test_what_is_at_home_is_left_as_it_is(manager: Manager) -> None:
    odd = "/var/lib/appliance/objects/odd"
    manager.run("touch", odd)  # one file of root's costs no search of a million at each start
    manager.run("systemctl", "start", "appliance-forward")
    assert manager.run("stat", "-c", "%U", odd) == "root\n"
