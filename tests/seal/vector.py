"""The test vectors' files: lines of `key: value`, an empty line, and the object in base64. FORMAT.md describes them."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors"
_COLUMNS = 76


@dataclass(frozen=True)
class Vector:
    """One file. A key may stand several times."""

    name: str
    lines: tuple[tuple[str, str], ...]
    object: bytes = b""

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.lines if name == key]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value

    def write(self) -> None:
        body, lines = self.object, list(self.lines)
        if len(body) > 8192:
            body = zlib.compress(body, 9)
            lines.append(("compressed", "zlib"))
        text = b64encode(body).decode()
        rows = [text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS)]
        head = [f"{key}: {value}" for key, value in lines]
        (FOLDER / f"{self.name}.txt").write_text("\n".join([*head, "", *rows, ""]), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Vector:
        head, _, rows = path.read_text(encoding="utf-8").partition("\n\n")
        lines = [(key, value) for key, _, value in (line.partition(": ") for line in head.splitlines())]
        body = b64decode(rows)
        if ("compressed", "zlib") in lines:
            lines.remove(("compressed", "zlib"))
            body = zlib.decompress(body)
        return cls(path.stem, tuple(lines), body)
