"""What the destinations accept, as `forward` tells it to `receive`: one small file in the runtime directory.

It holds names of destinations, SOP classes and transfer syntaxes, and nothing of any instance. `forward` writes it
whole; `receive` looks at its date when somebody associates, and does without it when it is not there or not right: a
transfer syntax is then chosen as if no destination were known.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from appliance.base import limits, names
from appliance.base.errors import ConfigError, DiskError

Pairs = Mapping[str, Collection[tuple[str, str]]]  # by destination: (SOP class, transfer syntax)

_NAME = "accepted.json"


def publish(runtime_dir: Path, accepted: Pairs) -> None:
    """Write the file, for every program of the box to read. Raises DiskError."""
    text = json.dumps({name: sorted(pairs) for name, pairs in sorted(accepted.items())})
    fresh = runtime_dir / f".{_NAME}.new"
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o644)
            file.write(text)
        fresh.replace(runtime_dir / _NAME)
    except OSError as error:
        raise DiskError(f"cannot write {runtime_dir / _NAME}: {error.strerror}") from None


class Published:
    """The file as its readers see it. Thread-safe; one stat each time it is asked, and no more while it is the same."""

    def __init__(self, runtime_dir: Path) -> None:
        self._path = runtime_dir / _NAME
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._accepted: dict[str, frozenset[tuple[str, str]]] = {}

    def read(self) -> Pairs:
        """What is known now, by destination."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            with self._lock:
                if seen != self._seen:
                    self._accepted = _decode(self._path)
                    self._seen = seen
                return self._accepted
        except OSError:
            return {}


def _decode(path: Path) -> dict[str, frozenset[tuple[str, str]]]:
    with path.open("rb") as file:
        raw = file.read(limits.ACCEPTED_FILE.ceiling + 1)
    try:
        if len(raw) > limits.ACCEPTED_FILE.ceiling:
            return {}
        document: Any = json.loads(raw)
        return {
            str(name): frozenset((names.uid(sop_class), names.uid(syntax)) for sop_class, syntax in pairs)
            for name, pairs in document.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError, ConfigError):
        return {}
