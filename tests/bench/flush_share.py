"""The share of a small instance's time that goes into flushing it: each answer waits for its own flush.

Told in two ways that have nothing in common. Inside: receive runs with a preload that times its fdatasync and fsync
calls (flushes.c). Outside: the same series with the state directory on tmpfs, where a flush does nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench import inputs, receivers
from tests.bench.compare import REST
from tests.bench.flushes import Flushes, read
from tests.bench.receivers import DISK, MEMORY, Receiver, send
from tests.bench.verdict import Section, median


def watched(files: list[str], durable_storescp: bool) -> tuple[float, Flushes]:
    """Seconds of a series on the disk, and its flushes."""
    DISK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DISK, prefix="flushes-") as directory:
        log = Path(directory) / "flushes"
        start = receivers.storescp(durable=True, flushes=log) if durable_storescp else receivers.appliance(flushes=log)
        with Receiver("watched", start).run() as target:
            send(target, files[:1])
            time.sleep(REST)
            before = read(log)
            seconds = send(target, files)
            return seconds, read(log) - before


def run(runs: int) -> Section:
    """Small instances: ours on the disk and on tmpfs, and what storescp pays for its flushes."""
    section = Section("The flush's share of the time of 1000 instances of 13 kB")
    (series,) = inputs.make(DISK / "inputs", [inputs.SMALL])
    shares: dict[str, list[float]] = {}
    disk, memory = [], []
    for number in range(runs):
        sys.stderr.write(f"flush: round {number + 1}\n")
        for name in ("appliance", "storescp, durable") if receivers.has_storescp() else ("appliance",):
            seconds, found = watched(series.files, name != "appliance")
            if name == "appliance":
                disk.append(seconds)
            shares.setdefault(name, []).append(found.seconds / seconds)
            section.figures.setdefault(name, []).append({"seconds": seconds, **found.as_json()})
        with Receiver("on tmpfs", receivers.appliance(), MEMORY).run() as target:
            send(target, series.files[:1])
            time.sleep(REST)
            memory.append(send(target, series.files))
    section.figures["appliance on tmpfs"] = memory
    for name, each in shares.items():
        last = section.figures[name][-1]
        section.lines.append(
            f"  {name:20} {median(each):4.0%} in {last['files']} flushes of files ({last['file_ms']:.2f} ms each)"
            f" and {last['directories']} of directories ({last['directory_ms']:.2f} ms each)"
        )
    outside = 1 - median(memory) / median(disk)
    section.figures["shares"] = {**shares, "appliance, by tmpfs": outside}
    section.lines.append(f"  {'appliance':20} {outside:4.0%} when the same on tmpfs is taken off")
    section.lines.append(
        "  (what tmpfs takes off beyond the calls: making and naming files on a disk, waking up after each flush)"
    )
    return section
