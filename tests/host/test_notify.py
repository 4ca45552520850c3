"""The service manager's protocol, against a real notify socket."""

import socket
from pathlib import Path

import pytest

from appliance.host import notify


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield sock


@pytest.mark.parametrize("with_library", [True, False])
def test_what_is_said_arrives(manager: socket.socket, with_library: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_library:
        monkeypatch.setattr(notify, "daemon", None)
    elif notify.daemon is None:
        pytest.skip("systemd-python is not installed: it builds only where libsystemd's headers are")
    notify.ready("listening")
    notify.beat()
    notify.stopping()
    assert [manager.recv(100) for _ in range(3)] == [b"READY=1\nSTATUS=listening", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("with_library", [True, False])
def test_a_manager_that_is_gone_is_no_fault(
    manager: socket.socket, with_library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_library:
        monkeypatch.setattr(notify, "daemon", None)
    manager.close()
    notify.beat()


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.ready("x")


def test_the_watchdog_period_is_half_of_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert notify.watchdog_period() == 15
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert notify.watchdog_period() is None
    monkeypatch.delenv("WATCHDOG_USEC")
    assert notify.watchdog_period() is None
