"""Start-up of the program that owns the vault: takes up what the last one left, however it ended.

`incoming/` is always scanned: what is not there is either in the ledger or was finished (see adoption and departure),
so a start costs what is waiting, not what is stored. `objects/` is compared with the ledger only when the ledger is
new, when a comparison was not completed, or on request. A sample, the newest, is read back from the medium.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.base import limits
from appliance.seal.errors import SealError
from appliance.vault import departure
from appliance.vault.adoption import BATCH, Adopted, Adoption, Fate
from appliance.vault.connection import LedgerDamaged
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import MISSING, Ledger
from appliance.vault.medium import Medium
from appliance.vault.rebuild import COMPARED, Rebuild
from appliance.vault.refusals import DiskRefused, NotThere
from appliance.vault.rewrapping import remove_parts

_COMPARED = COMPARED
SAMPLE_OBJECTS = 16
SAMPLE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: `done` of `total` in this phase, and the fates of the objects that this step concerned."""

    phase: str
    done: int
    total: int
    fates: Sequence[Adopted] = ()


def open_ledger(layout: StateLayout, medium: Medium | None = None) -> tuple[Ledger, bool]:
    """Open the ledger. A damaged one is moved to quarantine and a new one begun; then the second value is True.

    Raises `DiskRefused`, `LedgerTaken`.
    """
    medium = medium or Medium()
    try:
        begun = _finish_setting_aside(layout, medium)
        if medium.exists(layout.rebuild_wanted):
            _set_aside_ledger(layout, medium)
            medium.unlink(layout.rebuild_wanted)
            begun = True
        return Ledger(layout.ledger), begun
    except LedgerDamaged:
        _set_aside_ledger(layout, medium)
        return Ledger(layout.ledger), True


def want_rebuild(layout: StateLayout) -> None:
    """Have the next start set the ledger aside and make a new one: for damage that opening it does not find. Raises
    OSError."""
    layout.rebuild_wanted.touch(mode=0o600)


def recover(adoption: Adoption, now: float, *, compare: bool = False, rebuild: Rebuild | None = None) -> Iterator[Step]:
    """Bring files and ledger into agreement, step by step; the caller logs the fates and feeds its watchdog.

    `rebuild` has the journal say what the objects don't, where the ledger is new.

    Raises `DiskRefused` when the medium refuses, `CryptoError` when the index key is the wrong one.
    """
    ledger, objects = adoption.ledger, adoption.objects
    objects.prepare()
    remove_parts(objects)
    ledger.take_back_leases(now)
    ledger.mend_quiet(now)
    ledger.mend_waits(now, limits.RETRY_AFTER.default, 60 / limits.REDELIVERY.default)
    departure.finish(ledger, objects)
    waiting = objects.waiting()
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        yield Step("adopting", start + len(batch), len(waiting), adoption.adopt(batch, now))
    if retired := adoption.retire_segments():
        yield Step("segments", len(retired), len(retired), retired)
    if compare or ledger.fact(_COMPARED) is None:
        complete = True
        if rebuild:
            rebuild.begin()
        for step in _compare(adoption, now):
            complete = complete and not any(adopted.fate is Fate.LEFT for adopted in step.fates)
            yield step
        if rebuild:
            for done in rebuild.replay(now):
                yield Step("replaying", done, done)
        if complete:
            ledger.note_fact(_COMPARED, b"1")
    yield from _sample(adoption)


def _compare(adoption: Adoption, now: float) -> Iterator[Step]:
    """A directory at a time, so memory holds 1/256 of the ids. No file of a known object is touched."""
    fan = adoption.objects.layout.fan()
    for done, directory in enumerate(fan, start=1):
        yield Step("comparing", done, len(fan), _compare_directory(adoption, directory, now))


def sweep(adoption: Adoption, now: Callable[[], float]) -> Iterator[list[Adopted]]:
    """Compare files and ledger while everything runs, a directory each time; for the thread that adopts, once a start.

    Finds what no start looks for: an object that was adopted from a name or record that was not durable yet, when the
    power failed before its row was. Its sender was not answered; it is entered like any other.
    """
    for directory in adoption.objects.layout.fan():
        yield _compare_directory(adoption, directory, now())


def _compare_directory(adoption: Adoption, directory: Path, now: float) -> list[Adopted]:
    stored = [object_id for object_id in adoption.objects.stored(directory) if object_id.startswith(directory.name)]
    known = set(adoption.ledger.ids(directory.name))
    fates = adoption.adopt_strays((object_id for object_id in stored if object_id not in known), now)
    for object_id in sorted(known.difference(stored)):
        adoption.ledger.lost(object_id)
        fates.append(Adopted(object_id, Fate.LOST, reason=MISSING))
    return fates


def _sample(adoption: Adoption) -> Iterator[Step]:
    """Read the newest objects back: they are what a power cut would have hurt."""
    sample = adoption.ledger.newest(SAMPLE_OBJECTS, SAMPLE_BYTES)
    for done, object_id in enumerate(sample, start=1):
        yield Step("verifying", done, len(sample), verify(adoption, object_id))


def verify(adoption: Adoption, object_id: str) -> list[Adopted]:
    """Read one adopted object back from the medium; its fate if it is not whole, nothing if it is.

    A damaged one goes to quarantine, and what it owes is held.
    """
    ledger, objects = adoption.ledger, adoption.objects
    try:
        adoption.verify(object_id)
    except NotThere as refusal:
        ledger.lost(object_id)
        return [Adopted(object_id, Fate.LOST, reason=refusal.message)]
    except DiskRefused as refusal:
        return [Adopted(object_id, Fate.LEFT, reason=refusal.message)]
    except SealError as error:
        departure.set_aside(ledger, objects, object_id)
        return [Adopted(object_id, Fate.SET_ASIDE, reason=error.message)]
    return []


def _set_aside_ledger(layout: StateLayout, medium: Medium) -> None:
    """Move the ledger and its -wal to quarantine, where a person may yet read what they held.

    The ledger goes first, durably: alone, without what was committed to its -wal, it may open as an older one.
    """
    number = _next_aside(layout, medium)
    _move_aside(layout, medium, "", number)
    _move_aside(layout, medium, "-wal", number)


def _finish_setting_aside(layout: StateLayout, medium: Medium) -> bool:
    """Where a cut came between the two: the -wal follows its ledger. Without this SQLite would delete it."""
    if medium.exists(layout.ledger) or not medium.exists(_beside(layout.ledger, "-wal")):
        return False
    number = max(_next_aside(layout, medium) - 1, 0)
    if medium.exists(_aside(layout, "-wal", number)):  # then it is another's
        return False
    medium.sync_directory(layout.ledger.parent)  # its ledger might come back alone
    _move_aside(layout, medium, "-wal", number)
    return True


def _move_aside(layout: StateLayout, medium: Medium, suffix: str, number: int) -> None:
    try:
        medium.rename(_beside(layout.ledger, suffix), _aside(layout, suffix, number))
    except NotThere:
        return
    medium.sync_directory(layout.quarantine)
    medium.sync_directory(layout.ledger.parent)


def _next_aside(layout: StateLayout, medium: Medium) -> int:
    number = 0
    while medium.exists(_aside(layout, "", number)):
        number += 1
    return number


def _aside(layout: StateLayout, suffix: str, number: int) -> Path:
    return layout.quarantine / f"ledger.{number}.sqlite{suffix}"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
