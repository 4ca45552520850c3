"""Hours of the day in which something is allowed, as people write them: "06:00-22:00", "22:00-06:00, 12:00-13:00".

Local time of the box, every day alike. A range begins with its first minute and ends before its second one; it may
run over midnight. Pure: the time of day comes in as an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_DAY = 24 * 60
_RANGE = re.compile(r"([0-2]?[0-9]):([0-5][0-9])\s*-\s*([0-2]?[0-9]):([0-5][0-9])")
_MEANT = 'hours are written like "06:00-22:00"; several with commas between, over midnight like "22:00-06:00"'


@dataclass(frozen=True, slots=True)
class Hours:
    """Ranges in minutes since midnight, (begin, end) with begin < end <= 48:00, where 24:00 is the next midnight."""

    ranges: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in self.ranges)

    def include(self, now: time) -> bool:
        """Whether this time of day is within them."""
        minute = now.hour * 60 + now.minute
        return any(begin <= minute < end or begin <= minute + _DAY < end for begin, end in self.ranges)

    def next_opening(self, now: time) -> str:
        """When the next range begins, like "06:00", for a time outside of all of them."""
        minute = now.hour * 60 + now.minute
        return _clock(min((begin for begin, _ in self.ranges), key=lambda begin: (begin - minute) % _DAY))


def parse_hours(value: Any) -> Hours:
    """Raises ValueError with what is meant."""
    if isinstance(value, Hours):
        return value
    ranges = [_range(each.strip()) for each in value.split(",")] if isinstance(value, str) else []
    if not 1 <= len(ranges) <= 16:
        raise ValueError(_MEANT)
    return Hours(tuple(ranges))


def _range(text: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if not found and re.match(r"(?:mon|tue|wed|thu|fri|sat|sun)", text, re.IGNORECASE):
        raise ValueError('hours are those of every day, without its name, like "06:00-22:00"')
    if not found:
        raise ValueError(_MEANT)
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin >= _DAY or end > _DAY:
        raise ValueError(_MEANT)
    if begin == end % _DAY and (begin or not end):
        raise ValueError("a range that ends where it begins says nothing; for the whole day leave hours out")
    return begin, end if begin < end else end + _DAY


def _clock(minute: int) -> str:
    shown = minute - _DAY if minute > _DAY else minute
    return f"{shown // 60:02}:{shown % 60:02}"


HoursOfDay = Annotated[Hours, BeforeValidator(parse_hours), PlainSerializer(str)]
