"""Counts who tries addresses and ports in vain: the trace of a scan (catalogue D40). Pure and bounded."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from appliance.base import limits
from appliance.inspection.observations import Probing

_WINDOW = 60.0
_MOST = 1000  # targets remembered of one source
_FIN, _SYN, _RST, _PSH, _ACK, _URG = 1, 2, 4, 8, 16, 32
_IMPOSSIBLE = frozenset((0, _FIN, _FIN | _PSH | _URG, _SYN | _FIN))  # NULL, FIN, Xmas and SYN-FIN probes


class _Source:
    __slots__ = ("before", "since", "tried")

    def __init__(self, now: float) -> None:
        self.since = now
        self.tried: set[bytes] = set()  # destination address and port, not answered yet
        self.before = 0  # targets that were tried and are no longer in the set


class Probes:
    """Sources and what they tried within a minute. A target that answers with SYN-ACK does not count."""

    def __init__(self) -> None:
        self._sources: OrderedDict[bytes, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def tried(self, key: bytes, now: float) -> Probing | None:
        """A SYN or an impossible segment was sent. Gives an observation each time the threshold is reached again."""
        size = (len(key) - 4) // 2
        address = key[:size]
        source = self._sources.get(address)
        if source is None:
            source = self._sources[address] = _Source(now)
            if len(self._sources) > limits.SENSOR_SOURCES.default:
                self._sources.popitem(last=False)
        elif now - source.since > _WINDOW or now < source.since:
            source.since = now
            source.tried.clear()
            source.before = 0
            self._sources.move_to_end(address)
        count = len(source.tried)
        source.tried.add(key[size : 2 * size] + key[-2:])
        if len(source.tried) == count or len(source.tried) % limits.SENSOR_SCAN.default:
            return None
        hosts, ports = len({each[:-2] for each in source.tried}), len({each[-2:] for each in source.tried})
        seen = Probing(ipaddress.ip_address(address), source.before + count + 1, hosts, ports)
        if count >= _MOST:
            source.before += len(source.tried)
            source.tried.clear()
        return seen

    def answered(self, key: bytes) -> None:
        """A SYN-ACK was sent, with `key` from the target to the source."""
        size = (len(key) - 4) // 2
        source = self._sources.get(key[size : 2 * size])
        if source is not None:
            source.tried.discard(key[:size] + key[-4:-2])


def impossible(flags: int) -> bool:
    """Whether no TCP ever sends these flags."""
    return flags & 0x3F in _IMPOSSIBLE
