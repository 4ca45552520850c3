"""Puts fragments of IP packets together (RFC 791 3.2, RFC 8200 4.5), so that none of them hides a segment.

Bounded in packets, pieces and bytes; what does not come together in time is counted. Where fragments overlap and
disagree, both readings are given: the one in which the first bytes count, and the one in which the last do.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from appliance.base import limits
from appliance.inspection.frames import MAY_CARRY, UDP, Buffer, Fragment, Segment, Unread, begins_tunnel, within_packet
from appliance.inspection.memory import Memory

_LEAST = 20  # bytes; a first fragment that holds less hides the flags of TCP (RFC 1858)
_LONGEST = 65535
_REUSED = 0.5  # seconds after which a sender of very many packets may count them anew, and use their numbers again
_MOST = 2 * _LONGEST  # bytes of one packet, in two versions


@dataclass(slots=True)
class Whole:
    """What the fragment that came last gave."""

    segments: list[tuple[Segment, bytes]] = field(default_factory=list)  # with the buffer that `start` counts in
    fragments: list[tuple[Fragment, bytes]] = field(default_factory=list)  # of a packet within, likewise
    abuse: str = ""  # ours, never the sender's
    unread: Unread | None = None


class _Packet:
    __slots__ = ("disputed", "end", "pieces", "protocol", "since", "stored")

    def __init__(self, now: float) -> None:
        self.since = now
        self.pieces: list[tuple[int, bytes]] = []  # in the order in which they came
        self.protocol = -1  # known with the first
        self.end = -1  # known with the last
        self.stored = 0
        self.disputed = False

    def contradicted(self, fragment: Fragment, data: bytes) -> bool:
        """Whether a fragment cannot be of this packet, if its sender is honest."""
        if not fragment.more and self.end not in (-1, fragment.offset + fragment.length):
            return True
        return (fragment.offset, data) not in self.pieces and _overlaps(self.pieces, fragment.offset, data)


class Fragments:
    """The packets of which some fragments came."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._packets: OrderedDict[tuple[bytes, bytes, int, int], _Packet] = OrderedDict()
        self.incomplete = 0  # packets given up, since the engine last asked

    def __len__(self) -> int:
        return len(self._packets)

    def take(self, fragment: Fragment, frame: Buffer, now: float) -> Whole:
        """A fragment came. Gives what is in its packet, if that is whole now."""
        whole = Whole()
        # IPv4 tells packets of two protocols apart, IPv6 does not (RFC 8200 4.5).
        kind = fragment.protocol if len(fragment.source) == 4 else -1
        key = fragment.source, fragment.target, fragment.fragment_id, kind
        data = bytes(memoryview(frame)[fragment.start : fragment.start + fragment.length])
        packet = self._packets.get(key)
        if packet is not None and now - packet.since > _REUSED and packet.contradicted(fragment, data):
            self._give_up(key)
            packet = None
        if packet is None:
            if fragment.protocol not in MAY_CARRY or (fragment.protocol == UDP and not begins_tunnel(fragment, frame)):
                return whole  # what else UDP carries is nobody's business here
            packet = self._packets[key] = _Packet(now)
            if len(self._packets) > limits.SENSOR_FRAGMENTED.default:
                self._give_up(next(iter(self._packets)))
        if fragment.offset + fragment.length > _LONGEST:
            whole.abuse = "a fragment that makes a packet longer than any may be"
            return whole
        if fragment.offset == 0:
            packet.protocol = fragment.protocol
            if fragment.more and len(data) < _LEAST:
                whole.abuse = "a first fragment too small for a TCP header"
        if not fragment.more:
            end = fragment.offset + fragment.length
            if packet.end not in (-1, end):
                whole.abuse = "two last fragments of one packet"
                packet.disputed = True
            packet.end = max(packet.end, end)
        if (fragment.offset, data) not in packet.pieces:  # a copy is no overlap
            if _overlaps(packet.pieces, fragment.offset, data):
                whole.abuse = "fragments that overlap"
                packet.disputed = True
            packet.pieces.append((fragment.offset, data))
            packet.stored += len(data)
            self._memory.used += len(data)
            self._make_room(key)
        if packet.end >= 0 and _covered(packet):
            self._finish(key, packet, fragment, whole)
        elif len(packet.pieces) >= limits.SENSOR_FRAGMENTS.default or packet.stored > _MOST:
            self._give_up(key)
        return whole

    def sweep(self, now: float) -> None:
        """Give up what did not come together in time."""
        while self._packets:
            key, packet = next(iter(self._packets.items()))
            if 0 <= now - packet.since < limits.SENSOR_FRAGMENT_WAIT.default and self._memory.used < self._memory.limit:
                break
            self._give_up(key)

    def clear(self) -> None:
        """Give everything up."""
        while self._packets:
            self._give_up(next(iter(self._packets)))

    def _finish(self, key: tuple[bytes, bytes, int, int], packet: _Packet, last: Fragment, whole: Whole) -> None:
        versions = [_assembled(packet, first_wins=True)]
        if packet.disputed and (other := _assembled(packet, first_wins=False)) != versions[0]:
            versions.append(other)
        del self._packets[key]
        self._memory.used -= packet.stored
        for version in versions:
            found = within_packet(version, packet.protocol, last.source + last.target, last.vlans)
            if isinstance(found, Segment):
                whole.segments.append((found, version))
            elif isinstance(found, Fragment):
                whole.fragments.append((found, version))
            else:
                whole.unread = found or whole.unread

    def _make_room(self, key: tuple[bytes, bytes, int, int]) -> None:
        """Where flows and fragments keep more than they may, other fragments go, the oldest first."""
        while self._memory.used > self._memory.limit and (oldest := next(iter(self._packets))) != key:
            self._give_up(oldest)

    def _give_up(self, key: tuple[bytes, bytes, int, int]) -> None:
        self._memory.used -= self._packets.pop(key).stored
        self.incomplete += 1


def _overlaps(pieces: list[tuple[int, bytes]], offset: int, data: bytes) -> bool:
    return any(at < offset + len(data) and offset < at + len(kept) for at, kept in pieces)


def _covered(packet: _Packet) -> bool:
    """Whether the pieces leave no hole before the end."""
    reached = 0
    for at, data in sorted(packet.pieces, key=lambda piece: piece[0]):
        if at > reached:
            return False
        reached = max(reached, at + len(data))
    return reached >= packet.end


def _assembled(packet: _Packet, first_wins: bool) -> bytes:
    payload = bytearray(packet.end)
    for at, data in reversed(packet.pieces) if first_wins else packet.pieces:
        payload[at : at + len(data)] = data
    return bytes(payload[: packet.end])
