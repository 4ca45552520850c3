"""The time of a packet as a date. Captures from elsewhere may say any time: what no calendar has is the nearest."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

_FIRST, _LAST = 86400.0, 253_402_214_400.0  # 1970 and 9999, a day within, for any time zone


def moment(seconds: float, zone: tzinfo = UTC) -> datetime:
    """Seconds since the epoch as a date; never raises."""
    return datetime.fromtimestamp(seconds if _FIRST <= seconds <= _LAST else _FIRST if not seconds > 0 else _LAST, zone)
