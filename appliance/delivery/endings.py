"""Why an association ended where it should have gone on, in words for a log line, and what to do about it.

Nothing that the other side wrote is part of them.
"""

from __future__ import annotations

from appliance.base.errors import UpstreamError
from appliance.upper_layer import words
from appliance.upper_layer.association import (
    Aborted,
    AssociationRejected,
    ConnectionClosed,
    Event,
    PeerFault,
    ReleaseRequested,
)

LOG = "Look at the destination's log of that time."
LOST = "Check that it is up, and the network on the way; its log of that time may say more."
_REJECT_ADVICE = {
    (1, 3): "Register our AE title there, or change ae_title of [appliance].",
    (1, 7): "Check ae_title of the destination.",
}


def ended(event: Event) -> UpstreamError:
    """The error that an event is where another was awaited."""
    if isinstance(event, AssociationRejected):
        return UpstreamError(
            f"the association was {words.rejection(event.result, event.source, event.reason)}",
            fix=_REJECT_ADVICE.get((event.source, event.reason), LOG),
        )
    if isinstance(event, Aborted):
        return UpstreamError(f"the association was {words.abort(event.source, event.reason)}", fix=LOG)
    if isinstance(event, PeerFault):
        return UpstreamError(f"it broke the protocol: {event.reason}", fix="Report it to the maker of the destination.")
    if isinstance(event, ConnectionClosed):
        return UpstreamError("it closed the connection", fix=LOST)
    if isinstance(event, ReleaseRequested):
        return UpstreamError("it released the association before its answer", fix=LOG)
    return UpstreamError("it sent a message that nobody asked for", fix=LOG)
