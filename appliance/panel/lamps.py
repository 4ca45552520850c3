"""What each lamp shows: one table of states, their patterns, and what a person does about them. Pure.

A pattern that says something good ends by itself unless it is renewed, so that a lamp goes dark when this program hangs
or is gone; one that says something bad stays. A box with one lamp shows the most urgent state as a number of flashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FUNCTIONS = ("ready", "traffic", "backlog", "alarm")
SINGLE = "single"
LIFE = 10.0  # seconds that a pattern which must be renewed goes on


@dataclass(frozen=True, slots=True)
class Pattern:
    """Levels (0 or 1) and how long each lasts, in milliseconds; `lasting`: goes on without us."""

    name: str
    steps: tuple[tuple[int, int], ...]
    lasting: bool = False

    @property
    def period(self) -> int:
        """One turn, in milliseconds."""
        return sum(length for _, length in self.steps)


OFF = Pattern("off", ((0, 60000),), lasting=True)
ON = Pattern("on", ((1, int(LIFE * 1000)),))
SLOW = Pattern("slow blinking", ((1, 1000), (0, 1000)))
FLICKER = Pattern("flicker", ((1, 100), (0, 100)))
BLIPS = Pattern("on with short gaps", ((1, 900), (0, 100)))
FLASH = Pattern("a flash every 2 s", ((1, 200), (0, 1800)), lasting=True)
FAST = Pattern("fast blinking", ((1, 200), (0, 200)), lasting=True)
DOUBLE = Pattern("two flashes, pause", ((1, 200), (0, 200), (1, 200), (0, 1400)))
STEADY = Pattern("on", ((1, 1000),), lasting=True)
EVEN = Pattern("even blinking", ((1, 500), (0, 500)), lasting=True)


def flashes(number: int) -> Pattern:
    """So many flashes and a pause, for a box with one lamp."""
    turns = ((1, 250), (0, 250)) * (number - 1) + ((1, 250), (0, 1500))
    return Pattern(f"{number} flash{'es' if number > 1 else ''}, pause", turns)


@dataclass(frozen=True, slots=True)
class Row:
    """A state of a function. `single` is what the only lamp of a box shows; `by` is who lights it."""

    function: str
    state: str
    pattern: Pattern
    single: Pattern
    meaning: str
    fix: str
    by: str = "panel"

    @property
    def key(self) -> str:
        """ "function:state"."""
        return f"{self.function}:{self.state}"


# From the calm to the urgent: where two states of a function hold, the later row is shown.
TABLE = (
    Row("ready", "serving", ON, ON, "receives and stores", "nothing"),
    Row("ready", "starting", SLOW, flashes(1), "starts", "wait half a minute"),
    Row("ready", "refusing", FAST, flashes(6), "refuses instances: the disk is full or fails", "`appliance status`"),
    Row("ready", "off", OFF, flashes(7), "does not receive", "`appliance status`; is it switched off on purpose?"),
    Row("traffic", "idle", OFF, ON, "no association is open", "nothing"),
    Row("traffic", "open", ON, ON, "a modality is connected", "nothing"),
    Row("traffic", "moving", FLICKER, BLIPS, "instances come in", "nothing; do not switch off"),
    Row("backlog", "none", OFF, ON, "upstream has everything, or gets it now", "nothing"),
    Row(
        "backlog", "waiting", SLOW, flashes(2), "deliveries wait; they are tried again", "if it lasts: is the PACS up?"
    ),
    Row("backlog", "locked", DOUBLE, flashes(3), "deliveries wait for a key", "`appliance unlock`"),
    Row("backlog", "held", STEADY, flashes(4), "the PACS said no for good", "`appliance queue held`"),
    Row("alarm", "quiet", OFF, ON, "nothing to report", "nothing"),
    Row("alarm", "notice", FLASH, flashes(5), "somebody should look soon", "`appliance status`"),
    Row("alarm", "alarm", FAST, FAST, "somebody should look now", "`appliance status`"),
    Row(
        "alarm",
        "broken",
        EVEN,
        OFF,
        "a program gave up, the panel may be one",
        "`systemctl status 'appliance*'`",
        "systemd",
    ),
)
BY_KEY = {row.key: row for row in TABLE}
_ORDER = {row.key: number for number, row in enumerate(TABLE)}

# For a box with one lamp: what is shown where several hold, the most urgent first. "serving" is what is left.
URGENCY = (
    "alarm:alarm",
    "ready:off",
    "ready:refusing",
    "backlog:held",
    "alarm:notice",
    "backlog:locked",
    "backlog:waiting",
    "ready:starting",
    "traffic:moving",
)
_RECEIVE = {"ok": "serving", "starting": "starting"}


def states(programs: Mapping[str, Any], moving: bool, claims: Iterable[str]) -> dict[str, str]:
    """The state of each function: from the programs as the board knows them, and from what findings claim
    ("function:state")."""
    receive = programs.get("receive", {})
    keys = {
        f"ready:{_RECEIVE.get(receive.get('state', 'starting'), 'off')}",
        "traffic:idle",
        "backlog:none",
        "alarm:quiet",
        *claims,
    }
    if receive.get("state") == "ok" and receive.get("associations"):
        keys.add("traffic:moving" if moving else "traffic:open")
    shown = {}
    for key in sorted(keys, key=_ORDER.__getitem__):
        function, _, state = key.partition(":")
        shown[function] = state
    return shown


def patterns(shown: Mapping[str, str]) -> dict[str, Pattern]:
    """What the lamp of each function shows, and the only lamp of a box that has one."""
    found = {function: BY_KEY[f"{function}:{state}"].pattern for function, state in shown.items()}
    now = {f"{function}:{state}" for function, state in shown.items()}
    urgent = next((key for key in URGENCY if key in now), "ready:serving")
    return found | {SINGLE: BY_KEY[urgent].single}


def alone(row: Row) -> str:
    """What a box with one lamp shows for a state, in words; "" for a state that it does not tell from others."""
    if row.by != "panel":
        return "dark"
    return row.single.name if row.key in (*URGENCY, "ready:serving") else ""


def as_markdown() -> str:
    """The table for people, as the README has it."""
    lines = ["| lamp | shows | that means | what to do | a box with one lamp |", "|---|---|---|---|---|"]
    for row in TABLE:
        only = alone(row) or "–"
        lines.append(f"| {row.function} | {row.pattern.name} | {row.meaning} | {row.fix} | {only} |")
    return "\n".join(lines) + "\n"
