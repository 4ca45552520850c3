"""DCMTK's programs as the demo's hospital: storescu is the modality, storescp the upstream."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import LocalError
from appliance.cli.demo.images import Image
from appliance.cli.demo.site import Party

_SENDING = re.compile(r"I: Sending file: (.*)$")
_ANSWERED = re.compile(r"I: Received Store Response \((.*)\)$")
_ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}


def need(program: str) -> None:
    """Refuse to start without a program of DCMTK's."""
    if not shutil.which(program):
        raise LocalError(f"the demo needs DCMTK's {program}", fix="Install Debian's package dcmtk (`make setup` does).")


def free_port() -> int:
    """A TCP port that nobody uses at any address, nor did a moment ago: storescp takes all and sets no SO_REUSEADDR."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on a TCP port here. The kernel is asked (proc_pid_net(5)): a connection to a port that
    is free may get it for its own, and meet itself."""
    for table in (Path("/proc/thread-self/net", name) for name in ("tcp", "tcp6")):
        for line in table.read_text().splitlines() if table.exists() else ():
            _, local, _, state, *_ = line.split()
            if state == "0A" and local.endswith(f":{port:04X}"):
                return True
    return False


@dataclass(frozen=True, slots=True)
class Modality:
    """A scanner: an AE title, and a TLS identity (None: cleartext)."""

    ae_title: str
    party: Party | None

    def arguments(self) -> list[str]:
        """The options that make a DCMTK client this modality."""
        if self.party is None:
            return ["-aet", self.ae_title]
        party = self.party
        return ["-aet", self.ae_title, "+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]

    def echo(self, port: int, called_ae: str) -> str:
        """Try a C-ECHO; what echoscu said, "" when it went well."""
        command = ["echoscu", *self.arguments(), "-aec", called_ae, "-to", "5", "-ta", "5", "-td", "5"]
        done = subprocess.run([*command, "127.0.0.1", str(port)], capture_output=True, text=True, timeout=30)
        return "" if done.returncode == 0 else " ".join((done.stdout + done.stderr).split())

    def send(self, images: Iterable[Image], port: int, called_ae: str, on_answer: Callable[[Image, str], None]) -> None:
        """Send images, one run of storescu for each way of proposing them; `on_answer` hears each answer as it comes.

        Ends early, without an error, where the association broke: what was not answered was not taken.
        """
        groups: dict[str, list[Image]] = {}
        for image in images:
            groups.setdefault(image.proposal, []).append(image)
        for proposal, group in groups.items():
            by_path = {str(image.path): image for image in group}
            command = ["storescu", "-v", "-nh", "-R", proposal, *self.arguments(), "-aec", called_ae, "-ta", "10"]
            command += ["-td", "60", "127.0.0.1", str(port), *by_path]
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_ENVIRONMENT, bufsize=1
            ) as process:
                assert process.stdout is not None
                sending: Image | None = None
                for line in process.stdout:
                    if found := _SENDING.search(line):
                        sending = by_path.get(found[1])
                    elif (found := _ANSWERED.search(line)) and sending:
                        on_answer(sending, found[1])
                        sending = None


class Upstream:
    """A PACS: storescp, which writes each data set exactly as it came."""

    def __init__(self, directory: Path, port: int, party: Party | None) -> None:
        self.directory = directory
        self.port = port
        self._party = party
        self._process: subprocess.Popen[bytes] | None = None
        self.options: tuple[str, ...] = ("+xa", "-pm")
        directory.mkdir(exist_ok=True)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = ["storescp", "-q", "-aet", "PACS", "+B", "--fork", "-od", str(self.directory), *self.options]
        if self._party:
            party = self._party
            command += ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
        self._process = subprocess.Popen(
            [*command, str(self.port)],
            env=_ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise LocalError("storescp ended at once", fix=f"Is port {self.port} free?")
            if listens(self.port):
                return
            time.sleep(0.05)
        raise LocalError("storescp does not listen", fix="Look at its output.")

    def stop(self) -> None:
        """Pull its plug: the process and the children that it forked are killed."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait()
            self._process = None

    def count(self) -> int:
        """How many files it holds."""
        return sum(1 for _ in self.directory.iterdir())

    def instances(self) -> dict[str, bytes]:
        """The data set of every instance that it holds, by SOP Instance UID."""
        return {path.name.partition(".")[2]: data_set(path.read_bytes()) for path in self.directory.iterdir()}


def data_set(part10: bytes) -> bytes:
    """What follows the File Meta Information of a Part 10 file (PS3.10 7.1)."""
    if part10[128:132] != b"DICM" or part10[132:140] != b"\x02\0\0\0UL\x04\0":
        raise ValueError("no Part 10 file")
    return part10[144 + int.from_bytes(part10[140:144], "little") :]
