"""What associations cost that nobody uses: CPU and context switches of receive while 200 of them are open."""

from __future__ import annotations

import sys
import time

from tests.bench import modality, proc, receivers
from tests.bench.receivers import Receiver
from tests.bench.verdict import Section, Verdict

ASSOCIATIONS = 200
SECONDS = 20.0
SETTLED = 12.0  # the counters that the acceptor reports have come to rest by then
CPU = 0.5  # per cent of a core, all processes together
SWITCHES = 10  # of all workers' threads in all that time: one that woke up once a second would be twice that


def run() -> Section:
    """Open them, let everything settle, and count."""
    section = Section(f"Idle: {ASSOCIATIONS} open associations for {SECONDS:.0f} s")
    idle = Receiver("appliance", receivers.appliance("max_associations = 256"))
    sys.stderr.write(f"idle: {ASSOCIATIONS} associations\n")
    with idle.run() as target, modality.held(target, ASSOCIATIONS):
        workers, acceptor = proc.workers(target.pid), [target.pid]
        time.sleep(SETTLED)
        before = [proc.fine_cpu([*workers, *acceptor]), proc.switches(workers), proc.switches(acceptor)]
        time.sleep(SECONDS)
        after = [proc.fine_cpu([*workers, *acceptor]), proc.switches(workers), proc.switches(acceptor)]
        threads = proc.threads(workers)
    cpu, of_workers, of_acceptor = (now - then for now, then in zip(after, before, strict=True))
    share = cpu / SECONDS * 100
    section.figures = {"cpu_percent": share, "worker_switches": of_workers, "acceptor_switches": of_acceptor}
    section.lines.append(f"  {len(workers)} workers with {threads} threads: {of_workers} context switches")
    section.lines.append(f"  the acceptor: {of_acceptor} context switches (it tells the panel every ten seconds)")
    section.judge(Verdict("CPU of all processes", share, CPU, "% of a core"))
    section.judge(Verdict("context switches of the workers", of_workers, SWITCHES, f"in {SECONDS:.0f} s"))
    return section
