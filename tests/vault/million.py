"""make bench-vault: is a ledger of a million objects as fast as an empty one? Prints each target as met or missed.

    python -m tests.vault.million [--objects N] [--directory DIR]

Half of the objects are delivered, half are owed to a destination that is away, as after a long outage. The full and the
empty ledger take turns, so that both meet the same disk. Then the real `forward` and `panel` run on the full one. Ends
with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from appliance.vault.adoption import Adoption
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.rebuild import COMPARED
from tests.delivery.upstream import free_port
from tests.programs.test_forward import Box
from tests.vault.samples import NOW, record

BATCH = 64  # as adoption has it
LEASED = 16
TURNS = 150
AT_ONCE = 50_000


def new_record(number: int) -> object:
    """An object as it comes: of studies of 200 objects in two series; ids begin alike for a while (intake.py)."""
    tags = {"study_tag": _tag(number // 200, b"s"), "series_tag": _tag(number // 100, b"r")}
    alike = hashlib.sha256(b"%d" % (number // 512)).digest()[:2]
    return record(number, object_id=(alike + os.urandom(14)).hex(), instance_tag=os.urandom(16), **tags)


def _tag(number: int, kind: bytes) -> bytes:
    return hashlib.sha256(kind + b"%d" % number).digest()[:16]


_OBJECTS = """
    WITH RECURSIVE n(i) AS (VALUES(:first) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :end)
    INSERT INTO object (object_id, state, received, adopted, proven, peer, calling_ae, called_ae, sop_class,
        transfer_syntax, modality, study_tag, series_tag, instance_tag, size, data_set_digest, payload_digest)
    SELECT printf('%02x', i / 512 * 37 % 256) || lower(hex(randomblob(15))), 'present', :now + i * 0.001, :now,
        CASE i % 2 WHEN 1 THEN :now END, 'CT suite 2', 'CT1', 'EDGE01', '1.2.840.10008.5.1.4.1.1.2',
        '1.2.840.10008.1.2.1', 'CT', CAST(printf('%016d', i / 200 * 7919 % 1000003) AS BLOB),
        CAST(printf('%016d', i / 100) AS BLOB), randomblob(16), 1000, randomblob(32), randomblob(32) FROM n"""
_DELIVERIES = """
    INSERT INTO delivery (object, destination, state, since, due, status, done)
    SELECT id, 'pacs', CASE WHEN proven IS NULL THEN 'waiting' ELSE 'delivered' END, received, received,
        CASE WHEN proven IS NOT NULL THEN 0 END, proven FROM object WHERE id > :after"""


def fill(ledger: Ledger, objects: int) -> None:
    """Rows as adoption and delivery leave them, made by SQLite and without a flush: only what is there counts."""
    with ledger.reading() as sqlite:
        sqlite.execute("PRAGMA synchronous = OFF")
    for first in range(0, objects, AT_ONCE):
        with ledger.transaction() as sqlite:
            (after,) = sqlite.execute("SELECT coalesce(max(id), 0) FROM object").fetchone()
            sqlite.execute(_OBJECTS, {"first": first, "end": min(first + AT_ONCE, objects), "now": NOW})
            sqlite.execute(_DELIVERIES, {"after": after})
    with ledger.reading() as sqlite:
        sqlite.execute("PRAGMA synchronous = FULL")
        sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # and flush it all here, not in somebody's batch


def rates(ledgers: list[Ledger]) -> dict[str, list[float]]:
    """Mean seconds of a batch, checkpoints included, by what is done and by ledger: entering; leasing and proving."""
    spent: dict[str, list[list[float]]] = {name: [[] for _ in ledgers] for name in ("insert", "lease")}

    def insert(ledger: Ledger) -> None:
        with ledger.transaction():
            for _ in range(BATCH):
                ledger.adopt(new_record(number), ["pacs"], NOW)  # type: ignore[arg-type]

    def lease(ledger: Ledger) -> None:
        leases = ledger.lease("pacs", NOW * 2, 60, LEASED)
        assert len(leases) == LEASED
        with ledger.transaction():
            for each in leases:
                ledger.delivered(each.object_id, "pacs", 0, NOW)

    number = 10**9
    for _ in range(TURNS):
        for act, name in ((insert, "insert"), (lease, "lease")):
            for which, ledger in enumerate(ledgers):
                number += BATCH
                spent[name][which].append(_seconds(lambda act=act, ledger=ledger: act(ledger)))  # type: ignore[misc]
    return {name: [sum(each) / TURNS for each in both] for name, both in spent.items()}


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


class Report:
    """Lines of what was wanted and what was found."""

    def __init__(self) -> None:
        self.missed = 0

    def target(self, what: str, found: float, most: float, unit: str, more: str = "") -> None:
        met = found <= most
        self.missed += not met
        print(f"{'met   ' if met else 'MISSED'}  {what}: {found:.2f} {unit} (target {most:g}){more}", flush=True)


def programs(box: Box, report: Report, size: int) -> int:
    """Start forward and panel; seconds until ready and for a status. The resident memory of forward in kB."""
    start = time.perf_counter()
    box.start()
    box.ready()
    report.target(f"forward ready with {size:,} objects", time.perf_counter() - start, 3, "s")
    panel = subprocess.Popen(
        [sys.executable, "-m", "appliance", "program", "panel", "--config", str(box.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        command = [sys.executable, "-m", "appliance", "status", "--json", "--config", str(box.path)]
        until = time.monotonic() + 20
        while subprocess.run(command, capture_output=True, check=False).returncode not in (0, 1):
            assert time.monotonic() < until, "the panel does not answer"
        times = [_seconds(lambda: subprocess.run(command, capture_output=True, check=False)) for _ in range(5)]
        report.target("appliance status", statistics.median(times), 1, "s", ", the interpreter's start included")
        asked = [_seconds(lambda: box.ask("queue")) for _ in range(20)]
        print(f"        forward answers `queue` in {statistics.median(asked) * 1000:.1f} ms")
        return _resident(box)
    finally:
        panel.terminate()
        panel.wait()
        box.stop()


def _resident(box: Box) -> int:
    assert box.process
    for line in Path(f"/proc/{box.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def make_box(root: Path, objects: int) -> Box:
    """A site with so many objects, the newest of them real, for a start reads some back."""
    box = Box(root)
    box.destination("pacs", free_port())
    box.configure()
    ledger = Ledger(box.state.layout.ledger)
    fill(ledger, objects)
    adoption = Adoption(Objects(box.state.layout), ledger, box.state.index_key, lambda _: ["pacs"])
    adoption.adopt([box.state.put(pixels=1000) for _ in range(64)], time.time())
    ledger.note_fact(COMPARED, b"1")
    ledger.close()
    return box


def main() -> int:
    """Everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    asked = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="million-", dir=asked.directory))
    report = Report()
    try:
        boxes = []
        for name, objects in (("empty", 0), ("full", asked.objects)):
            (top / name).mkdir()
            took = _seconds(lambda name=name, objects=objects: boxes.append(make_box(top / name, objects)))  # type: ignore[misc]
        empty, full = boxes
        size = full.state.layout.ledger.stat().st_size
        print(f"a ledger of {asked.objects:,} objects, {size / 1e6:.0f} MB, made in {took:.0f} s")
        ledgers = [Ledger(box.state.layout.ledger) for box in boxes]
        for name, (few, many) in rates(ledgers).items():
            report.target(f"{name}: a batch, full / empty", many / few, 1.2, f"({many * 1e3:.2f} / {few * 1e3:.2f} ms)")
        for ledger in ledgers:
            ledger.close()
        small, large = programs(empty, report, 0), programs(full, report, asked.objects)
        report.target("peak memory of forward, full / empty", large / small, 1.2, f"({large >> 10} / {small >> 10} MB)")
    finally:
        shutil.rmtree(top)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
