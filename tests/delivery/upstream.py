"""Real upstreams for these tests: DCMTK's storescp, in cleartext or over mutual TLS, and its certificates."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.cli.demo.dcmtk import listens
from appliance.delivery.file_meta import parse_file_meta
from appliance.host import certificates


def free_port() -> int:
    """A TCP port that nobody uses now, at any address: storescp takes all of them."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def tcp_to_localhost() -> str:
    """What a probe says of TCP to a peer at localhost that listens on IPv4 alone: a warning where that is ::1 first."""
    return "ok" if socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)[0][0] == socket.AF_INET else "warn"


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until `condition` holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("what was awaited did not come")
        time.sleep(0.01)


@dataclass
class StoreScp:
    """A storescp that writes what it gets, bit by bit. Start and stop it as often as you like."""

    directory: Path
    options: Sequence[str] = ("+xa",)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> StoreScp:
        """Start it and wait until it listens."""
        self.directory.mkdir(exist_ok=True)
        arguments = ["-q", "-od", str(self.directory), "+B", "-uf", "-dhl", "-pm", *self.options, *more]
        with (self.directory.parent / "storescp.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["storescp", *arguments, str(self.port)],
                stdout=log,
                stderr=log,
                env={"TCP_NODELAY": "1"},
                start_new_session=True,
            )
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if listens(self.port):
                return self
            time.sleep(0.01)
        raise TimeoutError("storescp did not start")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop it hard, with the children that hold its associations."""
        if self.process:
            os.killpg(self.process.pid, how)
            self.process.wait()
            self.process = None
            end = time.monotonic() + 10
            while listens(self.port) and time.monotonic() < end:  # they have its listening socket until they are gone
                time.sleep(0.005)

    def __enter__(self) -> StoreScp:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def received(self) -> dict[str, bytes]:
        """The data sets of the files that it wrote, by SOP Instance UID."""
        data_sets = {}
        for path in sorted(self.directory.iterdir()):
            whole = path.read_bytes()
            meta = parse_file_meta(whole)
            data_sets[meta.sop_instance] = whole[meta.data_set_offset :]
        return data_sets


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """A CA for a test, and its certificate as a file."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._authority = certificates.Authority.create(f"Test {name}", now=datetime.now(UTC) - timedelta(days=60))
        self.certificate = directory / f"{name}.crt"
        self.certificate.write_bytes(self._authority.certificate)

    def issue(self, name: str, *, host: str = "localhost", expired: bool = False) -> Pair:
        """A certificate for `host` and, unless that is another one, 127.0.0.1."""
        names = ("localhost", "127.0.0.1") if host == "localhost" else (host,)
        now, lifetime = datetime.now(UTC), certificates.LIFETIME
        if expired:
            now, lifetime = now - timedelta(days=30), timedelta(days=1)
        issued = self._authority.issue(name, names, server=True, client=True, now=now, lifetime=lifetime)
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        issued.write(pair.certificate, pair.key)
        return pair


def tls_options(authority: Authority, pair: Pair) -> tuple[str, ...]:
    """storescp's options for mutual TLS."""
    return ("+tls", str(pair.key), str(pair.certificate), "+cf", str(authority.certificate), "+xa")
