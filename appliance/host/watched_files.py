"""Notices that files were changed: the configuration, and the certificates, keys and lists that it names.

A bell in their directories says when to look; what counts is what lies there, so that a lost ring costs time only. A
change counts when it has come to rest: nobody writes, and nothing changed for a moment. So an editor's rename, a file
that is written in pieces, several saves in a row and a certificate with its key are one change each. Symbolic links are
followed at every step, so that turning one over is a change too. Reads no content.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from appliance.host.directory_bell import DirectoryBell

REST = 0.3  # seconds without a change after which one counts
PATIENCE = 10.0  # seconds that a file may stay open since somebody wrote to it
ABSENCE = 2.0  # seconds that a file may be gone or empty: some editors move the old one away before they write
LOOK_EVERY = 10.0  # seconds between two looks without a ring
_MOST_LINKS = 40  # as the kernel follows, path_resolution(7)

_Signature = tuple[int, int, int, int, int]
_NOT_THERE: _Signature = (0, 0, 0, 0, 0)


class WatchedFiles:
    """The files that were read, as they were then. Used by one thread; sleeps nowhere."""

    def __init__(
        self, paths: Iterable[Path], *, bell: bool = True, now: Callable[[], float] = time.monotonic, rest: float = REST
    ) -> None:
        """`bell`: with a descriptor that rings. Without, `due` looks whenever it is asked. `rest` is in seconds."""
        self._now = now
        self._rest = rest
        self._bell = _open_bell() if bell else None
        self._judged: dict[Path, _Signature] = {}
        self._last: dict[Path, _Signature] = {}
        self._looked = self._changed_at = now()
        self._writing: dict[tuple[Path, str], float] = {}
        self._names: frozenset[str] = frozenset()
        self.follow(paths)

    def fileno(self) -> int:
        """Readable when something happened near the files; -1 where there is no bell."""
        return self._bell.fileno() if self._bell else -1

    def follow(self, paths: Iterable[Path]) -> None:
        """These from now on. Call it before those are read that were not followed yet."""
        found = {path: self._judged.get(path) or _signature(path) for path in paths}
        self._judged = found
        self._last = {path: self._last.get(path, signature) for path, signature in found.items()}
        self._arm()

    def seen(self) -> None:
        """What lies there now is about to be read, so it is no change any more."""
        self._judged = self._last = self._look()

    def due(self) -> bool:
        """Whether they changed and came to rest. True once for each change."""
        now = self._now()
        rang = self._listen(now)
        if not rang and self._bell and self._last == self._judged and now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        found = self._look()
        if found != self._last:
            self._last, self._changed_at = found, now
            self._arm()
        if found == self._judged or now < self._ripe:
            return False
        self._judged = found
        return True

    def wait(self) -> float:
        """The seconds after which `due` should be asked again, if the descriptor is not readable before."""
        at = self._ripe if self._last != self._judged else self._looked + LOOK_EVERY
        return max(0.0, at - self._now())

    def close(self) -> None:
        """Release the descriptor."""
        if self._bell:
            self._bell.close()
            self._bell = None

    @property
    def _ripe(self) -> float:
        rest = self._rest if all(each[4] for each in self._last.values()) else max(self._rest, ABSENCE)
        return max(self._changed_at + rest, *self._writing.values(), 0.0)

    def _listen(self, now: float) -> bool:
        """Take in what rang; whether anything did that may concern us."""
        concerned = False
        for each in self._bell.rang() if self._bell else ():
            if each.directory is not None and each.name not in self._names:
                continue
            concerned = True
            self._changed_at = now
            if each.directory is None:
                self._writing.clear()
            elif each.writing:
                self._writing[each.directory, each.name] = now + PATIENCE
            else:
                self._writing.pop((each.directory, each.name), None)
        return concerned

    def _arm(self) -> None:
        """Watch each directory that has a step of the way to a file."""
        steps = [step for path in self._judged for step in _steps(path)]
        self._names = frozenset(step.name for step in steps)
        if self._bell:
            self._bell.watch(dict.fromkeys(step.parent for step in steps))

    def _look(self) -> dict[Path, _Signature]:
        return {path: _signature(path) for path in self._judged}


def _open_bell() -> DirectoryBell | None:
    try:
        return DirectoryBell()
    except OSError:
        return None  # the user has no instances left: we look now and then


def _signature(path: Path) -> _Signature:
    try:
        found = path.stat()
    except OSError:
        return _NOT_THERE
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _steps(path: Path) -> list[Path]:
    """The file behind `path`, and each symbolic link on the way to it: where a change changes what is read."""
    steps: list[Path] = []
    here, rest = Path("/"), list(path.absolute().parts[1:])
    for _ in range(_MOST_LINKS * 16):
        if not rest:
            break
        name = rest.pop(0)
        if name == "..":
            here = here.parent
            continue
        step = here / name
        try:
            target = PurePath(os.readlink(step))  # noqa: PTH115  # a PurePath, and nothing resolved
        except OSError:
            here = step
            continue
        steps.append(step)
        rest = [*(part for part in target.parts if part != "/"), *rest]
        here = Path("/") if target.is_absolute() else here
    return [*steps, here]
