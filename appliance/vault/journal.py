"""The journal: what must outlive the ledger, and is not in the sealed objects. Holds, proofs, commitment.

Append-only files below `journal/`, read by a rebuild alone; JOURNAL.md has the format. An append is durable when it
returns. When much was appended, what stands is written anew from the ledger, and the old files go: so its size follows
what the ledger holds. Nothing in it is readable without the index key, and with it nothing of a patient but what
commitment requests name.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from appliance.base import limits
from appliance.seal.index_key import IndexKey
from appliance.seal.journal import SALT, FrameReader, FrameSealer
from appliance.vault.entries import Entry
from appliance.vault.layout import StateLayout
from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused, NotThere, refused

_NAME = re.compile(r"([0-9a-f]{16})\.(base|log)")
_ENTRIES = 1000  # of a frame at most


class Journal:
    """`journal/`. Appending is thread-safe; one thread at a time may write it anew."""

    def __init__(
        self,
        layout: StateLayout,
        index_key: IndexKey,
        medium: Medium | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Look at what is there. Raises `DiskRefused`."""
        self._directory = layout.journal
        self._index_key = index_key
        self._medium = medium or Medium()
        self._random = random
        self._lock = threading.Lock()
        names = self._names()
        self._next = max((number + (kind == "log") for number, kind in names), default=1)
        self._descriptor: int | None = None
        self._length = 0
        self._sealer: FrameSealer | None = None
        self._files = len(names)
        self._appended = 0
        self._base = any(kind == "base" for _, kind in names)
        self._base_length = 0

    @property
    def due(self) -> bool:
        """Whether it is time for `write_anew`."""
        grown = self._appended > max(limits.JOURNAL.default, self._base_length)
        return grown or not self._base or self._files > limits.JOURNAL_FILES.default

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, with one flush for all of them. Raises `DiskRefused`."""
        with self._lock:
            try:
                if self._descriptor is None:
                    self._begin(entries)
                else:
                    assert self._sealer
                    frames = _frames(self._sealer, entries)
                    self._medium.write_at(self._descriptor, frames, self._length)
                    self._medium.sync_data(self._descriptor)
                    self._length += len(frames)
                    self._appended += len(frames)
            except DiskRefused:
                self._leave()  # a flush that failed is not tried again: the next append begins a file
                raise

    def write_anew(self, standing: Iterable[Sequence[Entry]]) -> None:
        """Write down what stands, in one file, and remove what was before. Appending goes on meanwhile, into the next.

        `standing` is read after that file was begun, so what is appended meanwhile is newer. Raises `DiskRefused`; then
        nothing was removed.
        """
        with self._lock:
            self._leave()
            number = self._next
            appended, self._appended = self._appended, 0
        try:
            length = self._write_base(number, standing)
        except BaseException:
            with self._lock:
                self._appended += appended
            raise
        with self._lock:
            self._base, self._base_length = True, length
        for old, kind in self._names():
            if old < number:
                self._medium.unlink(self._path(old, kind))
        self._files = len(self._names())

    def read(self) -> Reading:
        """All that it says, oldest first."""
        return Reading(self._medium, self._index_key, self)

    def let_go(self) -> None:
        """Close the file, for its medium failed or went; the next append begins another."""
        self.close()

    def close(self) -> None:
        """Let go of the file. Nothing is lost without it."""
        with self._lock, suppress(DiskRefused):
            self._leave()

    def _begin(self, entries: Sequence[Entry]) -> None:
        """A new file, with its first frames; it has no name before they are durable."""
        number = self._next
        sealer = FrameSealer(self._index_key, number, self._random(SALT))
        content = sealer.head + _frames(sealer, entries)
        descriptor = self._medium.create(self._directory)
        try:
            self._medium.write_at(descriptor, content, 0)
            self._medium.sync_data(descriptor)
            self._medium.link(descriptor, self._path(number, "log"))
            self._next = number + 1
            self._medium.sync_directory(self._directory)
        except BaseException:
            with suppress(DiskRefused):
                self._medium.close(descriptor)
            raise
        self._descriptor, self._sealer, self._length = descriptor, sealer, len(content)
        self._appended += len(content)
        self._files += 1

    def _leave(self) -> None:
        descriptor, self._descriptor, self._sealer = self._descriptor, None, None
        if descriptor is not None:
            with suppress(DiskRefused):
                self._medium.close(descriptor)

    def _write_base(self, number: int, standing: Iterable[Sequence[Entry]]) -> int:
        sealer = FrameSealer(self._index_key, number, self._random(SALT))
        descriptor = self._medium.create(self._directory)
        try:
            begun = sealer.head + sealer.seal(b"[]")  # so that an empty one has its checksum too
            self._medium.write_at(descriptor, begun, 0)
            length = len(begun)
            for entries in standing:
                frames = _frames(sealer, entries)
                self._medium.write_at(descriptor, frames, length)
                length += len(frames)
            self._medium.sync_data(descriptor)
            part = self._path(number, "part")
            with suppress(NotThere):
                self._medium.unlink(part)  # of one that was cut off here
            self._medium.link(descriptor, part)
            self._medium.rename(part, self._path(number, "base"))  # of this number there may be one: nothing came since
            self._medium.sync_directory(self._directory)
        finally:
            self._medium.close(descriptor)
        return length

    def _names(self) -> list[tuple[int, str]]:
        """Number and kind of each file in the order in which they are read: a base before the log of its number."""
        found = (_NAME.fullmatch(name) for name in self._medium.names(self._directory))
        return sorted((int(match[1], 16), match[2]) for match in found if match)

    def _path(self, number: int, kind: str) -> Path:
        return self._directory / f"{number:016x}.{kind}"


class Reading:
    """The entries of a journal, in batches, as an iterator; `complete` is known at its end."""

    def __init__(self, medium: Medium, index_key: IndexKey, journal: Journal) -> None:
        self._medium = medium
        self._index_key = index_key
        self._journal = journal
        self.complete = False
        """Whether nothing is missing, as far as can be told: a base, each log since, and no damage in the middle."""

    def __iter__(self) -> Iterator[list[Entry]]:
        names = self._journal._names()
        bases = [number for number, kind in names if kind == "base"]
        logs = [number for number, kind in names if kind == "log" and bases and number >= bases[-1]]
        complete = bool(bases) and logs == list(range(bases[-1], bases[-1] + len(logs)))
        for number, kind in names:
            with self._medium.open(self._journal._path(number, kind)) as file:
                reader = FrameReader(file, self._index_key, number)
                try:
                    for content in reader:
                        yield json.loads(content)
                except OSError as error:
                    raise refused("read the journal", error) from error
            whole = not reader.damaged and not (reader.torn and kind == "base")
            complete = complete and (whole or number < bases[-1])
        self.complete = complete


def _frames(sealer: FrameSealer, entries: Sequence[Entry]) -> bytes:
    batches = (entries[start : start + _ENTRIES] for start in range(0, len(entries), _ENTRIES))
    return b"".join(sealer.seal(json.dumps(batch, separators=(",", ":")).encode()) for batch in batches)
