"""The supervisor of `appliance run`: that it lets its programs end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.load import parse_config
from appliance.programs.supervisor import Supervisor, _Program
from tests.config.files import VALID

# Ends when it is told to, after it said more than a socket holds that nobody reads.
TALKER = """
import signal, sys
from appliance.host import notify
def end(*_):
    for _ in range(600):
        notify.status("stopping")
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def signals() -> Iterator[None]:
    """Gives back the signals that a supervisor takes."""
    taken = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = [signal.getsignal(each) for each in taken]
    yield
    signal.set_wakeup_fd(-1)
    for each, handler in zip(taken, before, strict=True):
        signal.signal(each, handler)


@pytest.mark.usefixtures("signals")
def test_a_program_that_talks_while_it_stops_need_not_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config(VALID.encode())
    config = config.model_copy(update={"appliance": config.appliance.model_copy(update={"runtime_dir": tmp_path})})
    supervisor = Supervisor(config, tmp_path / "appliance.toml")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
    process = subprocess.Popen([sys.executable, "-c", TALKER], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        supervisor._programs = [_Program("panel", process)]
        began = time.monotonic()
        assert supervisor._stop() == 0
        assert process.returncode == 3 and time.monotonic() - began < 10
    for end in (supervisor._signals.socket, supervisor._signals._send):
        end.close()
