"""What a lamp shows, read from the files of the real /sys/class/leds, in the words of the README's table. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.panel.lamps import BY_KEY, EVEN, TABLE

DARK, LIT = "off", "on"
_ENDS_DARK = (0, 100)  # milliseconds that the panel adds to a pattern which is to end


def light(files: Mapping[str, str]) -> str:
    """The name of a pattern of the table, or what the kernel was told where it is none of them."""
    match files["trigger"]:
        case "none":
            return DARK if files["brightness"] == "0" else LIT
        case "pattern":
            return _pattern(files["pattern"])
        case "timer":
            told = ((1, int(files["delay_on"] or 0)), (0, int(files["delay_off"] or 0)))
            return EVEN.name if told == EVEN.steps else f"timer {told}"
    return files["trigger"]


def expected(key: str) -> str:
    """What the row "function:state" of the table shows."""
    return BY_KEY[key].pattern.name


def _pattern(text: str) -> str:
    """The file has pairs of level and milliseconds; a level without time is the hard edge after the one before."""
    numbers = list(map(int, text.split()))
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    steps = tuple((min(level, 1), length) for level, length in pairs if length)
    for row in TABLE:
        if steps in (row.pattern.steps, (*row.pattern.steps, _ENDS_DARK)):
            return row.pattern.name
    return f"pattern {steps}"
