"""What became of one instance at one destination, and how a C-STORE status is judged (PS3.4 B.2.3, PS3.7 annex C).

The peer's Error Comment (0000,0902) is not kept: PACS put patient names and UIDs into it, and the ledger holds no PHI.
What is kept are the status and the standard's own words for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache


class Verdict(Enum):
    """DONE: proven. BUSY: the destination can't now. TEMPORARY: this instance, later. PERMANENT: a person."""

    DONE = "done"
    BUSY = "busy"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one instance. `reason` and `advice` hold our words only, never the peer's.

    `ours`: it was decided here, and says nothing of how the destination is. `retry_after`: the seconds for which the
    destination asked to be left alone. `ended`: the association ended instead of an answer.
    """

    verdict: Verdict
    reason: str
    advice: str = ""
    status: int | None = None
    ours: bool = False
    retry_after: float = 0.0
    ended: bool = False


_ASK = "Ask the destination's administrator; then run `appliance queue retry`."

POISON = Outcome(
    Verdict.PERMANENT,
    "the association ended each time that it was sent, while others were delivered",
    "Look at the destination's log of that time; then run `appliance queue retry`.",
    ours=True,
)

# Exact statuses first, then ranges by their high byte.
_STATUSES: dict[int, tuple[Verdict, str, str]] = {
    0x0000: (Verdict.DONE, "success", ""),
    0x0105: (Verdict.PERMANENT, "no such attribute", _ASK),
    0x0106: (Verdict.PERMANENT, "invalid attribute value", _ASK),
    0x0110: (Verdict.TEMPORARY, "processing failure", "Look at the destination's log."),
    0x0111: (
        Verdict.PERMANENT,
        "duplicate SOP instance: it says that it has one with this UID, which proves nothing about the content",
        "Compare the two upstream; then run `appliance queue retry` or release it.",
    ),
    0x0112: (Verdict.PERMANENT, "no such SOP instance", _ASK),
    0x0115: (Verdict.PERMANENT, "invalid argument value", _ASK),
    0x0117: (Verdict.PERMANENT, "invalid SOP instance", _ASK),
    0x0118: (Verdict.PERMANENT, "no such SOP class", _ASK),
    0x0119: (Verdict.PERMANENT, "class-instance conflict", _ASK),
    0x0120: (Verdict.PERMANENT, "missing attribute", _ASK),
    0x0121: (Verdict.PERMANENT, "missing attribute value", _ASK),
    0x0122: (Verdict.PERMANENT, "SOP class not supported", _ASK),
    0x0124: (Verdict.PERMANENT, "not authorized", "Have this box authorized there; then run `appliance queue retry`."),
    0x0210: (Verdict.TEMPORARY, "duplicate invocation", ""),
    0x0211: (Verdict.PERMANENT, "unrecognized operation", _ASK),
    0x0212: (Verdict.TEMPORARY, "mistyped argument", ""),
    0x0213: (Verdict.BUSY, "resource limitation", "Check the destination's load and disk."),
    0xFE00: (Verdict.TEMPORARY, "cancelled there", ""),
}
_RANGES: dict[int, tuple[Verdict, str, str]] = {
    0xA7: (Verdict.BUSY, "out of resources", "Check the destination's disk."),
    0xA9: (Verdict.PERMANENT, "data set does not match SOP class", _ASK),
    **dict.fromkeys(range(0xB0, 0xC0), (Verdict.DONE, "stored, with a warning", "")),
    **dict.fromkeys(range(0xC0, 0xD0), (Verdict.PERMANENT, "cannot understand", _ASK)),
}


@cache
def judge(status: int) -> Outcome:
    """The outcome that a C-STORE response status means. Only 0x0000 and Bxxx are success.

    What the standard does not list is held for a person: nobody knows whether sending it again would help or harm.
    """
    verdict, words, advice = _STATUSES.get(status) or _RANGES.get(status >> 8) or (Verdict.PERMANENT, "unknown", _ASK)
    return Outcome(verdict, f"status 0x{status:04X}, {words}", advice, status)
