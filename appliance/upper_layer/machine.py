"""Where an association stands: the state of PS3.8 9.2, moved by the table alone.

Awaiting is the same in the words of a shell that keeps deadlines.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from appliance.base.errors import LocalError
from appliance.upper_layer.table import NEXT, TRANSITIONS, Action, Evt, State


class Awaiting(Enum):
    """What the engine waits for: whose turn it is, and which deadline runs."""

    TRANSPORT = "the transport connection"  # requestor, before `associate_request`
    ASSOCIATE_RQ = "A-ASSOCIATE-RQ"  # the ARTIM timer: from the open transport to a whole request
    ASSOCIATE_RESPONSE = "our answer to the A-ASSOCIATE-RQ"
    ASSOCIATE_AC = "A-ASSOCIATE-AC or -RJ"
    MESSAGE = "the next message"  # nothing is under way
    PDU_REST = "the rest of a PDU"
    MESSAGE_REST = "the rest of a message"  # between two PDUs of it
    RELEASE_RESPONSE = "our release reply"
    RELEASE_RP = "A-RELEASE-RP"
    CLOSE = "the peer to close the transport"  # the ARTIM timer again
    CLOSED = "nothing: close the transport"


AWAITING = {
    State.STA1: Awaiting.CLOSED,
    State.STA2: Awaiting.ASSOCIATE_RQ,
    State.STA3: Awaiting.ASSOCIATE_RESPONSE,
    State.STA4: Awaiting.TRANSPORT,
    State.STA5: Awaiting.ASSOCIATE_AC,
    State.STA6: Awaiting.MESSAGE,  # or the rest of something: the engine knows
    State.STA7: Awaiting.RELEASE_RP,
    State.STA8: Awaiting.RELEASE_RESPONSE,
    State.STA9: Awaiting.RELEASE_RESPONSE,
    State.STA10: Awaiting.RELEASE_RP,
    State.STA11: Awaiting.RELEASE_RP,
    State.STA12: Awaiting.RELEASE_RESPONSE,
    State.STA13: Awaiting.CLOSE,
}


class Machine:
    """The state, and the only way to change it. `when_over` is called once, when the association is over."""

    __slots__ = ("state", "when_over")

    def __init__(self, state: State) -> None:
        self.state = state
        self.when_over: Callable[[], None] | None = None

    def action(self, event: Evt) -> Action | None:
        """What the table says about `event` now; None for a blank cell."""
        return TRANSITIONS.get((event, self.state))

    def require(self, event: Evt) -> None:
        """Raise LocalError where the table is blank: our own side does what it must not do now."""
        if (event, self.state) not in TRANSITIONS:
            raise LocalError(f"{event.name.lower().replace('_', ' ')} is not possible in Sta{self.state}")

    def advance(self, event: Evt, branch: int = 0) -> None:
        """Go where the table leads; `branch` 1 is the second state of AE-6 (not acceptable) and AR-8 (acceptor)."""
        self.require(event)
        self.state = NEXT[TRANSITIONS[event, self.state]][branch]
        if self.state in (State.STA1, State.STA13) and self.when_over:
            when_over, self.when_over = self.when_over, None  # and no cycle keeps the buffers alive
            when_over()
