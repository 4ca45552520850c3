"""Memory of `forward`: whatever the size of an instance."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench import memory
from tests.bench.deliver_compare import upstream
from tests.bench.receivers import DISK
from tests.bench.sealed_vault import SealedVault
from tests.bench.verdict import Section, Verdict

MOST, APART = 100.0, 5.0  # MB: at its peak; between instances of all sizes


def run() -> Section:
    """Each size in a vault of its own, delivered by a fresh `forward`; what arrives goes to the disk."""
    section = Section("Memory of forward (MB at its peak, VmHWM)")
    peaks = []
    DISK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DISK, prefix="huge-") as directory:
        for name, path in memory.files(Path(directory)):
            sys.stderr.write(f"memory: {name}\n")
            with tempfile.TemporaryDirectory(dir=DISK, prefix="vault-") as root:
                vault = SealedVault.fill(Path(root), [str(path)])
                with upstream(vault.site, tls=True, where=DISK) as target:
                    vault.destination(f"127.0.0.1:{target.port}")
                    found = vault.deliver()
                    target.demand(1)
            peaks.append(found.peak)
            section.figures[name] = {"peak": found.peak, "seconds": found.seconds}
            section.lines.append(f"  after {name:16} {found.peak:6.1f}, {found.seconds:.2f} s")
    section.judge(Verdict("forward's peak for any instance", max(peaks), MOST, "MB"))
    section.judge(Verdict("peaks apart", max(peaks) - min(peaks), APART, "MB"))
    return section
