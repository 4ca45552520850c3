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
