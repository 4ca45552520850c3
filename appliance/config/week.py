"""Times of the week in which something is done, as people write them: "22:00-06:00", "Mon-Fri 18:00-07:00, Sat-Sun".

Local time of the box. A part is a day or a range of days, hours, or both; hours without days are those of every day,
and a range that runs over midnight belongs to the day on which it begins. Pure: the moment comes in as an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from appliance.config.hours import Hours, parse_hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_PARTS = 32
_DAYS = re.compile(r"([A-Za-z]{3,9})(?:\s*-\s*([A-Za-z]{3,9}))?")
_MEANT = 'times are written like "22:00-06:00" or "Mon-Fri 18:00-07:00, Sat-Sun"; several with commas between'
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Times:
    """One part: `days` from and to, 0 for Monday, both included; `hours` None for whole days."""

    days: tuple[int, int] = (0, 6)
    hours: Hours | None = None

    def __str__(self) -> str:
        first, last = self.days
        days = "" if self.days == (0, 6) else DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}"
        return " ".join(filter(None, (days or ("" if self.hours else "Mon-Sun"), str(self.hours or ""))))

    def ranges(self) -> list[tuple[int, int]]:
        """As minutes of the week, (begin, end), where the end may lie in the week after."""
        first, last = self.days
        days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        of_day = self.hours.ranges if self.hours else ((0, _DAY),)
        return [(day * _DAY + begin, day * _DAY + end) for day in days for begin, end in of_day]


@dataclass(frozen=True, slots=True)
class Week:
    """Times of the week; within any of its parts is within."""

    parts: tuple[Times, ...]

    def __str__(self) -> str:
        return ", ".join(str(part) for part in self.parts)

    def include(self, moment: datetime) -> bool:
        """Whether this moment, of the box's local time, is within."""
        minute = _minute(moment)
        return any(begin <= minute < end or minute < end - _WEEK for part in self.parts for begin, end in part.ranges())

    def opens_in(self, moment: datetime) -> float:
        """Seconds of the clock on the wall until the next part begins, 0.0 within one."""
        if self.include(moment):
            return 0.0
        minute = _minute(moment)
        wait = min((begin - minute) % _WEEK for part in self.parts for begin, _ in part.ranges())
        return wait * 60.0 - moment.second - moment.microsecond / 1e6

    @property
    def longest_rest(self) -> float:
        """The longest time between two parts, in seconds."""
        ranges = sorted(each for part in self.parts for each in part.ranges())
        reached, longest = 0, 0
        for begin, end in (*ranges, *((begin + _WEEK, end + _WEEK) for begin, end in ranges)):
            if reached:
                longest = max(longest, begin - reached)
            reached = max(reached, end)
        return longest * 60.0


def parse_week(value: Any) -> Week:
    """Raises ValueError with what is meant."""
    if isinstance(value, Week):
        return value
    texts = value.split(",") if isinstance(value, str) else []
    if not 1 <= len(texts) <= _PARTS:
        raise ValueError(_MEANT)
    return Week(tuple(parse_times(text) for text in texts))


def parse_times(text: str, meant: str = _MEANT) -> Times:
    """One part. Raises ValueError: `meant`, or what is odd about it."""
    days, hours = _split(text.strip())
    if not days and not hours:
        raise ValueError(meant)
    try:
        return Times(_days(days) if days else (0, 6), parse_hours(hours) if hours else None)
    except ValueError as error:
        raise ValueError(str(error) if "says nothing" in str(error) else meant) from None


def _split(text: str) -> tuple[str, str]:
    """The days and the hours of a part, as they are written."""
    at = next((index for index, character in enumerate(text) if character.isdigit()), len(text))
    return text[:at].strip(), text[at:]


def _days(text: str) -> tuple[int, int]:
    found = _DAYS.fullmatch(text)
    if not found:
        raise ValueError(_MEANT)
    first = _day(found[1])
    return first, _day(found[2]) if found[2] else first


def _day(name: str) -> int:
    for number, whole in enumerate(_NAMES):
        if whole.startswith(name.lower()):
            return number
    raise ValueError(_MEANT)


def _minute(moment: datetime) -> int:
    return moment.weekday() * _DAY + moment.hour * 60 + moment.minute


TimesOfWeek = Annotated[Week, BeforeValidator(parse_week), PlainSerializer(str)]
