"""A systemd of the test's own: PID 1 of fresh namespaces, with the product's units, and directories of its own.

The units are the product's to the letter, but for what the programs start: `sleep`, so that a test sees what systemd
builds around a program. Needs root. Nothing of it reaches the machine: its directories are copies
or empty, there is no network and no unit but ours, and its cgroup goes with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.units.machine import UNITS, tool

PROGRAMS = ("panel", "forward", "receive", "sensor", "respond")
_SYSTEMD = "/lib/systemd/systemd"
_STUBS = ("default", "sysinit", "basic", "shutdown", "sockets", "multi-user", "network")

# $1: a directory, $2: the name of a cgroup. Ends with the systemd, and takes the cgroup away.
_AROUND = """
set -e
mount --make-rprivate /
mount -t cgroup2 none "$1/cgroup"
mkdir "$1/cgroup/$2"
sh -c 'echo $$ >"$1/cgroup/$2/cgroup.procs" && exec unshare --cgroup --pid --fork --kill-child --mount --mount-proc \
  --uts --ipc --net sh "$1/init" "$1"' sh "$1" "$2" || :
find "$1/cgroup/$2" -depth -type d -exec rmdir {} +
"""
_INIT = """
set -e
mount --bind -o ro /proc/sys /proc/sys
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs etc "$1/etc"
cp -a /etc/. "$1/etc"
mount --bind "$1/etc" /etc
for each in /run /srv /var/lib /var/tmp; do mount -t tmpfs own "$each"; done
mount --make-rshared /
systemd-sysusers "$1/sysusers.conf" >/dev/null
mkdir -p /etc/tmpfiles.d
cp "$1/hand-over" /etc/hand-over
cp "$1/tmpfiles.conf" /etc/tmpfiles.d/appliance.conf
systemd-tmpfiles --create appliance.conf
mkdir -p /etc/appliance
touch /etc/appliance/appliance.toml
exec env -i container=lxc "PATH=$PATH" "SYSTEMD_UNIT_PATH=$1/units" "SYSTEMD_GENERATOR_PATH=$1/none" \
  /lib/systemd/systemd --system --unit=default.target --log-target=null --show-status=no --default-standard-output=null
"""


class Manager:
    """Running from `start` to `stop`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._around: subprocess.Popen[bytes] | None = None
        self._init = 0

    def start(self) -> None:
        """Boot it, or skip the test with the reason."""
        for name in ("unshare", "nsenter", "setpriv", "systemctl", "systemd-sysusers", "systemd-tmpfiles"):
            tool(name)
        if not Path(_SYSTEMD).exists():
            pytest.skip("systemd is not on this machine")
        if os.geteuid() != 0:
            pytest.skip("only root can run a systemd of its own")
        for name in ("cgroup", "etc", "none", "units"):
            (self._directory / name).mkdir()
        (self._directory / "init").write_text(_INIT)
        (self._directory / "sysusers.conf").write_bytes((UNITS / "sysusers.d/appliance.conf").read_bytes())
        (self._directory / "tmpfiles.conf").write_bytes((UNITS / "tmpfiles.d/appliance.conf").read_bytes())
        (self._directory / "hand-over").write_bytes((UNITS / "hand-over").read_bytes())
        self._units()
        command = ["unshare", "--mount", "sh", "-c", _AROUND, "sh", self._directory, f"appliance-{os.getpid()}"]
        with (self._directory / "said").open("wb") as said:
            self._around = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        give_up = time.monotonic() + 60
        while not self._booted():
            if self._around.poll() is not None or time.monotonic() > give_up:
                pytest.skip(f"systemd does not run in namespaces here: {(self._directory / 'said').read_text()[-500:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End all of it."""
        if self._around:
            if self._init:
                os.kill(self._init, signal.SIGKILL)  # and so everything in its namespace
            else:
                self._around.kill()
            self._around.wait(30)

    def tmpfiles(self) -> None:
        """Make the directories that are missing, as each boot does."""
        self.run("systemd-tmpfiles", "--create", "appliance.conf")

    def run(self, *command: str | Path, status: int | None = 0) -> str:
        """Run a program as its root would; `status` is what it must end with, None for whatever it is."""
        within = ["nsenter", f"--target={self._init}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup"]
        done = subprocess.run([*within, *command], capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        assert status is None or done.returncode == status, (command, done.returncode, said)
        return said

    def pid(self, program: str) -> int:
        """The main process of a unit, as the systemd counts."""
        return int(self.run("systemctl", "show", "-P", "MainPID", f"appliance-{program}"))

    def within(self, program: str, *command: str | Path, status: int | None = 0) -> str:
        """Run something among the mounts of a unit, as its user."""
        pid = self.pid(program)
        lines = self.run("cat", f"/proc/{pid}/status").splitlines()
        ids = {key: rest.split() for key, _, rest in (line.partition(":") for line in lines)}
        user = [
            "setpriv",
            f"--reuid={ids['Uid'][0]}",
            f"--regid={ids['Gid'][0]}",
            f"--groups={','.join(ids['Groups'])}",
        ]
        return self.run("nsenter", f"--target={pid}", "--mount", *user, *command, status=status)

    def _units(self) -> None:
        for path in (*UNITS.glob("*.service"), *UNITS.glob("*.socket"), *UNITS.glob("*.target")):
            lines = path.read_text().splitlines()
            if path.name != "appliance-files.service":
                lines = ["ExecStart=/bin/sleep infinity" if each.startswith("ExecStart=") else each for each in lines]
            # All of /usr is the machine's, and nothing below it may be ours here.
            lines = [each.replace("/usr/lib/pacs-appliance/hand-over", "/etc/hand-over") for each in lines]
            lines = ["Type=exec" if each == "Type=notify" else each for each in lines]
            (self._directory / "units" / path.name).write_text("\n".join(lines) + "\n")
        for name in _STUBS:
            (self._directory / f"units/{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")

    def _booted(self) -> bool:
        """Whether it answers; finds its pid on the way: `sh`, `unshare` (which `sh` became), and its child."""
        assert self._around
        line = [self._around.pid]
        while len(line) < 3:
            children = Path(f"/proc/{line[-1]}/task/{line[-1]}/children")
            try:
                line.append(int(children.read_text().split()[0]))
            except (OSError, IndexError):
                return False
        if Path(f"/proc/{line[-1]}/comm").read_text().strip() != "systemd":
            return False
        self._init = line[-1]
        return self.run("systemctl", "is-system-running", status=None).strip() == "running"
