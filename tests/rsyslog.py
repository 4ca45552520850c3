"""rsyslog as a collector: the installed one, else the one that set-up unpacked.

Started in the foreground on loopback with a configuration of its own; nothing of it outlives the block.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services

DRIVERS = {"ossl": "rsyslog-openssl", "gtls": "rsyslog-gnutls"}

CONFIGURATION = """
global(workDirectory="{root}" maxMessageSize="64k"
       DefaultNetstreamDriver="{driver}"
       DefaultNetstreamDriverCAFile="{tls}/ca.crt"
       DefaultNetstreamDriverCertFile="{tls}/collector.crt"
       DefaultNetstreamDriverKeyFile="{tls}/collector.key")
module(load="imtcp" StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.Authmode="x509/name"
       PermittedPeer=["localhost"])
template(name="fields" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="kind" name="msgid" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="protocol" name="protocol-version" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
}}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")
ruleset(name="all") {{
  action(type="omfile" file="{root}/records" template="fields" asyncWriting="off" flushOnTXEnd="on")
}}
"""


def find(kind: str) -> services.Service:
    """The rsyslogd of this machine with a TLS driver ("ossl" or "gtls"); the test is skipped where it is missing."""
    driver = f"rsyslog/lmnsd_{kind}.so"
    program = services.installed("rsyslogd")
    if program and any(Path("/usr/lib").glob(f"*-linux-*/{driver}")):
        return services.Service(program)
    service = services.unpacked("rsyslogd")
    modules = next(services.UNPACKED.glob(f"usr/lib/*-linux-*/{driver}"), None)
    if service is None or modules is None:
        pytest.skip(
            f"rsyslog with TLS (Debian packages rsyslog and {DRIVERS[kind]}) is not here: `make setup` unpacks it"
        )
    return services.Service(service.program, {**service.environment, "RSYSLOG_MODDIR": str(modules.parent)})


class Running:
    """A collector that can be killed and started again."""

    def __init__(self, rsyslog: services.Service, kind: str, root: Path, tls: Path, port: int) -> None:
        self._rsyslog = rsyslog
        self._root = root
        self.port = port
        self.log = root / "rsyslogd.log"
        text = CONFIGURATION.format(root=root, tls=tls, port=port, driver=kind)
        (root / "rsyslog.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [self._rsyslog.program, "-n", "-f", str(self._root / "rsyslog.conf"), "-i", str(self._root / "pid")]
        with self.log.open("ab") as log:
            environment = {**os.environ, **self._rsyslog.environment}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"rsyslogd did not start: {self.log.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(15)
            self._process = None
            (self._root / "pid").unlink(missing_ok=True)

    @property
    def records(self) -> Path:
        """What it wrote: one JSON document a line."""
        return self._root / "records"


@contextlib.contextmanager
def collector(kind: str, root: Path, tls: Path) -> Iterator[Running]:
    """A running one. `tls` has ca.crt, collector.crt and collector.key; a client must be "localhost"."""
    rsyslog = find(kind)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running = Running(rsyslog, kind, root, tls, port)
    running.start()
    try:
        yield running
    finally:
        running.stop()
