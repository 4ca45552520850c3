"""A stranger who hides: what each evasion must end in is that D01 names it, or that an ambiguity is alerted."""

from __future__ import annotations

from typing import Any

from appliance.inspection.engine import Inspection
from tests.inspection import wire
from tests.inspection.scene import OWN, STRANGER, engine

BAD = wire.associate(calling=b"ROGUE")
GOOD = wire.associate(calling=b"CT_SOMATOM1")
ACCEPT = wire.associate(2, calling=b"ROGUE")
PLAIN, PUSH, URGENT = wire.ACK, wire.ACK | wire.PSH, wire.ACK | wire.PSH | 0x20
MOVE = wire.p_data(
    wire.pdv(
        1,
        3,
        wire.command(0x21, True, b"1.2.840.10008.5.1.4.1.2.2.2", between=b"\0\0\0\6\6\0\0\0THIEF "),
    )
)


def call(watching: Inspection | None = None, **how: Any) -> wire.Wire:
    """A connection of the stranger to the appliance, opened."""
    return wire.Wire(watching or engine(), STRANGER, OWN, **how).open()


def association(**how: Any) -> wire.Wire:
    """An association of the stranger that was accepted. What was told of it so far is taken away."""
    talk = call(**how).client(BAD).server(ACCEPT)
    told(talk)
    return talk


def told(talk: wire.Wire) -> set[str]:
    """The rules that spoke."""
    return {record["alert"]["signature_id"] for record in talk.engine.take_alerts()}


def later(talk: wire.Wire, seconds: float) -> wire.Wire:
    """Time passes."""
    end = talk.now + seconds
    while talk.now < end:
        talk.now = min(end, talk.now + 1.5)
        talk.engine.tick(talk.now)
    return talk
