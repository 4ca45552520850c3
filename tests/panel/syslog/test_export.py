"""The way to a collector: TLS both ways, outages, breaks, a collector that stalls, and a panel that is killed."""

from __future__ import annotations

import datetime
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.base.errors import UpstreamError
from appliance.config.values import HostPort
from appliance.host.certificates import Authority
from appliance.host.tls import server_context
from appliance.panel.syslog.collector import connect
from appliance.panel.syslog.export import Exporter
from appliance.panel.syslog.message import Message
from appliance.routing.retry import Backoff
from tests.panel.syslog.frames import unframe

SOON = Backoff(0.05, 0.1)


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


def message(number: int) -> Message:
    return Message(4, 1_700_000_000.0 + number, "sensor", "D01", (), f"alert {number}")


class Site:
    """A CA, and certificates for the collector and for us."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.authority = Authority.create("site CA")
        (root / "ca.crt").write_bytes(self.authority.certificate)
        for name, server in (("collector", True), ("panel", False)):
            issued = self.authority.issue(name, ("localhost",), server=server, client=not server)
            (root / f"{name}.crt").write_bytes(issued.certificate)
            (root / f"{name}.key").write_bytes(issued.key)

    @property
    def context(self) -> ssl.SSLContext:
        return server_context(self.root / "collector.crt", self.root / "collector.key", self.root / "ca.crt")


class Sink:
    """A collector on loopback: takes one connection after the other, keeps what it read whole."""

    def __init__(self, context: ssl.SSLContext, port: int = 0) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port), backlog=5)
        self.port: int = self._listener.getsockname()[1]
        self.data: list[bytearray] = []
        self.reading = threading.Event()
        self.reading.set()
        self._open: list[ssl.SSLSocket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._open.append(connection)
                    data = bytearray()
                    self.data.append(data)
                    while True:
                        self.reading.wait()
                        if not (piece := connection.recv(65536)):
                            break
                        data += piece
            except OSError:
                if self._listener.fileno() < 0:
                    return

    def records(self) -> list[int]:
        """The numbers of all alerts, in the order of their arrival."""
        whole = [unframe(bytes(data[: _whole(bytes(data))])) for data in self.data]
        return [int(record.rpartition(b" ")[2]) for records in whole for record in records if b"alert" in record]

    def hang_up(self) -> None:
        """Break what is open, as a crash does."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()

    def close(self) -> None:
        """The machine is gone."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        self._thread.join(5)


def _whole(data: bytes) -> int:
    at = 0
    while found := re.match(rb"(\d+) ", data[at : at + 8]):
        end = at + found.end() + int(found[1])
        if end > len(data):
            break
        at = end
    return at


def once(numbers: list[int]) -> list[int]:
    """Without the repetitions."""
    return list(dict.fromkeys(numbers))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def sink(site: Site) -> Iterator[Sink]:
    running = Sink(site.context)
    yield running
    running.reading.set()
    running.close()


def exporter(site: Site, port: int, spool: Path, settle: float = 0.1) -> Exporter:
    address = HostPort("127.0.0.1", port)
    root = site.root

    def call() -> object:
        return connect(address, root / "ca.crt", root / "panel.crt", root / "panel.key", "localhost")

    made = Exporter(address, spool, call, settle=settle, backoff=SOON)  # type: ignore[arg-type]
    made.start()
    return made


def test_records_arrive_in_order_and_are_then_settled(site: Site, sink: Sink, tmp_path: Path) -> None:
    ours = exporter(site, sink.port, tmp_path / "spool")
    for number in range(1, 301):
        ours.offer(message(number))
    until(lambda: len(sink.records()) == 300)
    assert sink.records() == list(range(1, 301))
    until(lambda: ours.state()["waiting"] == 0)
    assert ours.state()["sent"] == 300 and ours.state()["connected"] and not ours.state()["error"]
    ours.stop()


def test_an_outage_loses_nothing_and_keeps_the_order(
    site: Site, sink: Sink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = sink.port
    sink.close()
    ours = exporter(site, port, tmp_path / "spool")
    for number in range(1, 101):
        ours.offer(message(number))
    until(lambda: ours.state()["error"] == "connection refused" and ours.state()["waiting"] == 100)
    assert ours.state()["since"] <= time.time()
    back = Sink(site.context, port)
    until(lambda: once(back.records()) == list(range(1, 101)))
    until(lambda: ours.state()["waiting"] == 0)
    ours.stop()
    back.close()
    said = capsys.readouterr().err
    assert said.count("SYSLOG-UNREACHABLE") == 1 and "SYSLOG-CONNECTED" in said


def test_what_was_sent_into_a_break_is_sent_again_under_its_number(site: Site, sink: Sink, tmp_path: Path) -> None:
    ours = exporter(site, sink.port, tmp_path / "spool", settle=5.0)
    for number in range(1, 21):
        ours.offer(message(number))
    until(lambda: len(sink.records()) == 20)
    sink.hang_up()  # it had read them, and may have lost them
    until(lambda: len(sink.records()) == 40)
    assert sink.records() == [*range(1, 21), *range(1, 21)]
    numbers = [re.findall(rb'sequenceId="(\d+)"', bytes(data)) for data in sink.data]
    assert numbers[0] == numbers[1]
    ours.stop()


def test_a_stop_says_goodbye_and_nothing_is_told_twice(site: Site, sink: Sink, tmp_path: Path) -> None:
    for round_ in range(3):
        ours = exporter(site, sink.port, tmp_path / "spool", settle=60.0)
        until(lambda made=ours: made.state()["connected"])
        for number in range(1, 6):
            ours.offer(message(round_ * 5 + number))
        ours.stop()
    assert sink.records() == list(range(1, 16))


def test_a_collector_that_does_not_read_holds_nobody_up(site: Site, sink: Sink, tmp_path: Path) -> None:
    sink.reading.clear()
    ours = exporter(site, sink.port, tmp_path / "spool")
    until(lambda: ours.state()["connected"])
    began = time.monotonic()
    for number in range(1, 4001):
        ours.offer(Message(4, 0.0, "sensor", "D01", (), "x" * 1500 + f" alert {number}"))
    assert time.monotonic() - began < 2
    until(lambda: ours.state()["waiting"] + ours.state()["lost"] == 4000)
    assert ours.state()["lost"] == 0
    sink.reading.set()
    until(lambda: sum(map(len, sink.data)) > 4000 * 1500 and ours.state()["waiting"] == 0, 20)
    assert sink.records() == list(range(1, 4001))
    ours.stop()


@pytest.mark.parametrize("what", ["another CA", "another name", "no certificate of ours"])
def test_only_the_right_collector_is_told_anything(site: Site, sink: Sink, tmp_path: Path, what: str) -> None:
    other = Site(tmp_path).root / "ca.crt" if what == "another CA" else site.root / "ca.crt"
    name = "siem.example" if what == "another name" else "localhost"
    pair = (None, None) if what.startswith("no") else (site.root / "panel.crt", site.root / "panel.key")
    address = HostPort("127.0.0.1", sink.port)
    made = Exporter(address, tmp_path / "spool", lambda: connect(address, other, *pair, name), backoff=SOON)
    made.start()
    made.offer(message(1))
    until(lambda: bool(made.state()["error"]))
    assert made.state()["error"].startswith(
        ("its certificate is refused", "TLS: ", "the collector closed", "connection reset")
    )
    until(lambda: made.state()["waiting"] == 1)
    assert sink.records() == []
    made.stop()


def test_a_collector_whose_certificate_is_over_hears_everything_when_it_has_another(site: Site, tmp_path: Path) -> None:
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=9)
    old = site.authority.issue("old", ("localhost",), server=True, now=began, lifetime=datetime.timedelta(days=8))
    (tmp_path / "old.crt").write_bytes(old.certificate)
    (tmp_path / "old.key").write_bytes(old.key)
    late = Sink(server_context(tmp_path / "old.crt", tmp_path / "old.key", site.root / "ca.crt"))
    made = exporter(site, late.port, tmp_path / "spool")
    for number in range(1, 4):
        made.offer(message(number))
    until(lambda: made.state()["waiting"] == 3 and "certificate has expired" in made.state()["error"])
    late.close()
    assert late.records() == []
    renewed = Sink(site.context, late.port)
    until(lambda: renewed.records() == [1, 2, 3])
    made.stop()
    renewed.close()


def test_a_certificate_file_that_is_gone_is_no_end(site: Site, sink: Sink, tmp_path: Path) -> None:
    missing = tmp_path / "ca.crt"
    address = HostPort("127.0.0.1", sink.port)
    pair = (site.root / "panel.crt", site.root / "panel.key")
    made = Exporter(address, tmp_path / "spool", lambda: connect(address, missing, *pair, "localhost"), backoff=SOON)
    made.start()
    made.offer(message(1))
    until(lambda: "CA file" in made.state()["error"])
    missing.write_bytes(site.authority.certificate)
    until(lambda: sink.records() == [1])
    made.stop()


def test_an_error_of_ours_does_not_end_the_thread(site: Site, sink: Sink, tmp_path: Path) -> None:
    tries: list[int] = []

    def call() -> object:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("Quillfeather")
        root = site.root
        return connect(
            HostPort("127.0.0.1", sink.port), root / "ca.crt", root / "panel.crt", root / "panel.key", "localhost"
        )

    made = Exporter(HostPort("127.0.0.1", 1), tmp_path / "spool", call, backoff=SOON)  # type: ignore[arg-type]
    made.start()
    made.offer(message(1))
    until(lambda: sink.records() == [1])
    made.stop()


def test_a_record_that_we_cannot_write_down_costs_no_other(
    site: Site, sink: Sink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = exporter(site, sink.port, tmp_path / "spool")
    made.offer(Message(4, float("inf"), "sensor", "D01", (), "a time that is none"))
    made.offer(message(1))
    until(lambda: sink.records() == [1])
    assert made.state()["lost"] == 1
    assert "INTERNAL-ERROR" in capsys.readouterr().err
    made.stop()


def test_more_than_memory_holds_is_counted(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> object:
        raise UpstreamError("nobody is there")

    made = Exporter(HostPort("127.0.0.1", 1), tmp_path / "spool", call, backoff=SOON)  # type: ignore[arg-type]
    for number in range(5000):
        made.offer(message(number))  # nobody has started to write
    assert made.state()["lost"] == 5000 - 4096
    made.start()
    until(lambda: made.state()["waiting"] == 4097)  # and one that says so
    made.stop()
    assert "SYSLOG-LOST: 904 records for the collector 127.0.0.1:1 could not be kept" in capsys.readouterr().err


KILLED = """
import sys, time
from pathlib import Path
from appliance.config.values import HostPort
from appliance.panel.syslog.collector import connect
from appliance.panel.syslog.export import Exporter
from appliance.panel.syslog.message import Message
from appliance.routing.retry import Backoff
root, address = Path(sys.argv[1]), HostPort("127.0.0.1", int(sys.argv[2]))
call = lambda: connect(address, root / "ca.crt", root / "panel.crt", root / "panel.key", "localhost")
exporter = Exporter(address, Path(sys.argv[3]), call, settle=0.2, backoff=Backoff(0.05, 0.1))
exporter.start()
for number in range(int(sys.argv[4]), 10**9):
    exporter.offer(Message(4, 0.0, "sensor", "D01", (), f"alert {number}"))
    while exporter.state()["waiting"] > 500 or not exporter._inbox.empty():
        time.sleep(0.001)
    print(number, flush=True)
"""


def test_a_panel_that_is_killed_again_and_again_tells_everything(site: Site, sink: Sink, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    last = 0
    for lines in (40, 250, 3, 120):
        command = [sys.executable, "-c", KILLED, str(site.root), str(sink.port), str(spool), str(last + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                last = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            # What is said to be offered may be on its way to the disk still: at most one.
            for line in process.stdout:
                last = int(line)
    ours = exporter(site, sink.port, spool)
    until(lambda: ours.state()["waiting"] == 0)
    ours.stop()
    seen = once(sink.records())
    assert seen == sorted(seen)
    missing = set(range(1, last + 1)) - set(seen)
    assert len(missing) <= 4, missing  # one for each kill: taken, and not yet written
