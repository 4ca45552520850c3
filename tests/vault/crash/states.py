"""The states that a power cut may leave, for each moment of a trace.

Of a short trace (`EXHAUSTIVE` operations at most) every state that trace.py allows. Of a longer one: all of what was
not synced lost, or none, and from both ends every subset of up to three operations turned round, each whole or torn
page by page; if that is more than `most` for one moment, that many drawn by a seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import comb, prod

from tests.vault.crash.trace import LEDGER, PAGE, Cell, Trace, Value, Version

EXHAUSTIVE = 12
TOGETHER = 3  # operations that are lost, torn or kept at a time in a longer trace

Choice = Mapping[Cell, int]
Content = tuple[int, int, tuple[tuple[int, bytes], ...]]
"""Of a file: which it is, for it may have two names; the length that it was given; pages by number."""


@dataclass(frozen=True)
class State:
    """What a restarted machine finds: directories and files by path below the top, and the ledger if there is one."""

    directories: frozenset[str]
    contents: frozenset[tuple[str, Content]]
    ledger: bytes | None

    def files(self) -> Iterator[tuple[list[str], bytes]]:
        """The names of each file, and what is read from it."""
        names: dict[Content, list[str]] = {}
        for path, content in sorted(self.contents, key=lambda each: each[0]):
            names.setdefault(content, []).append(path)
        for content, paths in names.items():
            yield paths, _read(content)


def states(trace: Trace, cut: int, *, most: int, seed: int = 0) -> Iterator[State]:
    """The states that a cut before event number `cut` may leave; some more than once, of a long trace `most`."""
    versions = trace.versions(cut)
    reachable = _reachable(trace, versions)
    open_cells = {cell: found for cell, found in versions.items() if len(found) > 1 and _matters(cell, reachable)}
    tree = _Tree(trace, versions)
    moves = list(trace.moves(cut))
    exhaustive = trace.operations <= EXHAUSTIVE
    for choice in _every(open_cells) if exhaustive else _some(open_cells, most, random.Random(seed * 100_003 + cut)):
        if all(_whole(choice, versions, *move) for move in moves):
            yield tree.state(choice)


def _every(cells: Mapping[Cell, list[Version]]) -> Iterator[Choice]:
    for indexes in itertools.product(*(range(len(versions)) for versions in cells.values())):
        yield dict(zip(cells, indexes, strict=True))


def _some(cells: Mapping[Cell, list[Version]], most: int, dice: random.Random) -> Iterator[Choice]:
    """From all that is newest, and from all that is durable only: up to `TOGETHER` operations turned round."""
    if prod(len(versions) for versions in cells.values()) <= most:
        yield from _every(cells)
        return
    none_lost = {cell: len(versions) - 1 for cell, versions in cells.items()}
    all_lost = dict.fromkeys(cells, 0)
    yield none_lost
    yield all_lost
    changes = sorted({version.change for versions in cells.values() for version in versions[1:]})
    sizes = range(1, min(TOGETHER, len(changes)) + 1)
    subsets: Iterable[tuple[int, ...]] = itertools.chain(*(itertools.combinations(changes, size) for size in sizes))
    if sum(comb(len(changes), size) for size in sizes) * 4 > most:
        subsets = (tuple(dice.sample(changes, dice.choice(sizes))) for _ in range(most // 4))
    for chosen in subsets:
        for start in (none_lost, all_lost):
            for torn in (None, dice):
                choice = dict(start)
                for change in chosen:
                    _turn(choice, cells, change, lose=start is none_lost, torn=torn)
                yield choice
    for _ in range(most // 4):
        yield {cell: dice.randrange(len(versions)) for cell, versions in cells.items()}


def _turn(
    choice: dict[Cell, int], cells: Mapping[Cell, list[Version]], change: int, *, lose: bool, torn: random.Random | None
) -> None:
    """Lose a change, or have it kept, in all of its cells; torn: in some."""
    for cell, versions in cells.items():
        of_it = [at for at, version in enumerate(versions) if at and version.change == change]
        if of_it and (torn is None or torn.random() < 0.5):
            choice[cell] = min(choice[cell], of_it[0] - 1) if lose else max(choice[cell], of_it[-1])


def _whole(choice: Choice, versions: Mapping[Cell, list[Version]], at: int, old: Cell, new: Cell) -> bool:
    """Of a rename: not the old name gone and the new one not there yet; in one directory, not both there either."""
    gone = versions[old][choice.get(old, -1)].change >= at
    there = versions[new][choice.get(new, -1)].change >= at
    return gone == there if old[1] == new[1] else there or not gone


def _reachable(trace: Trace, versions: Mapping[Cell, list[Version]]) -> set[Value]:
    """Files and directories that have a name in some state."""
    names = {value for cell, value in trace.base.items() if cell[0] == "name" and cell not in versions}
    return names | {version.value for cell, found in versions.items() if cell[0] == "name" for version in found}


def _matters(cell: Cell, reachable: set[Value]) -> bool:
    return cell[0] in ("name", "ledger") or cell[1] in reachable


class _Tree:
    """Builds states of one moment; what is the same in all of them is looked up once."""

    def __init__(self, trace: Trace, versions: Mapping[Cell, list[Version]]) -> None:
        self._versions = versions
        self._names: dict[int, list[Cell]] = {}
        self._pages: dict[int, list[Cell]] = {}
        self._base = trace.base
        cells = trace.base.keys() | versions.keys()
        for cell in cells:
            if cell[0] == "name":
                self._names.setdefault(cell[1], []).append(cell)
            elif cell[0] == "page":
                self._pages.setdefault(cell[1], []).append(cell)
        for pages in self._pages.values():
            pages.sort(key=lambda cell: cell[2])  # type: ignore[arg-type, return-value]
        self._directories = trace.directories

    def state(self, choice: Choice) -> State:
        directories: list[str] = []
        contents: list[tuple[str, Content]] = []
        self._walk(0, "", choice, directories, contents)
        ledger = self._value(LEDGER, choice)
        assert ledger is None or isinstance(ledger, bytes)
        return State(frozenset(directories), frozenset(contents), ledger)

    def _walk(
        self, number: int, path: str, choice: Choice, directories: list[str], contents: list[tuple[str, Content]]
    ) -> None:
        for cell in self._names.get(number, ()):
            found = self._value(cell, choice)
            if found is None:
                continue
            assert isinstance(found, int)
            below = f"{path}{cell[2]}"
            if found in self._directories:
                directories.append(below)
                self._walk(found, below + "/", choice, directories, contents)
            else:
                contents.append((below, self._content(found, choice)))

    def _content(self, number: int, choice: Choice) -> Content:
        pages = []
        for cell in self._pages.get(number, ()):
            data = self._value(cell, choice)
            if data is not None:
                assert isinstance(data, bytes) and isinstance(cell[2], int)
                pages.append((cell[2], data))
        size = self._value(("size", number, 0), choice)
        assert size is None or isinstance(size, int)
        return number, size or 0, tuple(pages)

    def _value(self, cell: Cell, choice: Choice) -> Value:
        versions = self._versions.get(cell)
        return versions[choice.get(cell, -1)].value if versions else self._base.get(cell)


def _read(content: Content) -> bytes:
    """The bytes of a file; a page that is missing before its end reads as zeros."""
    _, size, pages = content
    data = bytearray(max([size, *(number * PAGE + len(page) for number, page in pages)]))
    for number, page in pages:
        data[number * PAGE : number * PAGE + len(page)] = page
    return bytes(data)
