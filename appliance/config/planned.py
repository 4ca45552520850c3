"""What the design names and this version does not know yet, so that its reader is not told "unknown key".

An entry leaves this table in the change that makes it work.
"""

from __future__ import annotations

# Places are written without the number of a [[table]] or of an item in a list.
KEYS: dict[tuple[str, ...], str] = {
    ("vault", "evidence_recipients"): "sealed evidence captures",
    ("sensor", "evidence_recipients"): "sealed evidence captures",
}


def planned_key(place: tuple[str | int, ...]) -> str | None:
    """What to say of an unknown key at `place`, if it is planned."""
    what = KEYS.get(_plain(place))
    return what and f"planned, not in this version ({what}); leave it out"


def _plain(place: tuple[str | int, ...]) -> tuple[str, ...]:
    return tuple(part for part in place if isinstance(part, str))
