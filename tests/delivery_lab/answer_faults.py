"""What an upstream answers for single instances, and one instance that crashes it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from tests.delivery.test_dimse import pynetdicom_scp
from tests.delivery.upstream import free_port
from tests.delivery.vaults import ROOT
from tests.delivery_lab.lab import Fault, Lab
from tests.delivery_lab.row import Row

_POISON_TRIES = 60.0
Say = Callable[[Lab, str], None]
"""What is to be heard while one object, named here, meets the fault."""


def _status(status: int, say: Say, *, stored: bool = False) -> Fault:
    """The status for one instance of twelve, until `queue` and `status` have said what they should."""

    def run(lab: Lab) -> Row:
        got: list[tuple[str, bytes]] = []
        chosen, well = f"{ROOT}.2.5", threading.Event()

        def answer(event: Any) -> Dataset:
            uid = event.request.AffectedSOPInstanceUID
            response = Dataset()
            response.Status = 0x0000
            response.ErrorComment = "DOE^JOHN 19700101"
            if uid == chosen and not well.is_set():
                response.Status = status
            if response.Status == 0 or stored:
                got.append((uid, event.request.DataSet.getvalue()))
            return response

        with pynetdicom_scp(answer) as port:
            lab.begin(port)
            lab.hear(lab.telling.well)
            ids = [lab.box.state.put() for _ in range(12)]
            say(lab, ids[list(lab.box.state.sent).index(chosen)])
            well.set()
            lab.all_delivered()
            row = lab.arrived(got)
        assert "DOE" not in lab.box.log
        return row

    return Fault(f"one instance is answered 0x{status:04X}", run)


def _busy(lab: Lab, _: str) -> None:
    lab.failing("status 0xA700, out of resources")


def _waits(lab: Lab, object_id: str) -> None:
    """One that is tried again later, while the others are delivered."""
    lab.hear(lambda: lab.telling.waits(object_id, "status 0x0110, processing failure"))
    lab.await_(lambda: lab.box.delivered() == 11, "the others are delivered")


def _warned(lab: Lab, object_id: str) -> None:
    lab.hear(lambda: lab.telling.delivered(object_id, "0xB000"))


def _held(lab: Lab, _: str) -> None:
    lab.held("status 0xC000, cannot understand")
    lab.await_(lambda: lab.box.delivered() == 11, "the others are delivered")


def _poison(lab: Lab) -> Row:
    for _ in range(8):
        lab.box.state.put()
    poison = list(lab.box.state.sent)[3]
    directory, port, stop = lab.root / "upstream", free_port(), threading.Event()
    directory.mkdir()
    uid, crashes = [poison], [0]
    running: list[subprocess.Popen[bytes]] = []

    def serve() -> None:  # what a process supervisor does
        while not stop.is_set():
            command = [sys.executable, "-m", "tests.delivery_lab.crashing_scp", str(port), uid[0], str(directory)]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            running[-1].wait()
            crashes[0] += not stop.is_set()

    supervisor = threading.Thread(target=serve)
    supervisor.start()
    try:
        lab.begin(port)
        lab.await_(lambda: lab.box.delivered() == 7 and crashes[0], "the others are delivered", _POISON_TRIES)
        others = 7
        while not lab.queue["held"]:  # the scanner goes on, and so does the poison's retry
            assert others < 40, f"it is not held after {crashes[0]} crashes"
            before = crashes[0]
            lab.box.state.put()
            others += 1
            lab.box.ask("retry", destination="pacs")
            lab.await_(lambda count=others: lab.box.delivered() == count, "the next is delivered", _POISON_TRIES)  # type: ignore[misc]
            lab.await_(lambda seen=before: crashes[0] > seen or lab.queue["held"], "it is tried again", _POISON_TRIES)  # type: ignore[misc]
        lab.held("the association ended each time that it was sent, while others were delivered")
        lab.seen.append(f"{crashes[0]} crashes, {others} others delivered meanwhile")
        uid[0] = "none"  # its maker mends it
        running[-1].kill()
        lab.all_delivered()
        return lab.arrived(_files(directory))
    finally:
        stop.set()
        running[-1].kill()
        supervisor.join()


def _files(directory: Path) -> list[tuple[str, bytes]]:
    return [(path.name.rpartition(".")[0], path.read_bytes()) for path in directory.iterdir()]


FAULTS = (
    _status(0xA700, _busy),
    _status(0x0110, _waits),
    _status(0xB000, _warned, stored=True),
    _status(0xC000, _held),
    Fault("one instance crashes the upstream", _poison, long=True),
)
