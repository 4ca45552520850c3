"""Four senders at once, each with a CT series of its own: what receive takes in all, beside storescp --fork."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench import inputs, receivers
from tests.bench.receivers import DISK, MEMORY, Receiver, Target, send
from tests.bench.verdict import Section, Verdict, median, spread

SENDERS = 4
OURS, OURS_MEMORY = "appliance, TLS 1.3, sealed, durable", "appliance on tmpfs"
DURABLE, PLAIN = "storescp --fork, cleartext, durable", "storescp --fork on tmpfs, cleartext"


def together(target: Target, series: list[inputs.Input]) -> float:
    """Seconds from the first storescu's start to the last one's end."""
    with ThreadPoolExecutor(len(series)) as senders:
        began = time.perf_counter()
        for each in [senders.submit(send, target, each.files) for each in series]:
            each.result()
        return time.perf_counter() - began


def all_receivers() -> list[Receiver]:
    """Those that this machine has."""
    found = [
        Receiver(OURS, receivers.appliance()),
        Receiver(OURS_MEMORY, receivers.appliance(), MEMORY),
    ]
    if receivers.has_storescp():
        found += [
            Receiver(DURABLE, receivers.storescp("--fork", durable=True)),
            Receiver(PLAIN, receivers.storescp("--fork"), MEMORY),
        ]
    return found


def run(runs: int) -> Section:
    """`runs` rounds; medians of the aggregates."""
    section = Section(f"{SENDERS} senders at once, each {inputs.CT}")
    series = inputs.distinct(DISK / "inputs", inputs.CT, SENDERS)
    megabytes = sum(each.bytes for each in series) / 1e6
    speeds: dict[str, list[float]] = {}
    for number in range(runs):
        for receiver in all_receivers():
            sys.stderr.write(f"senders: round {number + 1}: {receiver.name}\n")
            with receiver.run() as target:
                send(target, series[0].files[:1])
                speeds.setdefault(receiver.name, []).append(megabytes / together(target, series))
                target.demand(sum(len(each.files) for each in series))
    section.figures = {"megabytes_a_second": speeds}
    for name, each in speeds.items():
        section.lines.append(f"  {name:40} {median(each):7.0f} MB/s  spread {spread(each):.2f}")
    for which, of in ((OURS, DURABLE), (OURS_MEMORY, PLAIN)):
        if of in speeds:
            ratio = median(speeds[which]) / median(speeds[of])
            section.judge(Verdict(f"aggregate of {which} / {of}", ratio, 1.0, at_least=True))
    return section
