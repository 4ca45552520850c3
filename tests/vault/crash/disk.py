"""A simulated disk: a `Medium` whose files and names are in memory, and which writes down each operation in a trace.

Descriptors are real, for the vault reads through them: each file is a memfd, and only names are of our own making. A
new method of `Medium` needs one here that does the thing and notes the cells that it changes (trace.py).

It can be told to leave out one sync, named by where in the vault it is called (`site`), and to die at an operation, as
a killed process does: then what it changed stays in memory, and a restarted vault goes on with it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from threading import RLock

from appliance.vault.medium import Medium
from appliance.vault.refusals import refusable
from tests.vault.crash.site import site
from tests.vault.crash.trace import DATA, LEDGER, LEDGERS, NAMES, PAGE, Cell, Change, Event, Trace, Value

_ROOT = 0
_SLOW = 8  # a flush lasts as long as so many other operations


class Killed(BaseException):
    """The process is dead; nothing that it does has any effect."""


@dataclass
class _Owed:
    """A sync that was put off."""

    after: int
    what: str
    kinds: frozenset[str]
    number: int


class SimulatedDisk(Medium):
    """Knows `top` as its durable root directory. Thread-safe."""

    def __init__(self, top: Path, pause: Callable[[], None] = lambda: None) -> None:
        """`pause` is called before each operation and while a sync is under way: another thread may go on there."""
        self.top = top
        self.trace = Trace()
        self.pause = pause
        self.skipped: str | None = None
        """The site of a sync that is left out, or comes too late."""
        self.delay = 0
        """If not 0, it comes after so many more operations and promises."""
        self._owed: list[_Owed] = []
        self.sites: set[str] = set()
        """Where syncs were called."""
        self.kill_at: int | None = None
        """After so many operations that change something, or flush it, the process dies."""
        self._lock = RLock()
        self._count = _ROOT
        self._directories: dict[Path, int] = {top: _ROOT}
        self._entries: dict[int, dict[str, int]] = {_ROOT: {}}
        self._memory: dict[int, int] = {}  # a file's number: the descriptor that keeps it
        self._numbers: dict[tuple[int, int], int] = {}  # device and inode of its memfd: the file's number
        self._handed_out: set[int] = set()
        self._written: set[Cell] = set()

    # Of the disk, not of a medium

    def settle(self) -> None:
        """Have all durable, and begin a new trace; what was promised stands."""
        base = dict(self.trace.base)
        for event in self.trace.events:
            if isinstance(event, Change):
                base |= event.cells
        marks: list[Event] = [*self.trace.marks(len(self.trace.events))]
        self.trace = Trace(base, marks, self.trace.directories)

    def revive(self) -> None:
        """Another process takes the place of one that died: its descriptors are gone, and files without a name."""
        self.kill_at = None
        for descriptor in self._handed_out:
            os.close(descriptor)
        self._handed_out.clear()

    def end(self) -> None:
        """Give back the memory."""
        self.revive()
        for descriptor in self._memory.values():
            os.close(descriptor)
        self._memory.clear()

    def committed(self, snapshot: bytes | None, durable: bool) -> None:
        """The ledger committed, and holds this now; None: it is no component of its own any more."""
        with self._lock:
            self._changed(Change("ledger: commit", ((LEDGER, snapshot),)))
            if durable:
                self.trace.end(self.trace.begin("ledger: its sync", LEDGERS, 0))

    def damage(self, path: Path, offset: int, data: bytes) -> None:
        """Other bytes are on the medium than were written."""
        number = self._find(path)
        os.pwrite(self._memory[number], data, offset)
        self._wrote("damage", number, offset, len(data))

    def put(self, path: Path, content: bytes) -> None:
        """A file that something else than the vault wrote."""
        descriptor = self.create(path.parent)
        self.write_at(descriptor, content, 0)
        self.link(descriptor, path)
        self.close(descriptor)

    def synced(self, directory: Path) -> None:
        """Something else than the vault made names durable."""
        self.trace.end(self.trace.begin(f"sync {self._kind(directory)}", NAMES, self._directory(directory)))

    def read(self, path: Path) -> bytes:
        """What a file holds now."""
        memory = self._memory[self._find(path)]
        return os.pread(memory, os.fstat(memory).st_size, 0)

    def step(self) -> None:
        """Something is about to be done that is not of this disk: others may go on first, or the process dies."""
        with self._operation():
            pass

    # As a medium

    @refusable("start a file")
    def create(self, directory: Path) -> int:
        with self._operation():
            self._directory(directory)
            return self._open(self._file())

    @refusable("start a file")
    def create_named(self, path: Path) -> int:
        with self._operation():
            directory = self._directory(path.parent)
            if path.name in self._entries[directory]:
                raise FileExistsError(errno.EEXIST, "File exists")
            self._entries[directory][path.name] = number = self._file()
            self._named("create", path, number)
            return self._open(number)

    @refusable("open a file for writing")
    def open_to_write(self, path: Path) -> int:
        with self._operation():
            return self._open(self._find(path))

    @refusable("lock a file")
    def lock(self, descriptor: int) -> bool:
        with self._operation():
            return super().lock(descriptor)

    @refusable("unlock a file")
    def unlock(self, descriptor: int) -> None:
        with self._operation():
            super().unlock(descriptor)

    @refusable("ask for the length of a file")
    def length(self, descriptor: int) -> int:
        with self._operation():
            return super().length(descriptor)

    @refusable("write a file")
    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        with self._operation():
            number = self._number(descriptor)
            os.pwrite(descriptor, data, offset)
            self._wrote(f"write {len(data)} at {offset} of file {number}", number, offset, len(data))

    @refusable("flush a file to the medium")
    def sync_data(self, descriptor: int) -> None:
        self._sync("data", DATA, lambda: self._number(descriptor))

    @refusable("give a file its name")
    def link(self, descriptor: int, path: Path | str) -> None:
        path = Path(path)
        with self._operation():
            directory, number = self._directory(path.parent), self._number(descriptor)
            if path.name in self._entries[directory]:
                raise FileExistsError(errno.EEXIST, "File exists")
            self._entries[directory][path.name] = number
            self._named("link", path, number)

    @refusable("flush a directory to the medium")
    def sync_directory(self, directory: Path) -> None:
        self._sync(self._kind(directory), NAMES, lambda: self._directory(directory))

    @refusable("close a file")
    def close(self, descriptor: int) -> None:
        with self._operation():
            self._handed_out.discard(descriptor)
            os.close(descriptor)

    @refusable("open a file")
    def open(self, path: Path | str) -> BufferedReader:
        with self._operation():
            memory = self._memory[self._find(Path(path))]
            descriptor = os.open(f"/proc/self/fd/{memory}", os.O_RDONLY | os.O_CLOEXEC)
            return open(descriptor, "rb")

    @refusable("rename a file")
    def rename(self, old: Path, new: Path) -> None:
        with self._operation():
            number = self._find(old)
            into = self._directory(new.parent)
            del self._entries[self._directory(old.parent)][old.name]
            self._entries[into][new.name] = number
            cells = self._cell(old), self._cell(new)
            what = f"rename {self._path(old)} to {self._path(new)}"
            self._changed(Change(what, ((cells[0], None), (cells[1], number)), cells))
            old.unlink(missing_ok=True)  # a file of SQLite is really there

    @refusable("remove a file")
    def unlink(self, path: Path | str) -> None:
        path = Path(path)
        with self._operation():
            self._find(path)
            del self._entries[self._directory(path.parent)][path.name]
            self._named("unlink", path, None)

    @refusable("look for a file")
    def exists(self, path: Path | str) -> bool:
        path = Path(path)
        with self._operation():
            return path.name in self._entries[self._directory(path.parent)]

    @refusable("compare two files")
    def same_file(self, descriptor: int, path: Path | str) -> bool:
        with self._operation():
            return self._number(descriptor) == self._find(Path(path))

    @refusable("list a directory")
    def names(self, directory: Path) -> list[str]:
        with self._operation():
            return list(self._entries[self._directory(directory)])

    @refusable("make a directory")
    def make_directory(self, directory: Path, mode: int) -> bool:
        with self._operation():
            if directory in self._directories:
                return False
            parent = self._directory(directory.parent)
            self._count += 1
            self._directories[directory] = self._entries[parent][directory.name] = self._count
            self._entries[self._count] = {}
            self.trace.directories.add(self._count)
            self._named("mkdir", directory, self._count)
            return True

    # How it is done

    def _file(self) -> int:
        """A new file, which nothing leads to."""
        self._count += 1
        memory = os.memfd_create("simulated")
        self._memory[self._count] = memory
        self._numbers[_identity(memory)] = self._count
        return self._count

    def _open(self, number: int) -> int:
        descriptor = os.open(f"/proc/self/fd/{self._memory[number]}", os.O_RDWR | os.O_CLOEXEC)
        self._handed_out.add(descriptor)
        return descriptor

    def _operation(self) -> RLock:
        self.pause()
        with self._lock:
            self._step()
        return self._lock

    def _step(self) -> None:
        if self.kill_at is not None and self.trace.operations >= self.kill_at:
            raise Killed

    def _sync(self, target: str, kinds: frozenset[str], number: Callable[[], int]) -> None:
        asked = f"{site()}: {target}"
        with self._operation():
            self.sites.add(asked)
            if asked == self.skipped:
                if self.delay:
                    self._owed.append(_Owed(self.delay, f"sync, late: {asked}", kinds, number()))
                return
            sync = self.trace.begin(f"sync {asked}", kinds, number())
        for _ in range(_SLOW):
            self.pause()
        with self._operation():
            self.trace.end(sync)

    def mark(self, what: str, about: Hashable) -> None:
        """Something was promised or allowed."""
        with self._lock:
            self.trace.mark(what, about)
            self._catch_up()

    def _changed(self, change: Change) -> None:
        self.trace.change(change)
        self._catch_up()

    def _catch_up(self) -> None:
        for owed in self._owed:
            owed.after -= 1
            if not owed.after:
                self.trace.end(self.trace.begin(owed.what, owed.kinds, owed.number))
        self._owed = [owed for owed in self._owed if owed.after > 0]

    def _wrote(self, what: str, number: int, offset: int, length: int) -> None:
        """Note the pages that hold these bytes. One that is new may be there with zeros before it has its data."""
        cells: list[tuple[Cell, Value]] = []
        for page in range(offset // PAGE, (offset + length + PAGE - 1) // PAGE):
            cell: Cell = ("page", number, page)
            data = os.pread(self._memory[number], PAGE, page * PAGE)
            if cell not in self._written:
                self._written.add(cell)
                cells.append((cell, bytes(len(data))))
            cells.append((cell, data))
        self._changed(Change(what, tuple(cells)))

    def _named(self, what: str, path: Path, number: int | None) -> None:
        self._changed(Change(f"{what} {self._path(path)}", ((self._cell(path), number),)))

    def _cell(self, path: Path) -> Cell:
        return "name", self._directories[path.parent], path.name

    def _directory(self, path: Path) -> int:
        try:
            return self._directories[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory") from None

    def _find(self, path: Path) -> int:
        try:
            return self._entries[self._directory(path.parent)][path.name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory") from None

    def _number(self, descriptor: int) -> int:
        return self._numbers[_identity(descriptor)]

    def _path(self, path: Path) -> str:
        return str(path.relative_to(self.top))

    def _kind(self, directory: Path) -> str:
        """A directory of the vault in a word; all of `objects/xx` are one kind."""
        return (
            "objects/xx" if directory.parent.name == "objects" else directory.name if directory != self.top else "above"
        )


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
