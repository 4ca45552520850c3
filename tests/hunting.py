"""Looks for what must be nowhere, in every file of a place where programs are at work."""

from __future__ import annotations

from pathlib import Path


def hunt(wanted: dict[str, bytes], *places: Path) -> int:
    """Look into every byte, and every name, of these files and of all below these directories; the files looked at."""
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    looked = 0
    for path in files:
        content = b""
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # it went its way meanwhile
            continue
        looked += bool(content)
        for name, needle in wanted.items():
            assert needle not in content, f"{name} is in {path}"
            assert needle not in str(path).encode(), f"{name} is in a name, {path}"
    return looked
