"""Takes objects over from `receive`: from `incoming/` into `objects/` and the ledger, a batch at a time.

The order, and why (DECISIONS.md): a second name in `objects/`, durable; then the rows, durable; then the waiting name
goes. An object in a segment gets a file of its own instead of a second name, and instead of a name that goes there is a
mark, committed with the rows: what lies before it was taken from the segment. So at every moment an object is either
still waiting, or has both its file and its row: whatever a cut leaves, start-up finds all of it in `incoming/`. Reads
records with the index key; opens no object.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from io import BufferedIOBase

from appliance.base.errors import CryptoError
from appliance.seal import opening
from appliance.seal.errors import RecordTampered, SealError
from appliance.seal.header import read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.record import Record, open_record
from appliance.vault.ledger import SEGMENT_MARK, Kind, Ledger
from appliance.vault.objects import Objects
from appliance.vault.refusals import AlreadyThere, DiskRefused, NotRegular, NotThere, refused

BATCH = 64
"""How many objects share the flushes of an adoption: their files are open at the same time."""

_KEY_CHECK = "index key"
_MARK = SEGMENT_MARK
_WRONG_KEY = 3
_PASSED = ("leaving", "quarantined")  # a name of these that is still waiting must not come in again


class Fate(Enum):
    """What became of one object."""

    ADOPTED = "adopted"
    KNOWN = "known"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SET_ASIDE = "set aside"  # cannot be read; it lies in quarantine
    LEFT = "left"  # the medium failed us; it lies where it was
    LOST = "lost"  # a row without a file


_FATES = {
    Kind.NEW: Fate.ADOPTED,
    Kind.KNOWN: Fate.KNOWN,
    Kind.DUPLICATE: Fate.DUPLICATE,
    Kind.CONFLICT: Fate.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Adopted:
    """One object's fate, fit for the log. `other`: of which it is a duplicate or with which it conflicts."""

    object_id: str
    fate: Fate
    destinations: tuple[str, ...] = ()
    other: str | None = None
    peer: str = ""
    reason: str = ""


class Adoption:
    """The way of an object into the ledger. Used by one thread at a time."""

    def __init__(
        self,
        objects: Objects,
        ledger: Ledger,
        index_key: IndexKey,
        destinations_for: Callable[[Record], Collection[str]],
    ) -> None:
        """`destinations_for` is the routing. Raises `CryptoError` for an index key that is not this ledger's."""
        self.objects = objects
        self.ledger = ledger
        self.destinations_for = destinations_for
        self._index_key = index_key
        self._check = index_key.tag("instance", "the index key of this ledger")
        noted = ledger.fact(_KEY_CHECK)
        self._key_proved = noted is not None
        self._unopened = 0
        if noted not in (None, self._check):
            raise _wrong_key()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget how far segments were read; the ledger says what was taken from them. The medium was away."""
        marks = {segment_id: int.from_bytes(value) for segment_id, value in self.ledger.facts(_MARK).items()}
        self.objects.segments.resume(marks)

    def is_ours(self) -> bool:
        """Whether the ledger belongs to our index key, as far as it can tell."""
        return self.ledger.fact(_KEY_CHECK) in (None, self._check)

    def adopt(self, object_ids: Iterable[str], now: float) -> list[Adopted]:
        """Take over what waits in `incoming/` under these ids. Durable when it returns. One bad object harms no other.

        Raises `DiskRefused` when the medium refuses all of them; what was not taken over waits on.
        """
        fates: list[Adopted] = []
        for batch in _batches(object_ids):
            fates += self._take(batch, now, waiting=True)
        return fates

    def retire_segments(self) -> list[Adopted]:
        """Free the segments from which everything was adopted and that nobody writes any more; call after `adopt`.

        The fates are of segments, by their ids. Raises `DiskRefused`.
        """
        segments = self.objects.segments
        fates = [Adopted(segment_id, Fate.LEFT, reason=refusal.message) for segment_id, refusal in segments.refusals()]
        for segment_id, unusable in segments.finished():
            if unusable:
                self.objects.set_aside_segment(segment_id)
                fates.append(Adopted(segment_id, Fate.SET_ASIDE, reason=unusable))
            else:
                self.objects.free_segment(segment_id)
            self.ledger.drop_fact(_MARK + segment_id)  # not before the name is durably gone, for it may come back
            segments.forget(segment_id)
        return fates

    def adopt_strays(self, object_ids: Iterable[str], now: float) -> list[Adopted]:
        """Enter objects that lie in `objects/` but not in the ledger: it is being rebuilt."""
        fates: list[Adopted] = []
        for batch in _batches(object_ids):
            fates += self._take(batch, now, waiting=False)
        return fates

    def verify(self, object_id: str) -> Record:
        """Read an adopted object back from the medium, past the page cache, and compare it with its record.

        Needs no identity. Raises `SealError` where it was changed, `NotThere` or `DiskRefused` where it can't be read.
        """
        with self.objects.open(object_id) as file:
            self.objects.medium.drop_cache(file.fileno())
            try:
                return opening.verify(file, self._index_key)
            except OSError as error:
                raise refused("read an object", error) from error

    def _take(self, batch: Sequence[str], now: float, *, waiting: bool) -> list[Adopted]:
        fates: list[Adopted] = []
        with ExitStack() as files:
            gone = [object_id for object_id in batch if self.ledger.state(object_id) in _PASSED]
            fates += [Adopted(object_id, Fate.KNOWN) for object_id in gone]
            self.objects.leave_incoming(gone)
            rest = [object_id for object_id in batch if object_id not in gone]
            readable, unreadable = self._read(rest, files, waiting=waiting)
            fates += [self._put_aside(object_id, why, waiting=waiting) for object_id, why in unreadable]
            records = []
            durable = self._make_durable(readable, fates) if waiting else readable
            for record, file in sorted(durable, key=lambda pair: pair[0].received):
                try:
                    if waiting:
                        self.objects.link(record.object_id, file)
                    records.append(record)
                except AlreadyThere as refusal:
                    fates.append(self._put_aside(record.object_id, SealError(refusal.message), waiting=True))
                except DiskRefused as refusal:
                    fates.append(Adopted(record.object_id, Fate.LEFT, reason=refusal.message))
            if waiting:
                self.objects.settle(record.object_id for record in records)
        with self.ledger.transaction():
            entered = [self._enter(record, now) for record in records]
            # Before the commit, for after it nobody looks for the file of a duplicate that came in a segment.
            self.objects.remove(found.object_id for found in entered if found.fate is Fate.DUPLICATE)
            if waiting:
                marks = self.objects.segments.marks({found.object_id for found in entered})
                for segment_id, mark in marks.items():
                    self.ledger.note_fact(_MARK + segment_id, mark.to_bytes(8))
        if waiting:
            self.objects.leave_incoming(found.object_id for found in entered)
        return fates + entered

    def _make_durable(
        self, readable: Sequence[tuple[Record, BufferedIOBase]], fates: list[Adopted]
    ) -> list[tuple[Record, BufferedIOBase]]:
        """Those whose content is on the medium now. One that the medium refused waits on in its segment."""
        durable = []
        for record, file in readable:
            try:
                self.objects.make_durable(file)
                durable.append((record, file))
            except DiskRefused as refusal:
                fates.append(Adopted(record.object_id, Fate.LEFT, reason=refusal.message))
        return durable

    def _read(
        self, batch: Sequence[str], files: ExitStack, *, waiting: bool
    ) -> tuple[list[tuple[Record, BufferedIOBase]], list[tuple[str, SealError | DiskRefused]]]:
        """Open each file and its record. One that has gone meanwhile is nobody's concern."""
        opener = self.objects.open_waiting if waiting else self.objects.open
        readable: list[tuple[Record, BufferedIOBase]] = []
        unreadable: list[tuple[str, SealError | DiskRefused]] = []
        for object_id in batch:
            try:
                file = files.enter_context(opener(object_id))
                record = _record(file, self._index_key)
                if record.object_id != object_id:
                    raise RecordTampered("the object's name is not the one in its record")
                readable.append((record, file))
            except NotThere:
                continue
            except (SealError, DiskRefused) as error:
                unreadable.append((object_id, error))
        self._prove_key(len(readable), [error for _, error in unreadable])
        return readable, unreadable

    def _prove_key(self, opened: int, errors: Sequence[Exception]) -> None:
        """Note the index key once it has opened a record. A key that opens none is more likely wrong than several
        objects damaged, and must not send a whole vault into quarantine."""
        if self._key_proved:
            return
        if opened:
            self.ledger.note_fact(_KEY_CHECK, self._check)
            self._key_proved = True
        else:
            self._unopened += sum(isinstance(error, RecordTampered) for error in errors)
            if self._unopened >= _WRONG_KEY:
                raise _wrong_key()

    def _put_aside(self, object_id: str, why: SealError | DiskRefused, *, waiting: bool) -> Adopted:
        if isinstance(why, DiskRefused) and not isinstance(why, NotRegular):
            return Adopted(object_id, Fate.LEFT, reason=why.message)
        if waiting:
            self.objects.set_aside_waiting(object_id)
        else:
            self.objects.set_aside(object_id)
        return Adopted(object_id, Fate.SET_ASIDE, reason=why.message)

    def _enter(self, record: Record, now: float) -> Adopted:
        destinations = self.destinations_for(record)
        result = self.ledger.adopt(record, destinations, now, self.objects.holds)
        return Adopted(record.object_id, _FATES[result.kind], tuple(destinations), result.other, record.peer)


def _record(file: BufferedIOBase, index_key: IndexKey) -> Record:
    try:
        return open_record(read_header(file), index_key)
    except OSError as error:
        raise refused("read an object", error) from error


def _wrong_key() -> CryptoError:
    return CryptoError(
        "the index key is not the one that this vault was written with",
        fix="Give the index key of the recovery kit in vault.index_key; nothing was changed.",
    )


def _batches(object_ids: Iterable[str]) -> list[list[str]]:
    ids = list(object_ids)
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
