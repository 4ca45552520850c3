"""Text hygiene: the one way in which bytes from outside become something that we show or log."""

from __future__ import annotations

_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b"\\")


def wash(raw: bytes | str, limit: int = 64) -> str:
    """Make text from outside fit for a log line: printable ASCII, everything else as \\xHH, cut at `limit` characters.

    Never raises. The result holds no control character, no line break and no backslash that was not put here.
    """
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else bytes(raw)
    shown = "".join(chr(b) if b in _PLAIN else f"\\x{b:02x}" for b in data[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def wash_words(text: str, limit: int = 64) -> str:
    """Make decoded text from outside fit for a person's terminal: letters of any script stay, a backslash too; control
    characters, line breaks and what turns the direction of writing are "?". Cut at `limit` characters. Never raises."""
    shown = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
