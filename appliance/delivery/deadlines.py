"""How long delivery waits for a destination at each step."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.base import limits
from appliance.config.bandwidth import Bandwidth

_LARGEST = 1 << 32  # bytes of an instance


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A message deadline bounds a whole C-STORE; the others one step of it."""

    connect: float = limits.DELIVERY_CONNECT.default
    handshake: float = limits.TLS_HANDSHAKE.default
    association: float = limits.DELIVERY_ASSOCIATION.default
    write: float = limits.DELIVERY_WRITE.default
    message: float = limits.MESSAGE_DEADLINE.default
    response: float = limits.DELIVERY_RESPONSE.default
    release: float = limits.DELIVERY_RELEASE.default

    @classmethod
    def within(cls, bandwidth: Bandwidth | None) -> Deadlines:
        """Those for a destination of this bandwidth: what we hold back ourselves must not look like a slow peer."""
        if bandwidth is None:
            return cls()
        return cls(message=max(limits.MESSAGE_DEADLINE.default, 2 * 8 * _LARGEST / bandwidth.slowest))
