"""Which findings ask for a block, and of whom. It only asks: `respond` decides (`blocking.py`).

Asked for is the client of a flow to a registered server, for rules that the configuration names, where the client
itself did what was found. Whether both ends acknowledged the handshake is said with it, so that nobody who forges an
address aims a block at somebody else. Pure; times are arguments.
"""

from __future__ import annotations

from appliance.base.throttle import Throttle
from appliance.inspection.block_request import BlockRequest
from appliance.inspection.developments import Recurring
from appliance.inspection.flow import Flow, endpoints
from appliance.inspection.observations import Observation
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding

_AGAIN = 5.0  # seconds after which the same source is asked for again
_MOST = 64  # requests that wait to be sent


class Aiming:
    """The requests that are to be sent."""

    def __init__(self) -> None:
        self._requests: list[BlockRequest] = []
        self._asked = Throttle(burst=1, period=_AGAIN)

    def consider(self, finding: Finding, seen: Observation, registry: Registry, now: float) -> None:
        """Ask for a block, if this finding is one to block for."""
        flow: Flow | None = finding.flow or getattr(seen, "flow", None)
        if flow is None or not getattr(seen, "from_client", True) or len(self._requests) >= _MOST:
            return
        source, source_port, target, target_port = endpoints(flow.key)
        if registry.server(target, target_port) is None or not (source_port and target_port):
            return
        proven = flow.proven and not flow.conflicted and (not isinstance(seen, Recurring) or seen.proven)
        if self._asked.passes((source, proven), now)[0]:
            seconds = registry.respond_for
            self._requests.append(
                BlockRequest(finding.rule.id, source, source_port, target, target_port, seconds, proven)
            )

    def take(self) -> list[BlockRequest]:
        """The requests since the last call."""
        requests, self._requests = self._requests, []
        return requests
