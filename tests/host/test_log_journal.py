"""What journald hears, in its own protocol: the library that the programs use, and a socket in the daemon's place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base import catalogue

LISTEN = """
import os, socket, struct, subprocess, sys
os.makedirs("/run/systemd/journal", exist_ok=True)
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
daemon.bind("/run/systemd/journal/socket")
stream, ours = socket.socketpair()
status = os.fstat(ours.fileno())
environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
subprocess.run([sys.executable, "-c", sys.argv[1]], stderr=ours.fileno(), env=environment, check=True)
sys.stdout.buffer.write(daemon.recv(65536))
"""
SAY = """
from appliance.base import catalogue
from appliance.host import log
log.configure("receive")
log.log(catalogue.CONNECTION_REFUSED, address="192.0.2.1", reason="two\\nlines", advice="Look.", patient="Quillfeather")
"""


def test_an_event_reaches_journald_with_its_fields_and_no_others(tmp_path: Path) -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python is not installed")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root can put a socket in journald's place, in a mount namespace of its own")
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" -c "$1" "$2"', sys.executable]
    done = subprocess.run([*command, LISTEN, SAY], capture_output=True, check=False)
    if b"ermission" in done.stderr or b"not permitted" in done.stderr:
        pytest.skip("this machine lets nobody mount")
    fields = dict(line.split(b"=", 1) for line in done.stdout.splitlines() if b"=" in line)
    assert fields.pop(b"MESSAGE") == b"CONNECTION-REFUSED: closed a connection from 192.0.2.1: two\\x0alines. Look.", (
        done.stderr
    )
    fields = {name: value for name, value in fields.items() if not name.startswith(b"CODE_")}
    assert fields == {
        b"MESSAGE_ID": catalogue.CONNECTION_REFUSED.message_id.encode(),
        b"PRIORITY": b"4",
        b"SYSLOG_IDENTIFIER": b"appliance-receive",
        b"APPLIANCE_EVENT": b"CONNECTION-REFUSED",
        b"APPLIANCE_ADDRESS": b"192.0.2.1",
        b"APPLIANCE_REASON": b"two\\x0alines",
        b"APPLIANCE_ADVICE": b"Look.",
    }
    assert b"Quillfeather" not in done.stdout


REFUSED = """
import os, socket, sys
os.makedirs("/run/systemd/journal", exist_ok=True)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind("/run/systemd/journal/socket")  # and is closed: nobody listens
stream, ours = socket.socketpair()
os.dup2(ours.fileno(), 2)
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
exec(sys.argv[1])
sys.stdout.buffer.write(stream.recv(65536, socket.MSG_DONTWAIT))
"""


def test_a_journald_that_refuses_stops_nothing() -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python is not installed")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root can put a socket in journald's place, in a mount namespace of its own")
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" -c "$1" "$2"', sys.executable]
    done = subprocess.run([*command, REFUSED, SAY], capture_output=True, check=False)
    if b"ermission" in done.stderr or b"not permitted" in done.stderr:
        pytest.skip("this machine lets nobody mount")
    assert done.returncode == 0
    assert b"CONNECTION-REFUSED: closed a connection from 192.0.2.1" in done.stdout
