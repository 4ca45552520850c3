"""What was asked of a simulated disk, in order, and what of it a power cut may leave.

A disk is a set of cells: a 4 KiB page of a file, a file's length, a name in a directory, the ledger. A change gives
some cells new values; a sync makes the values of its cells durable that were there when it *began*, from when it has
*ended*. After a cut each cell has, on its own, any value from its durable one to its newest: that is a change lost,
torn at 4 KiB, or on the medium before an earlier one. Nothing else is promised:

- data and length of a file by fdatasync of that file, and never its name;
- a name by fsync of its directory, and never what the name leads to, nor the directory's own name;
- link and unlink are one name each. A rename is two, in one transaction of the journal where both are in one directory.
  From one directory to another, the new name is there where the old one has gone, and may be there while it has not;
- a ledger's commit, when it returned with synchronous=FULL. Else commits are lost from the newest back.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

PAGE = 4096

Cell = tuple[str, int, Hashable]
"""("page", file, number), ("size", file, 0), ("name", directory, name) or ("ledger", 0, 0)."""

Value = Hashable
"""bytes of a page, at most `PAGE`; bytes of the ledger; the number of a file or directory; None: there is none."""

LEDGER: Cell = ("ledger", 0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """An operation that gives cells new values, several for one cell where it has states between."""

    what: str
    cells: tuple[tuple[Cell, Value], ...]
    moved: tuple[Cell, Cell] | None = None
    """Of a rename, the old name and the new one."""


@dataclass(slots=True)
class Sync:
    """Covers the cells of one file or directory. `ended` is None while it is under way."""

    what: str
    scope: tuple[frozenset[str], int]
    began: int
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Not an operation: something was promised, or allowed, from here on."""

    what: str
    about: Hashable


@dataclass(frozen=True, slots=True)
class Ended:
    """The moment at which a sync came back."""

    what: str


Event = Change | Sync | Ended | Mark

DATA = frozenset({"page", "size"})
NAMES = frozenset({"name"})
LEDGERS = frozenset({"ledger"})


@dataclass(slots=True)
class Version:
    """A value that a cell may have after a cut, and the change that gave it; -1 for what was there before."""

    change: int
    value: Value


@dataclass(slots=True)
class Trace:
    """All that happened since `base` was durable."""

    base: dict[Cell, Value] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    directories: set[int] = field(default_factory=set)
    """The numbers that are directories; the others are files."""

    @property
    def operations(self) -> int:
        """How many there are."""
        return sum(map(_counts, self.events))

    def deaths(self, cuts: Iterable[int]) -> list[int]:
        """How many operations there were before each of these cuts, each number once."""
        return sorted({sum(map(_counts, self.events[:cut])) for cut in cuts})

    def change(self, change: Change) -> None:
        """Something was changed."""
        self.events.append(change)

    def begin(self, what: str, kinds: frozenset[str], number: int) -> Sync:
        """A sync was called."""
        sync = Sync(what, (kinds, number), len(self.events))
        self.events.append(sync)
        return sync

    def end(self, sync: Sync) -> None:
        """It came back, well."""
        sync.ended = len(self.events)
        self.events.append(Ended(sync.what))

    def mark(self, what: str, about: Hashable = None) -> None:
        """Something was promised or allowed."""
        self.events.append(Mark(what, about))

    def marks(self, cut: int) -> tuple[Mark, ...]:
        """What was promised and allowed before a cut."""
        return tuple(event for event in self.events[:cut] if isinstance(event, Mark))

    def versions(self, cut: int) -> dict[Cell, list[Version]]:
        """What each cell may hold after a cut before event number `cut`: the durable value, then later ones in order.
        Cells that were not changed are left out; they have their value of `base`."""
        found: dict[Cell, list[Version]] = {}
        changes = [(at, event) for at, event in enumerate(self.events[:cut]) if isinstance(event, Change)]
        for at, change in changes:
            for cell, value in change.cells:
                found.setdefault(cell, [Version(-1, self.base.get(cell))]).append(Version(at, value))
        floors: dict[Cell, int] = {}
        for sync in self.events[:cut]:
            if isinstance(sync, Sync) and sync.ended is not None and sync.ended < cut:
                kinds, number = sync.scope
                for cell in found:
                    if cell[0] in kinds and cell[1] == number:
                        floors[cell] = max(floors.get(cell, -1), sync.began)
        durable = {cell: _durable(versions, floors.get(cell, -1)) for cell, versions in found.items()}
        for at, change in reversed(changes):
            if change.moved and durable[change.moved[0]] >= at:
                durable[change.moved[1]] = max(durable[change.moved[1]], at)
        return {
            cell: versions[max(i for i, version in enumerate(versions) if version.change <= durable[cell]) :]
            for cell, versions in found.items()
        }

    def moves(self, cut: int) -> Iterator[tuple[int, Cell, Cell]]:
        """The renames before a cut."""
        for at, event in enumerate(self.events[:cut]):
            if isinstance(event, Change) and event.moved:
                yield at, *event.moved

    def told(self) -> str:
        """The trace in words, a line an event."""
        lines = []
        for at, event in enumerate(self.events):
            if isinstance(event, Mark):
                about = event.about[0] if isinstance(event.about, tuple) else event.about
                lines.append(f"{at:4} -- {event.what} {about}")
            elif not (isinstance(event, Ended) and self.events[at - 1].what == event.what):
                lines.append(f"{at:4} {event.what}{', ended' if isinstance(event, Ended) else ''}")
        directories = [line for line in lines if " mkdir " in line][8:-1]
        return "\n".join(line for line in lines if line not in directories)


def _counts(event: Event) -> bool:
    """Whether it is an operation: the end of a sync is no further one, nor is the sync in a commit."""
    return isinstance(event, Change) or (isinstance(event, Sync) and event.scope[0] is not LEDGERS)


def _durable(versions: list[Version], floor: int) -> int:
    """The last change that a sync which began at `floor` covers."""
    return max(version.change for version in versions if version.change < floor or version.change == -1)
