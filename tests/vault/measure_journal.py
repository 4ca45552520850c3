"""What the journal costs a delivery: `python -m tests.vault.measure_journal [DIRECTORY]`, on the disk that counts."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.standing import standing
from tests.vault.samples import INDEX_KEY, NOW, record

_OBJECTS = 1600


def _proofs(root: Path, batch: int, *, journal: bool) -> float:
    """Milliseconds for each delivery, `batch` of them in one commit."""
    layout = StateLayout(root)
    layout.create()
    ledger = Ledger(layout.ledger)
    if journal:
        ledger.mirror = Journal(layout, INDEX_KEY).append
    with ledger.transaction():
        for number in range(_OBJECTS):
            ledger.adopt(record(number), ["pacs"], NOW)
    count = min(_OBJECTS, batch * 60)
    began = perf_counter()
    for start in range(0, count, batch):
        with ledger.transaction():
            for number in range(start, start + batch):
                ledger.delivered(f"{number:032x}", "pacs", 0, NOW)
    took = perf_counter() - began
    ledger.close()
    return took / count * 1000


def _written_anew(root: Path, objects: int) -> tuple[float, int]:
    """Seconds and bytes, for so many proven objects."""
    layout = StateLayout(root)
    layout.create()
    ledger = Ledger(layout.ledger)
    with ledger.transaction():
        for number in range(objects):
            ledger.adopt(record(number), ["pacs"], NOW)
            ledger.delivered(f"{number:032x}", "pacs", 0, NOW)
    journal = Journal(layout, INDEX_KEY)
    began = perf_counter()
    journal.write_anew(standing(ledger))
    took = perf_counter() - began
    ledger.close()
    return took, sum(path.stat().st_size for path in layout.journal.iterdir())


def main() -> None:
    """Print a table."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=where) as directory:
        root = Path(directory)
        for batch in (1, 4, 16, 64):
            rounds = [
                (
                    _proofs(root / f"{batch} {turn} no", batch, journal=False),
                    _proofs(root / f"{batch} {turn}", batch, journal=True),
                )
                for turn in range(3)
            ]
            without, with_it = (sorted(column)[1] for column in zip(*rounds, strict=True))
            print(f"{batch:3} a commit: {without:.2f} ms a delivery without, {with_it:.2f} ms with the journal")
        took, size = _written_anew(root / "anew", 100_000)
        print(f"100000 proven objects written anew: {took:.1f} s, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
