"""The receivers that are compared, each as a context manager that yields how to reach it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.demo.dcmtk import free_port
from appliance.cli.demo.site import Site, build

HERE = Path(__file__).parent
DISK = HERE.parents[1] / "build" / "bench"
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: port, called AE title, the TLS options of a DCMTK client, and the process to look at."""

    port: int
    called_ae: str
    options: list[str]
    pid: int


@dataclass(frozen=True, slots=True)
class Receiver:
    """A way to receive: its name, and what starts it below a directory."""

    name: str
    start: Callable[[Path], contextlib.AbstractContextManager[Target]]
    where: Path = DISK


@contextlib.contextmanager
def process(command: list[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; waits until it listens."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, after its end was read
    running = subprocess.Popen(
        command, env={**os.environ, "TCP_NODELAY": "1", **environment}, stdout=log, stderr=log, start_new_session=True
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if running.poll() is not None:
                break
            time.sleep(0.05)
        if running.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"{command[0]} ended: {log.read()[-2000:]!r}")
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        log.close()


def hospital(root: Path, classical: bool = False) -> Site:
    """Certificates, keys and a configuration; `receive` alone is run from it."""
    site = build(root, classical=classical, port=free_port(), upstream_port=free_port())
    text = site.config.read_text()
    site.config.write_text(text[: text.index("[[destination]]")])
    return site


@contextlib.contextmanager
def ours(root: Path) -> Iterator[Target]:
    """receive over mutual TLS 1.3, sealing to two hybrid recipients, durable before each answer."""
    site = hospital(root)
    command = [sys.executable, "-m", "appliance", "program", "receive", "--config", str(site.config)]
    with process(command, site.port, APPLIANCE_LOG_LEVEL="WARNING") as running:
        party = site.ct
        tls = ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
        yield Target(site.port, "EDGE01", ["-aet", "CT1", *tls], running.pid)


def storescp(preload: Path | None = None, *more: str) -> Callable[[Path], contextlib.AbstractContextManager[Target]]:
    """DCMTK's storescp in cleartext, TCP_NODELAY on both ends; with `preload` as durable as we are."""

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Target]:
        port = free_port()
        command = ["storescp", "-q", "-aet", "PACS", "-pm", "+B", "-pdu", "131072", *more, "-od", str(root), str(port)]
        environment = {"LD_PRELOAD": str(preload)} if preload else {}
        with process(command, port, **environment) as running:
            yield Target(port, "PACS", ["-aet", "CT1"], running.pid)

    return start


@contextlib.contextmanager
def pynetdicom_tls(root: Path) -> Iterator[Target]:
    """pynetdicom's storage SCP over mutual TLS, writing files without flushing them."""
    site = hospital(root)
    command = [sys.executable, str(HERE / "pynetdicom_scp.py"), str(site.port), str(root / "tls"), str(root)]
    with process(command, site.port) as running:
        party = site.ct
        tls = ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
        yield Target(site.port, "PACS", ["-aet", "CT1", *tls], running.pid)


@contextlib.contextmanager
def orthanc_tls(root: Path) -> Iterator[Target]:
    """Orthanc over mutual TLS with its default storage."""
    site = hospital(root)
    tls = root / "tls"
    shutil.copy(tls / "appliance.key", tls / "orthanc.key")
    (root / "orthanc.json").write_text(
        f"""{{"StorageDirectory": "{root}/db", "IndexDirectory": "{root}/db", "DicomPort": {site.port},
        "DicomAet": "PACS", "HttpServerEnabled": false, "DicomTlsEnabled": true, "OverwriteInstances": true,
        "DicomTlsCertificate": "{tls}/appliance.crt", "DicomTlsPrivateKey": "{tls}/orthanc.key",
        "DicomTlsTrustedCertificates": "{tls}/site-ca.crt", "Plugins": []}}"""
    )
    with process(["Orthanc", str(root / "orthanc.json")], site.port) as running:
        party = site.ct
        options = ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
        yield Target(site.port, "PACS", ["-aet", "CT1", *options], running.pid)


def shim() -> Path:
    """Compile the preload that makes storescp durable."""
    DISK.mkdir(parents=True, exist_ok=True)
    library = DISK / "durable.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / "durable.c"), "-ldl"]
    subprocess.run(command, check=True)
    return library
