"""The sealed objects that lie in a directory: files, and records of segments that nobody took over any more.

For a state directory whose box is gone: needs no ledger, no key and no program, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path

from appliance.vault.layout import SEGMENT_SUFFIX, SUFFIX
from appliance.vault.segment_record import BLOCK, HEAD, parse_head


@dataclass(frozen=True, slots=True)
class Sealed:
    """One object: its id, or the name of its file; where it lies; what it is, where that is no file of its own."""

    name: str
    place: Path
    record: bytes | None = None

    def open(self) -> BufferedIOBase:
        """From its start. Raises `OSError`."""
        return self.place.open("rb") if self.record is None else BytesIO(self.record)


def sealed_objects(directory: Path) -> Iterator[Sealed]:
    """All of them, by the order of their names; each once, the file before the record of it."""
    seen = set()
    for path in sorted(directory.rglob(f"*{SUFFIX}")):
        seen.add(path.name.removesuffix(SUFFIX))
        yield Sealed(path.name.removesuffix(SUFFIX), path)
    for path in sorted(directory.rglob(f"*{SEGMENT_SUFFIX}")):
        for object_id, sealed in _records(path):
            if object_id not in seen:
                seen.add(object_id)
                yield Sealed(object_id, path, sealed)


def _records(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every record that checks out, whatever stands between two (vault/SEGMENT.md)."""
    segment_id = path.name.removesuffix(SEGMENT_SUFFIX)
    with path.open("rb") as file:
        offset, size = 0, path.stat().st_size
        while offset < size:
            file.seek(offset)
            head = parse_head(file.read(HEAD), segment_id)
            sealed = file.read(head.length) if head else b""
            if head and head.covers(sealed):
                yield head.object_id, sealed
                offset += head.size
            else:
                offset += BLOCK
