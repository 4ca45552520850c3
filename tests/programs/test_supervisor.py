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


# A supervisor whose programs say that they are ready; "forward" says nothing more, "receive" goes on for a while.
SUPERVISE = """
import sys
from pathlib import Path
from appliance.config.load import load_config
from appliance.programs import supervisor
supervisor._HANGS, supervisor._LAST_WORDS, supervisor.wanted = 2.0, 0.3, lambda _: ("forward", "receive")
supervisor.command = lambda name, _: [sys.executable, "-c", sys.argv[2], name]
path = Path(sys.argv[1])
sys.exit(supervisor.Supervisor(load_config(path), path).run())
"""
DEAF = """
import signal
signal.signal(signal.SIGABRT, signal.SIG_IGN)
"""
PROGRAM = """
import os, sys, time
from appliance.host import notify
notify.ready("ready")
print(sys.argv[1], os.getpid(), os.environ["WATCHDOG_USEC"], flush=True)
while True:
    time.sleep(0.1)
    if sys.argv[1] == "receive":
        notify.beat()
"""


@pytest.mark.usefixtures("signals")
def test_the_panel_ends_before_those_whose_end_it_would_report(tmp_path: Path) -> None:
    config = parse_config(VALID.encode())
    config = config.model_copy(update={"appliance": config.appliance.model_copy(update={"runtime_dir": tmp_path})})
    supervisor = Supervisor(config, tmp_path / "appliance.toml")
    supervisor._programs = []
    ended = tmp_path / "ended"
    block = "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); print(flush=True)"
    leave = 'signal.sigwait({15}); open(sys.argv[2], "a").write(sys.argv[1] + " ")'
    for name in ("panel", "forward", "receive"):
        command = [sys.executable, "-c", f"{block}; {leave}", name, str(ended)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout and process.stdout.readline()
        process.stdout.close()
        supervisor._programs.append(_Program(name, process))
    assert supervisor._stop() == 0
    assert ended.read_text() == "panel receive forward "
    for end in (supervisor._signals.socket, supervisor._signals._send):
        end.close()


@pytest.mark.parametrize("how", ["SIGABRT", "SIGKILL"])
def test_a_program_that_feeds_its_watchdog_no_more_is_started_again(tmp_path: Path, how: str) -> None:
    path = tmp_path / "appliance.toml"
    path.write_text(VALID.replace("/run/appliance", f"{tmp_path}/run"))
    started = []
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(path), DEAF * (how == "SIGKILL") + PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        while [name for name, *_ in started].count("forward") < 2 or "receive" not in {name for name, *_ in started}:
            line = process.stdout.readline().split()
            assert line, process.stderr.read()
            started.append(line)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(20) == 0
    assert len([name for name, *_ in started if name == "receive"]) == 1, "that one came on"
    assert {allowed for *_, allowed in started} == {"2000000"}
    assert "PROGRAM-HANGS: forward gave no sign of life for" in said
    assert f"PROGRAM-DIED: forward ended with signal {how}" in said
