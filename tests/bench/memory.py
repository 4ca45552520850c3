"""Memory of a receiving worker: whatever the size of an instance, and for each association more."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench import inputs, modality, proc, receivers
from tests.bench.proc import Memory
from tests.bench.receivers import DISK, Receiver, Target, send
from tests.bench.verdict import Section, Verdict

MOST, APART, EACH = 80.0, 5.0, 1.5  # MB: a worker; between instances of all sizes; an association more
HUGE = 2_000_000_000
ASSOCIATIONS = 100
BEGUN = 200_000  # bytes of a data set: more than all buffers of an instance together
_ONE_WORKER = Receiver("appliance", receivers.appliance("workers = 1\nmax_associations = 256"))


def run() -> Section:
    """Each size on a fresh worker, then associations that wait, then the same with half an instance each."""
    section = Section("Memory of a worker (MB)")
    peaks = []
    DISK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DISK, prefix="huge-") as directory:
        for name, path in files(Path(directory)):
            sys.stderr.write(f"memory: {name}\n")
            with _ONE_WORKER.run() as target:
                send(target, [str(path)])
                target.demand(1)
                found = proc.memory(worker(target))
            peaks.append(found.peak)
            section.figures[name] = as_json(found)
            section.lines.append(f"  after {name:22} {describe(found)}")
    section.judge(Verdict("a worker's peak for any instance", max(peaks), MOST, "MB"))
    section.judge(Verdict("peaks apart", max(peaks) - min(peaks), APART, "MB"))
    associations(section)
    return section


def files(directory: Path) -> list[tuple[str, Path]]:
    """Names and files; the largest is made now, below `directory`."""
    small, large = inputs.make(DISK / "inputs", [inputs.CT, inputs.LARGE])
    huge = directory / "huge.dcm"
    inputs.write_sparse(huge, HUGE)
    return [("one of 0.5 MB", Path(small.files[0])), ("one of 420 MB", Path(large.files[0])), ("one of 2 GB", huge)]


def associations(section: Section) -> None:
    """What one costs, open and idle, then in the middle of an instance."""
    sys.stderr.write(f"memory: {ASSOCIATIONS} associations\n")
    with _ONE_WORKER.run() as target, modality.held(target, 1):
        pid = worker(target)
        time.sleep(1)
        before = proc.memory(pid)
        with modality.held(target, ASSOCIATIONS) as opened:
            for what in ("idle", "in the middle of an instance"):
                if what != "idle":
                    for each in opened:
                        each.begin(BEGUN)
                time.sleep(1)
                after = proc.memory(pid)
                each_resident = (after.resident - before.resident) / ASSOCIATIONS
                each_proportional = (after.proportional - before.proportional) / ASSOCIATIONS
                section.figures[f"{ASSOCIATIONS} associations, {what}"] = as_json(after)
                section.lines.append(f"  with {ASSOCIATIONS} associations, {what}: {describe(after)}")
                cost = max(each_resident, each_proportional)
                section.judge(Verdict(f"an association more, {what}", cost, EACH, "MB"))


def worker(target: Target) -> int:
    """The only one."""
    (pid,) = proc.workers(target.pid)
    return pid


def describe(found: Memory) -> str:
    """For people."""
    return f"resident {found.resident:6.1f}, peak {found.peak:6.1f}, proportional share {found.proportional:6.1f}"


def as_json(found: Memory) -> dict[str, float]:
    """For programs."""
    return {"resident": found.resident, "peak": found.peak, "proportional": found.proportional}
