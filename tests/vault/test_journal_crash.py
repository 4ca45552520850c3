"""Whatever a power cut leaves of the journal, it says all that somebody was told of; one that lacks a flush does not.

The simulated disk is that of tests/vault/crash; the journal is alone on it.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from appliance.vault import entries
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from tests.vault.crash.disk import SimulatedDisk
from tests.vault.crash.states import states
from tests.vault.samples import INDEX_KEY

ROOT = "state"
SITES = {
    "journal.Journal._begin < journal.Journal.append: data",
    "journal.Journal._begin < journal.Journal.append: journal",
    "journal.Journal.append: data",
    "journal.Journal._write_base < journal.Journal.write_anew: data",
    "journal.Journal._write_base < journal.Journal.write_anew: journal",
}


def entry(number: int) -> entries.Entry:
    return entries.proof(f"{number:032x}", "pacs", 0, 1.5)


def play(top: Path, skipped: str | None = None) -> SimulatedDisk:
    """Two lives of a journal, written anew in each."""
    disk = SimulatedDisk(top)
    layout = StateLayout(top / ROOT)
    layout.create(disk)
    disk.settle()
    disk.sites.clear()
    disk.skipped = skipped
    draw = random.Random(1).randbytes
    told = 0

    def append(journal: Journal, count: int) -> None:
        nonlocal told
        for _ in range(count):
            journal.append([entry(told)])
            disk.mark("told", told)
            told += 1

    journal = Journal(layout, INDEX_KEY, disk, draw)
    journal.write_anew([])
    disk.mark("complete", 0)
    append(journal, 3)
    journal.close()
    journal = Journal(layout, INDEX_KEY, disk, draw)
    append(journal, 2)
    journal.write_anew([[entry(number) for number in range(told)]])
    append(journal, 2)
    journal.close()
    return disk


def faults(top: Path, disk: SimulatedDisk, most: int) -> tuple[int, list[str]]:
    """How many states there are, and what is wrong with the first that lacks something."""
    real = top / "real"
    layout = StateLayout(real / ROOT)
    count = 0
    known: set[object] = set()
    for cut in range(len(disk.trace.events) + 1):
        marks = disk.trace.marks(cut)
        promised = {mark.about for mark in marks if mark.what == "told"}
        complete = any(mark.what == "complete" for mark in marks)
        for state in states(disk.trace, cut, most=most):
            count += 1
            if (key := (state, len(marks))) in known:
                continue
            known.add(key)
            shutil.rmtree(real, ignore_errors=True)
            layout.journal.mkdir(parents=True)
            for names, content in state.files():
                for name in names:
                    (real / name).write_bytes(content)
            reading = Journal(layout, INDEX_KEY).read()
            found = {int(each[1], 16) for batch in reading for each in batch}
            if not promised <= found or (complete and not reading.complete):
                return count, [f"cut before {cut}: told {promised}, found {found}\n{disk.trace.told()}"]
    return count, []


def test_what_was_told_is_there_after_any_cut(tmp_path: Path) -> None:
    disk = play(tmp_path)
    assert disk.sites == SITES
    count, wrong = faults(tmp_path, disk, most=40)
    disk.end()
    print(f"{count} states")
    assert not wrong, wrong[0]
    assert count > 100


@pytest.mark.parametrize("site", sorted(SITES))
def test_without_this_flush_something_that_was_told_is_lost(tmp_path: Path, site: str) -> None:
    disk = play(tmp_path, site)
    _, wrong = faults(tmp_path, disk, most=40)
    disk.end()
    assert wrong
