"""One association over a line of 50 ms to another box of ours: each instance waits for its answer, and then as many
are out as `operations` says. The line is a relay in this process that is late, and not slow; nothing is encrypted.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.base import limits
from tests.bench.receivers import DISK
from tests.bench.verdict import Section, Verdict
from tests.delivery.test_courier import Office
from tests.delivery.test_window import receiving
from tests.scp.scene import Scene

RTT = 0.05
COUNT = 200
GAIN = 5.0  # times as fast with a window of 16 as without one, at least


def run() -> Section:
    """The same instances each way, once: what is waited for is the line alone."""
    section = Section(f"{COUNT} of 13 kB on one association over {RTT * 1000:.0f} ms, to a receive of ours")
    seconds = {operations: deliver(operations) for operations in (1, limits.DELIVERY_OPERATIONS.default)}
    for operations, took in seconds.items():
        section.lines.append(f"  operations = {operations:2}: {took:6.2f} s, {COUNT / took:6.1f} a second")
    section.figures["seconds"] = {str(operations): took for operations, took in seconds.items()}
    alone, several = seconds.values()
    section.judge(Verdict("with a window / without", alone / several, GAIN, "times as fast", at_least=True))
    return section


def deliver(operations: int) -> float:
    """Seconds until all are proven."""
    sys.stderr.write(f"window: operations = {operations}\n")
    with tempfile.TemporaryDirectory(dir=DISK, prefix="window-") as directory:
        office = Office(Path(directory) / "near")
        scene = Scene(Path(directory) / "far")
        with receiving(scene) as port, late(port, RTT / 2) as there:
            entry = {"ae_title": "EDGE01", "calling_ae_title": "peer", "operations": operations}
            office.serve("pacs", there, couriers=1, **entry)
            ids = [office.state.put(pixels=12_800) for _ in range(COUNT)]
            began = time.perf_counter()
            office.adopt(ids)
            while office.counts().delivered < COUNT:
                if time.perf_counter() - began > 60:
                    raise RuntimeError(f"after a minute: {office.counts()}")
                time.sleep(0.01)
            seconds = time.perf_counter() - began
            office.close()
    return seconds


@contextlib.contextmanager
def late(target: int, delay: float) -> Iterator[int]:
    """A relay that gives on what it gets `delay` seconds late, both ways; its port."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection(("127.0.0.1", target))
                for source, sink in ((near, far), (far, near)):
                    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                    threading.Thread(target=_take, args=(source, waiting, delay), daemon=True).start()
                    threading.Thread(target=_give, args=(sink, waiting), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _take(source: socket.socket, waiting: queue.SimpleQueue[tuple[float, bytes]], delay: float) -> None:
    data = b"?"
    while data:
        try:
            data = source.recv(1 << 18)
        except OSError:
            data = b""
        waiting.put((time.monotonic() + delay, data))


def _give(sink: socket.socket, waiting: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
