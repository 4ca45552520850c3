"""Who is let in: an A-ASSOCIATE-RQ against the configuration, the user identity, the hours and the peer's own limit.

The decisions themselves are pure (`routing.admission`, `user_identities`); here they get what the wire, the TLS layer
and the clock say, and the places that all workers share.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from appliance.config.model import Config, Peer
from appliance.host.clock import synchronised
from appliance.routing.admission import Caller, Certificate, Refused, Rejection, admit
from appliance.routing.upstreams import reporters
from appliance.scp.origin import Origin
from appliance.scp.places import Places, Taken
from appliance.scp.user_identities import UserIdentities, response
from appliance.upper_layer.negotiation import APPLICATION_CONTEXT, AssociateRequest


@dataclass(frozen=True, slots=True)
class LetIn:
    """The peer, what to answer to its user identity, and its place, which is given back when the association ends."""

    peer: Peer
    identity_response: bytes | None = None
    place: Taken | None = None
    reports_for: str | None = None
    """The destination as which it may report on commitment."""


class Gate:
    """Shared by the threads of a worker. `places` is shared by all workers."""

    def __init__(self, config: Config, identities: UserIdentities, places: Places) -> None:
        self._config = config
        self._reporters = reporters(config)
        self._identities = identities
        self._places = places
        total = config.receive.max_associations
        others = sum(peer.accept for peer in config.peer) - 1
        self._most = total - min(others, total // 2)  # of a peer without a limit: one place is left for each other

    def judge(self, request: AssociateRequest, origin: Origin) -> LetIn | Refused:
        """Decide; who is let in has a place, and `leave` gives it back."""
        known = origin.certificate
        certificate = Certificate(known.sha256, known.names) if known else None
        caller = Caller(request.calling_ae, request.called_ae, origin.address, certificate, origin.legacy_tls)
        now = datetime.now().astimezone().time() if synchronised() else None
        decision = admit(self._config, caller, now, self._reporters)
        if isinstance(decision, Refused):
            return decision
        peer = decision.peer
        if request.application_context != APPLICATION_CONTEXT:
            return Refused(
                Rejection.APPLICATION_CONTEXT,
                "its application context name is not the one of DICOM (PS3.7 A.2.1)",
                "Tell the vendor of the device.",
            )
        if objection := self._identities.objection(peer, request.user_identity, time.time()):
            return objection
        place = None
        limit = self._most if peer.max_associations is None else peer.max_associations
        if limit < self._config.receive.max_associations:
            place = self._places.take(peer.name, limit)
            if place is None:
                return Refused(
                    Rejection.LIMIT,
                    f"it has {limit} associations open",
                    f'Raise max_associations of [[peer]] "{peer.name}" if they are all wanted.'
                    if peer.max_associations
                    else "The rest is kept for the other peers. Raise receive.max_associations if they are all wanted.",
                )
        return LetIn(peer, response(peer, request.user_identity), place, decision.reports_for)

    def leave(self, entry: LetIn) -> None:
        """The association is over, or never came about."""
        if entry.place:
            self._places.leave(entry.place)
