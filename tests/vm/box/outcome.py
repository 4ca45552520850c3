"""The table: a line for each thing that was looked at, printed when it is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Outcome:
    """Counts what went well and what did not."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.lines = 0

    def line(self, what: str, ok: bool, note: object = "") -> None:
        """One row."""
        self.lines += 1
        if not ok:
            self.failed.append(what)
        print(f"{'ok    ' if ok else 'FAILED'}  {what}{f': {note}' if str(note) else ''}", flush=True)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """A row that is written only when something in it cannot go on; the rows after it are tried all the same."""
        try:
            yield
        except Exception as error:  # whatever it is, it belongs into the table
            self.line(what, False, f"{type(error).__name__}: {error}")
