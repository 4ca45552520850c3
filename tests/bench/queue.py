"""What a lease costs behind a backlog: `python -m tests.bench.queue`. Also: does what comes now wait for the backlog?

A ledger of 100 waiting deliveries and one of 100,000, by turns on one disk; then the large one is drained to its end as
couriers do it (a batch leased, its proofs in one commit), while new instances come in between. Ratios count, not
seconds. With --drain a real backlog of that many goes to a real storescp instead (`backlog.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from appliance.base import limits
from appliance.vault.ledger import Ledger
from tests.bench import backlog
from tests.bench.verdict import Section, Verdict
from tests.vault.samples import NOW, record

BATCH = limits.DELIVERY_BATCH.default
FRESH = limits.DELIVERY_FRESH.default
TARGET = 1.5
_SIZES = (100, 100_000)
_EVERY = 8  # batches between two instances that come in meanwhile
_LATER = NOW * 2


def filled(path: Path, rows: int) -> Ledger:
    """A ledger in which `rows` deliveries wait, and as many were delivered before."""
    ledger = Ledger(path)
    for start in range(0, 2 * rows, 1000):
        with ledger.transaction():
            for number in range(start, min(start + 1000, 2 * rows)):
                arrive(ledger, float(number))
                if number < rows:
                    ledger.delivered(f"{number:032x}", "pacs", 0, NOW)
    return ledger


def arrive(ledger: Ledger, received: float) -> str:
    """One more instance; its object id."""
    entry = record(int(received), received=received, instance_tag=os.urandom(16), study_tag=os.urandom(16))
    ledger.adopt(entry, ["pacs"], _LATER)
    return entry.object_id


def lease_seconds(ledger: Ledger) -> float:
    """One lease of a batch, which is then given back."""
    begun = time.perf_counter()
    leases = ledger.lease("pacs", _LATER, 3600, BATCH, FRESH)
    spent = time.perf_counter() - begun
    with ledger.transaction():
        for lease in leases:
            ledger.give_back(lease.object_id, "pacs", _LATER)
    return spent


def side_by_side(ledgers: dict[int, Ledger], rounds: int) -> dict[int, float]:
    """The median seconds of a lease, by the number of rows that wait; by turns, so that both meet the same disk."""
    spent: dict[int, list[float]] = {rows: [] for rows in ledgers}
    for _ in range(rounds):
        for rows, ledger in ledgers.items():
            spent[rows].append(lease_seconds(ledger))
    return {rows: statistics.median(each) for rows, each in spent.items()}


def drain(ledger: Ledger, rows: int) -> tuple[list[float], int]:
    """Deliver all of it: the median seconds of a lease in each tenth, and the most batches that passed before an
    instance which came meanwhile was leased."""
    tenths: list[list[float]] = [[] for _ in range(10)]
    came: dict[str, int] = {}
    longest, batch, gone = 0, 0, 0
    while True:
        if batch % _EVERY == 0 and gone < rows:
            came[arrive(ledger, 10.0 * rows + batch)] = batch
        begun = time.perf_counter()
        leases = ledger.lease("pacs", _LATER, 3600, BATCH, FRESH)
        spent = time.perf_counter() - begun
        if not leases:
            return [statistics.median(each) for each in tenths if each], longest
        if len(leases) == BATCH:
            tenths[min(9, gone * 10 // rows)].append(spent)
        with ledger.transaction():
            for lease in leases:
                ledger.delivered(lease.object_id, "pacs", 0, NOW)
                if lease.object_id in came:
                    longest = max(longest, batch - came.pop(lease.object_id))
        gone += len(leases)
        batch += 1


def measure(directory: Path, sizes: tuple[int, int], rounds: int) -> Section:
    """All of it."""
    small, large = sizes
    section = Section(f"A lease of {BATCH} behind {small} and {large} deliveries that wait")
    ledgers = {rows: filled(directory / f"{rows}.sqlite", rows) for rows in sizes}
    try:
        medians = side_by_side(ledgers, rounds)
        for rows, seconds in medians.items():
            section.lines.append(f"  {rows:7} wait: {seconds * 1000:.2f} ms a lease, durable (median of {rounds})")
        section.judge(Verdict(f"lease, {large} / {small}", medians[large] / medians[small], TARGET))
        tenths, longest = drain(ledgers[large], large)
    finally:
        for ledger in ledgers.values():
            ledger.close()
    shown = " ".join(f"{seconds * 1000:.2f}" for seconds in tenths)
    section.lines.append(f"  drained: {shown} ms a lease, tenth by tenth")
    section.judge(Verdict("lease while it drains, slowest / fastest tenth", max(tenths) / min(tenths), 2 * TARGET))
    section.judge(Verdict("batches that an instance waits which came meanwhile", longest, 1, "batches"))
    section.figures = {"lease": medians, "tenths": tenths, "waited": longest}
    return section


def main(arguments: list[str]) -> int:
    """Measure, print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queue", description=__doc__)
    parser.add_argument("--rows", type=int, default=_SIZES[1], help="that wait in the larger ledger")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--drain", type=int, metavar="COUNT", help="send a real backlog of so many to storescp instead")
    parser.add_argument("--directory", type=Path, help="on the disk to measure; without it the usual one for files")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        if options.drain is None:
            section = measure(Path(directory), (_SIZES[0], options.rows), options.rounds)
        elif backlog.MISSING:
            print(backlog.MISSING, file=sys.stderr)
            return 1
        else:
            section = backlog.report(backlog.drain(Path(directory), options.drain))
    print(section.text())
    if options.json:
        verdicts = [each.as_json() for each in section.verdicts]
        options.json.write_text(json.dumps({**section.figures, "verdicts": verdicts}, indent=2) + "\n")
    return 0 if all(verdict.met for verdict in section.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
