"""How long a series needs to be upstream: from our sealed vault, and from plain files with storescu, side by side.

The same storescp takes both, one process an association, and keeps what it gets on tmpfs. The order of senders is
shuffled anew in each round. Medians; the ratios are what counts.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.demo.site import Site
from tests.bench import inputs
from tests.bench.receivers import DISK, MEMORY, Target, process, send
from tests.bench.sealed_vault import Delivered, SealedVault
from tests.bench.verdict import Section, Verdict, median, spread

OURS = "appliance, sealed, mutual TLS, as installed"
ONE = "appliance, sealed, mutual TLS, 1 association"
PLAIN, TLS = "storescu, plain files, cleartext", "storescu, plain files, mutual TLS"
LIMIT = 1.0  # our time by that of storescu in cleartext, at most

Times = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Sender:
    """A way to send a whole series to an upstream, over TLS or not. It gives seconds, and ours CPU seconds too."""

    name: str
    tls: bool
    send: Callable[[SealedVault, Target, list[str]], tuple[float, float | None]]


def ours(associations: int | None) -> Callable[[SealedVault, Target, list[str]], tuple[float, float | None]]:
    """Our own way, with so many associations; None: as is the default."""

    def run(vault: SealedVault, target: Target, _: list[str]) -> tuple[float, float | None]:
        vault.destination(f"127.0.0.1:{target.port}", associations)
        found: Delivered = vault.deliver()
        return found.seconds, found.cpu

    return run


def storescu(_: SealedVault, target: Target, files: list[str]) -> tuple[float, float | None]:
    """storescu's run time."""
    return send(target, files), None


SENDERS = (
    Sender(OURS, True, ours(None)),
    Sender(ONE, True, ours(1)),
    Sender(PLAIN, False, storescu),
    Sender(TLS, True, storescu),
)


@contextlib.contextmanager
def upstream(site: Site, tls: bool, where: Path = MEMORY) -> Iterator[Target]:
    """storescp, as a PACS: every association its own process, data sets as they came, large PDUs."""
    with tempfile.TemporaryDirectory(dir=where, prefix="upstream-") as directory:
        command = ["storescp", "-q", "-aet", "PACS", "-pm", "+B", "+xa", "-pdu", "131072", "--fork", "-od", directory]
        party, options = site.upstream, ["-aet", "CT1"]
        if tls:
            command += ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
            options += ["+tls", str(site.ct.key), str(site.ct.certificate), "+cf", str(site.ct.ca)]
        with process([*command, str(site.upstream_port)], site.upstream_port) as running:
            yield Target(site.upstream_port, "PACS", options, running.pid, Path(directory), None)


def run(runs: int, only: str = "", names: list[str] | None = None) -> Section:
    """Each sender whose name holds `only`, with the inputs of these names."""
    section = Section("Delivery (seconds until storescp has all of it; TCP_NODELAY at both ends)")
    chosen = [sender for sender in SENDERS if only in sender.name]
    for series in inputs.make(DISK / "inputs", names or list(inputs.SERIES)):
        files = series.files
        times: Times = {sender.name: [] for sender in chosen}
        cpu: Times = {sender.name: [] for sender in chosen}
        with tempfile.TemporaryDirectory(dir=DISK, prefix="vault-") as directory:
            sys.stderr.write(f"compare: {series.name}: sealing\n")
            vault = SealedVault.fill(Path(directory), files)
            for number in range(runs):
                for sender in random.sample(chosen, len(chosen)):
                    sys.stderr.write(f"compare: {series.name}, round {number + 1}: {sender.name}\n")
                    with upstream(vault.site, sender.tls) as target:
                        seconds, used = sender.send(vault, target, files)
                        target.demand(len(files))
                    times[sender.name].append(seconds)
                    if used is not None:
                        cpu[sender.name].append(used)
        section.figures[series.name] = {"bytes": series.bytes, "seconds": times, "cpu_seconds": cpu}
        table(section, series.name, series.bytes, times, cpu)
        if PLAIN in times and OURS in times:
            ratio = median(times[OURS]) / median(times[PLAIN])
            section.judge(Verdict(f"{series.name}: time of {OURS} / {PLAIN}", ratio, LIMIT))
    return section


def table(section: Section, name: str, size: int, times: Times, cpu: Times) -> None:
    """Medians, and how many times as long as storescu in cleartext each took."""
    first = median(times.get(PLAIN, []))
    section.lines.append(f"\n{name} ({size / 1e6:.0f} MB)")
    for sender, seconds in times.items():
        middle = median(seconds)
        used = f"  {median(cpu[sender]):.2f} s of CPU" if cpu[sender] else ""
        section.lines.append(
            f"  {sender:46} {middle:7.3f} s  x {middle / first:5.2f}  {size / middle / 1e6:6.0f} MB/s"
            f"  spread {spread(seconds):.2f}{used}"
        )
