"""Delivery over a long line: 50 ms there and back, 200 Mbit/s. How much of the line is used, and by storescu beside it.

An association waits for each answer, so what a long line carries depends on how many there are: `ASSOCIATIONS` says how
many the entry of the destination is given for each kind of load. storescu has one, and is shown a part of the files.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.demo.site import Site
from tests.bench import inputs
from tests.bench.line import MISSING, Line, line
from tests.bench.receivers import DISK, MEMORY
from tests.bench.sealed_vault import SealedVault
from tests.bench.verdict import Section, Verdict

RTT, RATE = 50.0, 200.0  # ms, Mbit/s
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Load:
    """So many series of an input; the share of the line that is asked for; associations; files that storescu sends."""

    name: str
    series: int
    share: float
    associations: int
    part: int


LOADS = (Load(inputs.CT, 4, 0.9, 32, 40), Load(inputs.SMALL, 30, 0.7, 128, 100))
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")


def run(loss: float = 0.0) -> Section:
    """Each load once on a line of its own, for some twenty seconds: what is slow at the start must not decide."""
    section = Section(f"Delivery over {RTT:.0f} ms and {RATE:.0f} Mbit/s, {loss:.2%} lost (share of the line)")
    if MISSING:
        section.lines.append(f"  not measured: {MISSING}")
        return section
    section.lines.append(f"  congestion control of this kernel: {CONGESTION.read_text().strip()}")
    for load in LOADS:
        files = [each for series in inputs.distinct(DISK / "inputs", load.name, load.series) for each in series.files]
        with tempfile.TemporaryDirectory(dir=DISK, prefix="vault-") as directory, line(RTT, RATE, loss) as long:
            sys.stderr.write(f"wan: {load.name} x {load.series}: sealing\n")
            vault = SealedVault.fill(Path(directory), files)
            sys.stderr.write(f"wan: {load.name} x {load.series}: appliance, {load.associations} associations\n")
            with upstream(vault.site, long, tls=True) as store:
                vault.destination(f"{long.address}:{vault.site.upstream_port}", load.associations)
                found = vault.deliver(long.at(long.near), PATIENCE)
                if (stored := sum(1 for _ in store.iterdir())) != len(files):
                    raise RuntimeError(f"{stored} are stored of {len(files)} instances")
            ours = share(files, found.seconds)
            sys.stderr.write(f"wan: {load.name}: storescu\n")
            with upstream(vault.site, long, tls=False):
                theirs = share(files[: load.part], storescu(vault.site, long, files[: load.part]))
        section.figures[load.name] = {
            "seconds": found.seconds, "cpu_seconds": found.cpu, "peak_mb": found.peak, "share": ours,
            "associations": load.associations, "storescu_share": theirs,
        }  # fmt: skip
        section.lines += [
            f"\n{load.name} x {load.series} ({len(files)} instances, {size(files) / 1e6:.0f} MB)",
            f"  appliance, sealed, mutual TLS, {load.associations} associations: {found.seconds:6.2f} s, {ours:6.1%}"
            f" of the line, {found.cpu:.2f} s of CPU, {found.peak:.0f} MB at its peak",
            f"  storescu, plain files, cleartext, one association: {theirs:6.1%} ({load.part} files)",
        ]
        section.judge(Verdict(f"{load.name}: share of the line", ours, load.share, "of 1", at_least=True))
    return section


def size(files: list[str]) -> int:
    """Bytes."""
    return sum(os.path.getsize(path) for path in files)


def share(files: list[str], seconds: float) -> float:
    """What these files in so many seconds are of the line: their bytes alone, without headers of any layer."""
    return size(files) * 8 / seconds / (RATE * 1e6)


@contextlib.contextmanager
def upstream(site: Site, long: Line, tls: bool) -> Iterator[Path]:
    """storescp at the far end; the directory that it writes to."""
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="upstream-") as directory:
        command = ["storescp", "-q", "-aet", "PACS", "-pm", "+B", "+xa", "-pdu", "131072", "--fork", "-od", directory]
        if tls:
            party = site.upstream
            command += ["+tls", str(party.key), str(party.certificate), "+cf", str(party.ca)]
        process = subprocess.Popen(
            [*long.at(long.far), *command, str(site.upstream_port)],
            env={**os.environ, "TCP_NODELAY": "1"},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 10
            while not _listens(process.pid, site.upstream_port):
                if time.monotonic() > deadline:
                    raise RuntimeError("storescp does not listen at the far end")
                time.sleep(0.02)
            yield Path(directory)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def storescu(site: Site, long: Line, files: list[str]) -> float:
    """Seconds of one run."""
    command = ["storescu", "-q", "-xe", "-R", "-pdu", "131072", "-aet", "CT1", "-aec", "PACS"]
    began = time.perf_counter()
    subprocess.run(
        [*long.at(long.near), *command, long.address, str(site.upstream_port), *files],
        check=True,
        env={**os.environ, "TCP_NODELAY": "1"},
        timeout=PATIENCE,
    )
    return time.perf_counter() - began


def _listens(pid: int, port: int) -> bool:
    """Whether there is a listener on a port in the network namespace of a process: state 0A of proc(5)."""
    try:
        tables = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    except OSError:
        return False
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for table in tables for row in table)
