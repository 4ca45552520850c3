"""How fast a destination may be sent to, as people write it: "20Mbit/s", "20Mbit/s Mon-Fri 07:00-19:00, 200Mbit/s".

The first part whose times fit counts; where none does, nothing is held back. Local time of the box. Pure: the moment
comes in as an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from appliance.base.limits import BANDWIDTH
from appliance.config.week import Times, Week, parse_times

_MEANT = (
    'a bandwidth is written like "20Mbit/s", or with times like "20Mbit/s Mon-Fri 07:00-19:00, 200Mbit/s"; '
    "the first part that fits counts"
)
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([kMG])bit/s")
_BITS = {"k": 10**3, "M": 10**6, "G": 10**9}
_PARTS = 16


@dataclass(frozen=True, slots=True)
class Rate:
    """So many bits in a second, at these times; None: always."""

    bits: int
    times: Times | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (rate_words(self.bits), str(self.times or ""))))


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """The parts in the order of the file."""

    parts: tuple[Rate, ...]

    def __str__(self) -> str:
        return ", ".join(str(part) for part in self.parts)

    def at(self, moment: datetime) -> int | None:
        """Bits a second that may be sent at this moment, of the box's local time; None: as fast as it goes."""
        for part in self.parts:
            if part.times is None or Week((part.times,)).include(moment):
                return part.bits
        return None

    @property
    def slowest(self) -> int:
        """The fewest bits a second of all parts."""
        return min(part.bits for part in self.parts)


def parse_bandwidth(value: Any) -> Bandwidth:
    """Raises ValueError with what is meant."""
    if isinstance(value, Bandwidth):
        return value
    texts = value.split(",") if isinstance(value, str) else []
    if not 1 <= len(texts) <= _PARTS:
        raise ValueError(_MEANT)
    parts = tuple(_part(text.strip()) for text in texts)
    if any(part.times is None for part in parts[:-1]):
        raise ValueError("a part without times fits always, so what stands behind it is never looked at; put it last")
    return Bandwidth(parts)


def _part(text: str) -> Rate:
    found = _RATE.match(text)
    if not found:
        raise ValueError(_MEANT)
    bits, rest = int(float(found[1]) * _BITS[found[2]]), text[found.end() :]
    if not BANDWIDTH.floor <= bits <= BANDWIDTH.ceiling:
        raise ValueError(f"{rate_words(BANDWIDTH.floor)} to {rate_words(BANDWIDTH.ceiling)} are possible")
    return Rate(bits, parse_times(rest, _MEANT) if rest.strip() else None)


def rate_words(bits: float) -> str:
    """Bits a second as people write them: "1.5Mbit/s"."""
    for unit in ("G", "M"):
        if bits >= _BITS[unit]:
            return f"{bits / _BITS[unit]:.3f}".rstrip("0").rstrip(".") + f"{unit}bit/s"
    return f"{bits / 1000:.3f}".rstrip("0").rstrip(".") + "kbit/s"


BandwidthOfWeek = Annotated[Bandwidth, BeforeValidator(parse_bandwidth), PlainSerializer(str)]
