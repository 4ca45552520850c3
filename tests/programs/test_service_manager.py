"""The programs and the service manager, by its real protocols: sockets, readiness, credentials, watchdog. No boot.

systemd-socket-activate opens the sockets; the notify socket is the test's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import Modality, free_port
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site, build
from appliance.host.snapshot import Collector
from tests.programs.test_forward import Box
from tests.units.machine import REPOSITORY, tool

WATCHED = {"WATCHDOG_USEC": "30000000"}

# Read by each Python that finds it: here an engine ends, or hangs, at its first work, as a bug would have it.
ENDS = """\
import os
import threading
from dataclasses import replace

from appliance.base import limits
from appliance.programs import forward, receive
from appliance.vault.adoption import Adoption
from appliance.vault.flusher import Flusher


def end(self, *_):
    raise SystemExit


def hang(self, *_):
    threading.Event().wait()


engine = os.environ.get("ENGINE")
if engine in ("ends", "hangs"):
    Adoption.adopt = end if engine == "ends" else hang
if engine == "flush hangs":
    Flusher.flush = hang
if engine:
    limits.STORE_STEP = replace(limits.STORE_STEP, default=1)
if engine == "hangs":
    limits.ENGINE_STEP = replace(limits.ENGINE_STEP, default=1)
forward._HEARTBEAT = receive._HEARTBEAT = 0.3
receive._HANGS = 1.0
"""


class Manager:
    """Hears what a program says of itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def hear(self, word: str, seconds: float) -> str | None:
        """The message with this word; None when there is none for so long."""
        give_up = time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                said = self._socket.recv(4096).decode()
            except TimeoutError:
                return None
            if word in said.split("\n") or any(line.startswith(f"{word}=") for line in said.split("\n")):
                return said
        return None

    def forget(self) -> None:
        """What was said so far."""
        self._socket.settimeout(0)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """As the units have it: the index key is a credential, and the listener somebody else's."""
    if not shutil.which("echoscu"):
        pytest.skip("DCMTK is not installed: `make setup` does that")
    (tmp_path / "site").mkdir()
    made = build(tmp_path / "site", classical=True, port=free_port(), upstream_port=free_port())
    text = made.config.read_text().replace(f"file:{tmp_path}/site/keys/index-key", "credential:index-key")
    assert "credential:index-key" in text
    # Were it to open a listener itself, this address would refuse it.
    made.config.write_text(text.replace(f'["127.0.0.1:{made.port}"]', '["192.0.2.1:2762"]'))
    return made


def activated(site: Site, manager: Manager, credentials: Path | None, **more: str) -> subprocess.Popen[bytes]:
    """`receive` as its socket unit would start it: at the first connection."""
    settings = {"NOTIFY_SOCKET": str(manager.path), **WATCHED, **more}
    if credentials:
        settings["CREDENTIALS_DIRECTORY"] = str(credentials)
    given = [f"--setenv={name}={value}" for name, value in settings.items()]
    with site.log.open("ab") as log:
        return subprocess.Popen(
            [
                *(tool("systemd-socket-activate"), f"--listen=127.0.0.1:{site.port}", "--fdname=dicom-tls", *given),
                *(sys.executable, "-m", "appliance", "program", "receive", "--config", site.config),
            ],
            stdout=log,
            stderr=log,
        )


def connect(site: Site) -> socket.socket:
    """The first connection, which starts the program."""
    give_up = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", site.port), 5)
        except OSError:
            assert time.monotonic() < give_up, site.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def credentials(site: Site, tmp_path: Path) -> Path:
    """A directory as systemd makes it for LoadCredential=."""
    made = tmp_path / "credentials"
    made.mkdir(mode=0o500)
    made.chmod(0o700)
    shutil.copy(site.root / "keys/index-key", made / "index-key")
    return made


def test_receive_serves_on_the_socket_that_it_was_handed_and_says_how_it_is(
    site: Site, manager: Manager, credentials: Path
) -> None:
    process = activated(site, manager, credentials)
    try:
        with connect(site):
            ready = manager.hear("READY", 30)
            assert ready and "STATUS=listening on" in ready, site.log.read_text()
        manager.forget()
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        assert manager.hear("WATCHDOG", 12), "no beat although something happened"
        process.send_signal(signal.SIGTERM)
        assert manager.hear("STOPPING", 10)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_receive_does_not_begin_without_its_credential(site: Site, manager: Manager) -> None:
    process = activated(site, manager, None)
    try:
        with connect(site):
            assert process.wait(30) in (77, 78), "a status at which the unit does not start it again"
    finally:
        process.kill()
        process.wait()
    assert manager.hear("READY", 0.2) is None
    assert "credential" in site.log.read_text() and "index-key" in site.log.read_text()


def test_a_program_that_stands_still_feeds_no_watchdog(site: Site, manager: Manager, credentials: Path) -> None:
    process = activated(site, manager, credentials)
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        manager.forget()
        with connect(site):
            assert manager.hear("WATCHDOG", 2) is None
        process.send_signal(signal.SIGCONT)
        assert manager.hear("WATCHDOG", 12)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)


def test_a_program_that_is_told_to_reload_again_and_again_feeds_the_watchdog(
    site: Site, manager: Manager, credentials: Path, python_path: str
) -> None:
    process = activated(site, manager, credentials, PYTHONPATH=python_path)
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        time.sleep(0.5)
        manager.forget()
        heard, give_up = None, time.monotonic() + 10
        while heard is None and time.monotonic() < give_up:
            process.send_signal(signal.SIGHUP)
            heard = manager.hear("WATCHDOG", 0.2)  # it looks every 0.3 s
        assert heard, "each reload put off its next look"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def python_path(tmp_path: Path) -> str:
    """A Python path on which programs find `ENDS`."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python/sitecustomize.py").write_text(ENDS)
    return os.pathsep.join([str(tmp_path / "python"), str(REPOSITORY)])


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """The children of `receive`."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_receive_that_is_told_twice_to_stop_ends_as_it_should(site: Site, manager: Manager, credentials: Path) -> None:
    process = activated(site, manager, credentials)
    held: list[int] = []
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        held = workers(process)
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        for pid in held:
            os.kill(pid, signal.SIGCONT)
        assert process.wait(20) == 0, site.log.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_signal_that_strays_to_a_worker_ends_no_association(site: Site, manager: Manager, credentials: Path) -> None:
    process = activated(site, manager, credentials)
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        before = workers(process)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for pid in before:
                os.kill(pid, number)
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        assert workers(process) == before
        assert "PROGRAM-DIED" not in site.log.read_text()
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_a_worker_that_hangs_stops_the_feeding(
    site: Site, manager: Manager, credentials: Path, python_path: str
) -> None:
    site.config.write_text(site.config.read_text().replace("[receive]", "[receive]\nworkers = 1"))
    process = activated(site, manager, credentials, PYTHONPATH=python_path)
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        (worker,) = workers(process)
        os.kill(worker, signal.SIGSTOP)
        manager.forget()
        assert manager.hear("WATCHDOG", 3), "it has nothing to do, and that is no hanging"
        with connect(site) as waiting:
            waiting.sendall(b"\x16")  # the first byte of a handshake: it is handed over
            time.sleep(2.5)
            manager.forget()
            assert manager.hear("WATCHDOG", 3) is None
            os.kill(worker, signal.SIGCONT)
            assert manager.hear("WATCHDOG", 5), "it came to it"
    finally:
        for pid in workers(process):
            os.kill(pid, signal.SIGCONT)
        process.terminate()
        process.wait(20)


def test_a_worker_that_makes_nothing_durable_any_more_stops_the_feeding(
    site: Site, manager: Manager, credentials: Path, python_path: str
) -> None:
    process = activated(site, manager, credentials, PYTHONPATH=python_path, ENGINE="flush hangs")
    senders: list[threading.Thread] = []
    try:
        with connect(site):
            assert manager.hear("READY", 30), site.log.read_text()
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        manager.forget()
        assert manager.hear("WATCHDOG", 5)
        images = list(ct_series(site.root / "images", 1))
        arguments = (images, site.port, "EDGE01", lambda *_: None)
        sender = threading.Thread(target=Modality("CT1", site.ct).send, args=arguments)
        senders.append(sender)
        sender.start()
        give_up = time.monotonic() + 20
        while "ENGINE-STUCK: a receiving worker of receive" not in site.log.read_text():
            assert time.monotonic() < give_up, site.log.read_text()
            time.sleep(0.1)
        manager.forget()
        assert manager.hear("WATCHDOG", 2) is None
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == "", "its other threads live"
    finally:
        for pid in (*workers(process), process.pid):  # as the unit would: all of it
            os.kill(pid, signal.SIGKILL)
        process.wait()
        for each in senders:
            each.join()


@pytest.mark.parametrize("engine", ["works", "ends", "hangs"])
def test_forward_feeds_the_watchdog_only_while_its_engines_move(
    tmp_path: Path, manager: Manager, engine: str, python_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "box").mkdir()
    box = Box(tmp_path / "box")
    box.destination("pacs", free_port())
    box.configure()
    monkeypatch.setenv("PYTHONPATH", python_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    monkeypatch.setenv("ENGINE", engine)
    for name, value in WATCHED.items():
        monkeypatch.setenv(name, value)
    panel = Collector(box.runtime)
    if engine == "works":
        box.state.put()  # else it ends, or hangs, before it is ready
    box.start()
    try:
        panel.socket.settimeout(30)
        first = panel.receive()
        panel.close()
        assert first and first[1]["starting"], "a long start is not silent"
        assert engine != "works" or manager.hear("EXTEND_TIMEOUT_USEC", 30), "a long start is no start that hangs"
        assert manager.hear("READY", 30), box.log
        assert manager.hear("WATCHDOG", 10), box.log
        box.state.put()
        time.sleep(2)
        manager.forget()
        assert (manager.hear("WATCHDOG", 2) is None) == (engine != "works"), box.log
        assert ("ENGINE-STUCK: adoption of forward" in box.log) == (engine != "works"), box.log
        if engine == "hangs":
            assert box.process
            box.process.send_signal(signal.SIGABRT)  # as systemd does
            assert box.process.wait(10) == -signal.SIGABRT
            assert "in hang" in box.log and "adoption.py" in box.log, "where it was is said"
    finally:
        assert box.process
        box.process.kill()
        box.process.wait()
