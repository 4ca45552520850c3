"""The main table: how long storescu needs to be rid of a series, for each receiver, side by side.

The order of receivers is shuffled anew in each round, so that drift of the machine hits all of them alike. Medians; the
ratios are what counts.
"""

from __future__ import annotations

import random
import sys
import time

from tests import orthanc
from tests.bench import inputs, receivers
from tests.bench.receivers import DISK, MEMORY, Receiver, send
from tests.bench.verdict import Section, Verdict, extrapolate, median, spread

OURS, OURS_MEMORY = "appliance, TLS 1.3, sealed, durable", "appliance on tmpfs"
DURABLE, MEMORY_ONLY = "storescp, cleartext, durable", "storescp on tmpfs, cleartext"
DURABLE_TLS, MEMORY_TLS = "storescp, TLS, durable", "storescp on tmpfs, TLS"
PYNETDICOM, ORTHANC = "pynetdicom, TLS", "Orthanc, TLS, as installed"
PROOF = 5  # instances that show whether the durable storescp is
REST = 1.5  # seconds without traffic before a series, as between two patients: what can be done in advance is done
LONG = 200  # files from which on a slow receiver gets a part

# (whose time, divided by whose): at most so much for most inputs, and for the small instances
RATIOS = (
    (OURS, DURABLE, 1.0, 1.0),
    (OURS_MEMORY, MEMORY_ONLY, 1.25, 1.5),
)
# What of a ratio above is TLS alone, and what is sealing: no targets, but they say what a target asks for.
LIKE_FOR_LIKE = ((DURABLE_TLS, DURABLE), (OURS, DURABLE_TLS), (MEMORY_TLS, MEMORY_ONLY), (OURS_MEMORY, MEMORY_TLS))
LEADS = ((PYNETDICOM, OURS, 3.0), (ORTHANC, OURS, 10.0))  # at least

Times = dict[str, list[float]]


def all_receivers() -> list[Receiver]:
    """Those that this machine has."""
    found = [
        Receiver(OURS, receivers.appliance()),
        Receiver(OURS_MEMORY, receivers.appliance(), MEMORY),
        Receiver("floor receiver, TLS, durable", receivers.floor(durable=True)),
        Receiver("floor receiver on tmpfs, TLS", receivers.floor(durable=False), MEMORY),
    ]
    if receivers.has_storescp():
        found += [
            Receiver(DURABLE, receivers.storescp(durable=True)),
            Receiver(MEMORY_ONLY, receivers.storescp(), MEMORY),
            Receiver(DURABLE_TLS, receivers.storescp(durable=True, tls=True)),
            Receiver(MEMORY_TLS, receivers.storescp(tls=True), MEMORY),
        ]
    found.append(Receiver(PYNETDICOM, receivers.pynetdicom_tls))
    if orthanc.find():
        found += [
            Receiver(ORTHANC, receivers.orthanc_tls(tcp_nodelay=False), part_of=10),
            Receiver("Orthanc, TLS, TCP_NODELAY", receivers.orthanc_tls(tcp_nodelay=True), part_of=4),
        ]
    return found


def measure(receiver: Receiver, files: list[str]) -> float:
    """Seconds of one run on a fresh receiver."""
    with receiver.run() as target:
        send(target, files[:1])  # what is lazy is loaded now
        time.sleep(REST)
        if receiver.part_of == 1 or len(files) < LONG:
            seconds = send(target, files)
            target.demand(len(files))
            return seconds
        part = files[: len(files) // receiver.part_of]
        seconds = extrapolate(send(target, part[:1]), send(target, part), len(part), len(files))
        target.demand(len(part))
        return seconds


def run(runs: int, only: str = "", names: list[str] | None = None) -> Section:
    """Each receiver whose name holds `only`, with the inputs of these names."""
    section = Section(
        f"Receivers side by side (seconds of storescu, one association, TCP_NODELAY, after {REST} s of rest)"
    )
    chosen = [receiver for receiver in all_receivers() if only in receiver.name]
    section.lines += [f"  not compared: {why}" for why in receivers.missing()]
    series = inputs.make(DISK / "inputs", names or list(inputs.SERIES))
    if any(receiver.name == DURABLE for receiver in chosen):
        sys.stderr.write("compare: is the durable storescp durable?\n")
        files = series[0].files[:PROOF]
        seen = receivers.prove_durable(files)
        section.lines.append(
            f"  the durable storescp flushed {seen.files} files and their directory {seen.directories} times"
            f" for {len(files)} instances; each of its runs below was checked for the same"
        )
    for each in series:
        files, size = each.files, each.bytes
        times: Times = {receiver.name: [] for receiver in chosen}
        for number in range(runs):
            for receiver in random.sample(chosen, len(chosen)):
                sys.stderr.write(f"compare: {each.name}, round {number + 1}: {receiver.name}\n")
                times[receiver.name].append(measure(receiver, files))
        section.figures[each.name] = {"bytes": size, "seconds": times}
        table(section, each.name, size, times)
        in_part = [f"{it.name}: one in {it.part_of}" for it in chosen if it.part_of > 1 and len(files) >= LONG]
        if in_part:
            section.lines.append(f"  (extrapolated from a part of the files: {'; '.join(in_part)})")
        for verdict in verdicts(each.name, times):
            section.judge(verdict)
        section.lines += [f"     of which {what}: {ratio:.2f} x" for what, ratio in shares(times)]
    return section


def shares(times: Times) -> list[tuple[str, float]]:
    """The ratios of LIKE_FOR_LIKE, as far as both were measured."""
    return [
        (f"{which} / {of}", median(times[which]) / median(times[of]))
        for which, of in LIKE_FOR_LIKE
        if times.get(which) and times.get(of)
    ]


def table(section: Section, name: str, size: int, times: Times) -> None:
    """Medians, and how many times as long as the first receiver each took."""
    first = median(next(iter(times.values())))
    section.lines.append(f"\n{name} ({size / 1e6:.0f} MB)")
    for receiver, seconds in times.items():
        middle = median(seconds)
        section.lines.append(
            f"  {receiver:40} {middle:8.3f} s  x {middle / first:6.2f}   {size / middle / 1e6:7.0f} MB/s"
            f"  spread {spread(seconds):.2f}"
        )


def verdicts(name: str, times: Times) -> list[Verdict]:
    """The targets for one input, as far as the receivers that they compare were measured."""
    found = []
    small = name == inputs.SMALL
    for which, of, limit, limit_small in RATIOS:
        if times.get(which) and times.get(of):
            ratio = median(times[which]) / median(times[of])
            found.append(Verdict(f"{name}: time of {which} / {of}", ratio, limit_small if small else limit))
    for which, of, limit in LEADS:
        if times.get(which) and times.get(of):
            ratio = median(times[which]) / median(times[of])
            found.append(Verdict(f"{name}: time of {which} / {of}", ratio, limit, at_least=True))
    return found
