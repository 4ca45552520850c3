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
from appliance.vault.layout import StateLayout
from appliance.vault.objects import Objects
from tests import orthanc
from tests.bench.flushes import Flushes, demand, library, read, watching

HERE = Path(__file__).parent
DISK = HERE.parents[1] / "build" / "bench"
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: port, called AE title, a DCMTK client's options; the process to look at, where its files go."""

    port: int
    called_ae: str
    options: list[str]
    pid: int
    store: Path
    site: Site | None = None

    def demand(self, count: int) -> None:
        """Raise RuntimeError where fewer are stored than instances were sent: a refusal would look fast."""
        if self.site and self.store.name == "incoming":  # ours: several may share a segment
            found = len(Objects(StateLayout(self.store.parent)).waiting())
        else:
            found = sum(path.is_file() for path in self.store.rglob("*"))
        if found < count:
            raise RuntimeError(f"{found} are stored of {count} instances")


Start = Callable[[Path], contextlib.AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A way to receive: its name, and what starts it below a directory.

    Of a long series a slow one is sent one file in `part_of`; what the whole would take is extrapolated, and told.
    """

    name: str
    start: Start
    where: Path = DISK
    part_of: int = 1

    @contextlib.contextmanager
    def run(self) -> Iterator[Target]:
        """A fresh one, in a directory of its own that is removed afterwards."""
        self.where.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=self.where, prefix="run-") as directory,
            self.start(Path(directory)) as target,
        ):
            yield target


@contextlib.contextmanager
def process(
    command: list[str], port: int, *, tcp_nodelay: bool = True, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; waits until it listens. TCP_NODELAY is for DCMTK, in whatever program."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, after its end was read
    around = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), **(environment or {})}
    around.pop("TCP_NODELAY", None)
    if tcp_nodelay:
        around["TCP_NODELAY"] = "1"
    running = subprocess.Popen(command, env=around, stdout=log, stderr=log, start_new_session=True)
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


def appliance(receive: str = "", *, plain: bool = False, flushes: Path | None = None) -> Start:
    """receive over mutual TLS 1.3, sealing to two hybrid recipients, durable before each answer.

    `receive` are more lines for that section of the configuration; `plain` has it reached in cleartext; a file for
    `flushes` has its flushes watched.
    """

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Target]:
        site = hospital(root)
        text = site.config.read_text()
        port, more = site.port, receive
        if plain:
            port = free_port()
            more += f'\nlisten_plain = ["127.0.0.1:{port}"]'
            text = text.replace('certificate = "san:ct1.demo.example"', 'tls = "allowed"')
        site.config.write_text(text.replace("[receive]", f"[receive]\n{more}"))
        command = [sys.executable, "-m", "appliance", "program", "receive", "--config", str(site.config)]
        environment = {"APPLIANCE_LOG_LEVEL": "WARNING", **(watching(flushes, into=DISK) if flushes else {})}
        with process(command, port, environment=environment) as running:
            tls = [] if plain else tls_options(site)
            yield Target(port, "EDGE01", ["-aet", "CT1", *tls], running.pid, site.state / "incoming", site)

    return start


def tls_options(site: Site) -> list[str]:
    """The options that make a DCMTK client the site's CT."""
    return ["+tls", str(site.ct.key), str(site.ct.certificate), "+cf", str(site.ct.ca)]


def storescp(
    *more: str, durable: bool = False, tls: bool = False, tcp_nodelay: bool = True, flushes: Path | None = None
) -> Start:
    """DCMTK's storescp; `durable` as we are, which is proven at its end (NotDurable).

    A durable one always has its flushes watched: in `flushes`, for who wants to read them.
    """

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Target]:
        site = hospital(root) if tls else None
        port, store, seen = free_port(), root / "store", flushes or root / "flushes"
        store.mkdir()
        command = ["storescp", "-q", "-aet", "PACS", "-pm", "+B", "-pdu", "131072", *more, "-od", str(store)]
        options = []
        if site:
            identity = [str(root / "tls" / f"appliance.{kind}") for kind in ("key", "crt")]
            command += ["+tls", *identity, "+cf", str(site.ct.ca)]
            options = tls_options(site)
        environment: dict[str, str] = watching(seen, library("durable", DISK), into=DISK) if durable else {}
        with process([*command, str(port)], port, tcp_nodelay=tcp_nodelay, environment=environment) as running:
            yield Target(port, "PACS", ["-aet", "CT1", *options], running.pid, store, site)
        if durable:
            demand(sum(1 for _ in store.iterdir()), read(seen))

    return start


def has_storescp() -> bool:
    """Whether this machine has DCMTK's storescp, and the compiler that makes it durable."""
    return bool(shutil.which("storescp") and shutil.which("gcc"))


def missing() -> list[str]:
    """What cannot be compared here, and why."""
    found = [] if has_storescp() else ["storescp needs Debian's packages dcmtk and gcc"]
    return found if orthanc.find() else [*found, orthanc.MISSING]


def prove_durable(files: list[str]) -> Flushes:
    """Send some files to the durable storescp; its flushes. Raises NotDurable: then nothing may be compared with it."""
    DISK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DISK, prefix="proof-") as directory:
        seen = Path(directory) / "flushes"
        with Receiver("proof", storescp(durable=True, flushes=seen)).run() as target:
            send(target, files)
        return read(seen)


def floor(durable: bool) -> Start:
    """The floor receiver (floor_scp.py) over mutual TLS."""

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Target]:
        site = hospital(root)
        store = root / "store"
        store.mkdir()
        command = [sys.executable, "-m", "tests.bench.floor_scp", str(site.port), str(root / "tls"), str(store)]
        with process([*command, *(["--durable"] if durable else [])], site.port) as running:
            yield Target(site.port, "PACS", ["-aet", "CT1", *tls_options(site)], running.pid, store, site)

    return start


@contextlib.contextmanager
def pynetdicom_tls(root: Path) -> Iterator[Target]:
    """pynetdicom's storage SCP over mutual TLS, writing files without flushing them."""
    site = hospital(root)
    store = root / "store"
    store.mkdir()
    command = [sys.executable, "-m", "tests.bench.pynetdicom_scp", str(site.port), str(root / "tls"), str(store)]
    with process(command, site.port) as running:
        yield Target(site.port, "PACS", ["-aet", "CT1", *tls_options(site)], running.pid, store, site)


def orthanc_tls(tcp_nodelay: bool) -> Start:
    """Orthanc over mutual TLS with its default storage; as it is installed, or told to set TCP_NODELAY."""

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Target]:
        site = hospital(root)
        tls = root / "tls"
        shutil.copy(tls / "appliance.key", tls / "orthanc.key")
        (root / "orthanc.json").write_text(
            f"""{{"StorageDirectory": "{root}/db", "IndexDirectory": "{root}/db", "DicomPort": {site.port},
            "DicomAet": "PACS", "HttpServerEnabled": false, "DicomTlsEnabled": true, "OverwriteInstances": true,
            "DicomTlsCertificate": "{tls}/appliance.crt", "DicomTlsPrivateKey": "{tls}/orthanc.key",
            "DicomTlsTrustedCertificates": "{tls}/site-ca.crt", "Plugins": []}}"""
        )
        found = orthanc.find()
        assert found, orthanc.MISSING
        command = [found.program, str(root / "orthanc.json")]
        with process(command, site.port, tcp_nodelay=tcp_nodelay, environment=found.environment) as running:
            yield Target(site.port, "PACS", ["-aet", "CT1", *tls_options(site)], running.pid, root / "db", site)

    return start


def send(target: Target, files: list[str], nagle: bool = False, options: tuple[str, ...] = ()) -> float:
    """Seconds of one storescu run that sends all files over one association."""
    command = ["storescu", "-q", "-xe", "-R", "-pdu", "131072", "-aec", target.called_ae, *target.options, *options]
    environment = {**os.environ}
    environment.pop("TCP_NODELAY", None)
    if not nagle:
        environment["TCP_NODELAY"] = "1"
    began = time.perf_counter()
    subprocess.run([*command, "127.0.0.1", str(target.port), *files], check=True, env=environment)
    return time.perf_counter() - began
