"""The sensor's engine: frames in, alerts out. Nothing in it waits, reads a clock, or touches a file or socket.

`inspect` is the hot path: a frame of bulk data that may be skipped costs one unpacking, one look-up and a comparison.
No frame makes it raise: should our own code fail on one, its flow is left alone and the sensor says that it is blind.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from appliance.base import limits
from appliance.inspection.aggregation import Aggregation
from appliance.inspection.flow import Carries, Flow, endpoints
from appliance.inspection.flow_table import FlowTable
from appliance.inspection.frames import Buffer, Fragment, Segment, parse
from appliance.inspection.memory import Memory
from appliance.inspection.observations import Blind, Observation
from appliance.inspection.probes import Probes, impossible
from appliance.inspection.recognise import Recognise
from appliance.inspection.registry import Registry
from appliance.inspection.rules import BY_OBSERVATION
from appliance.inspection.statistics import Statistics
from appliance.inspection.stream import Stream

Packet = tuple[float, Buffer, int, int | None]
"""When (seconds since the epoch), the frame as captured, its length on the wire, the VLAN id taken out of it."""

# Ethernet, IPv4 without options, TCP: type, version and header length, total length, fragment, protocol, key, seq, ack,
# data offset, flags
_IPV4 = struct.Struct("!12xHBxH2xHxB2x12sIIBB")
# Ethernet, IPv6, TCP: type, version, length, next header, key, seq, ack, offset, flags
_IPV6 = struct.Struct("!12xHB3xHBx36sIIBB")
_SEQ = 0xFFFFFFFF
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_UNUSUAL = 0x27  # FIN, SYN, RST or URG: not for the fast path
_SWEEP = 1.0


class Inspection:
    """One capture's engine. Feed it with `inspect`, call `tick` about once a second, take alerts with `take_alerts`."""

    def __init__(self, registry: Registry, interface: str = "") -> None:
        self.registry = registry
        self.statistics = Statistics()
        self._interface = interface
        self._memory = Memory(limits.SENSOR_MEMORY.default)
        self._table = FlowTable(self._attach, self._memory)
        self._probes = Probes()
        self._aggregation = Aggregation()
        self._alerts: list[dict[str, Any]] = []
        self._now = 0.0
        self._swept = 0.0
        self._suppressed = 0

    def inspect(self, packets: Iterable[Packet]) -> None:
        """Take packets in the order of their capture. Frames are not kept after the next one is asked for."""
        streams = self._table.streams
        find = streams.get
        unpack4, unpack6 = _IPV4.unpack_from, _IPV6.unpack_from
        count = octets = 0
        for now, frame, wire_length, vlan in packets:
            count += 1
            octets += wire_length
            try:
                kind, version, total, fragment, protocol, key, seq, ack, offset, flags = unpack4(frame)
                if kind == 0x0800 and version == 0x45 and protocol == 6 and not fragment & 0x3FFF and total:
                    start = 34 + (offset >> 4 << 2)
                    length = total + 14 - start
                elif kind == 0x86DD:
                    kind, version, total, protocol, key, seq, ack, offset, flags = unpack6(frame)
                    if protocol != 6 or not total or version >> 4 != 6:
                        self._uncommon(now, frame, wire_length, vlan)
                        continue
                    start = 54 + (offset >> 4 << 2)
                    length = total + 54 - start
                else:
                    self._uncommon(now, frame, wire_length, vlan)
                    continue
            except struct.error:
                self._uncommon(now, frame, wire_length, vlan)
                continue
            stream = find(key)
            if stream is not None and not flags & _UNUSUAL:
                position = stream.position
                if not (seq - stream.initial - position) & _SEQ and position + length <= stream.shunt and length >= 0:
                    stream.position = position + length
                    stream.ack = ack
                    stream.last = now
                    continue
                if not length:
                    stream.ack = ack
                    stream.last = now
                    continue
            end = 14 + total + (0 if kind == 0x0800 else 40)
            if offset < 0x50 or length < 0 or end > wire_length:
                self._uncommon(now, frame, wire_length, vlan)
                continue
            self._segment(now, frame, key, seq, ack, flags, start, length, () if vlan is None else (vlan,))
        self.statistics.packets += count
        self.statistics.bytes += octets
        if count:
            self.tick(now)

    def _uncommon(self, now: float, frame: Buffer, wire_length: int, vlan: int | None) -> None:
        """A frame whose headers are not the usual ones."""
        found = parse(frame, wire_length)
        if isinstance(found, Segment):
            vlans = found.vlans if vlan is None else (vlan, *found.vlans)
            self._segment(now, frame, found.key, found.seq, found.ack, found.flags, found.start, found.length, vlans)
        elif isinstance(found, Fragment):
            self._now = now
            self.statistics.fragments += 1
            self.statistics.blind += 1
            self.report(Blind(None, "IP fragments of TCP, which are not put together"))

    def _segment(
        self,
        now: float,
        frame: Buffer,
        key: bytes,
        seq: int,
        ack: int,
        flags: int,
        start: int,
        length: int,
        vlans: tuple[int, ...],
    ) -> None:
        self._now = now
        self.statistics.segments += 1
        stream = self._table.streams.get(key)
        try:
            if flags & _SYN:
                self._syn(now, key, seq, flags)
                if not length:
                    return
                seq = (seq + 1) & _SEQ  # data in a SYN (RFC 7413)
            if stream is not None and self._table.reopened(key, stream, seq):
                stream = None
            if stream is None:
                if not length:
                    if impossible(flags):
                        self._observe_probe(key, now)
                    return
                macs = bytes(frame[:12])
                stream = self._table.open(key, seq, ack if flags & _ACK else None, now, macs, vlans)
            if flags & _ACK:
                stream.ack = ack
            if length:
                stream.segment(now, seq, memoryview(frame)[start : start + length], length)
            if flags & (_FIN | _RST):
                stream.finished = True
                if flags & _RST or stream.other.finished:
                    stream.flow.closing = True
        except Exception as error:  # noqa: BLE001 - a fault of ours in one flow must not reach another
            self._failed(error, stream)
        if self._memory.used > self._memory.limit:
            self._table.relieve()
        if self._table.evicted:
            self._count_evicted()

    def _syn(self, now: float, key: bytes, seq: int, flags: int) -> None:
        self._table.syn(key, seq, now, answers=bool(flags & _ACK))
        if flags & _ACK:
            self._probes.answered(key)
        else:
            self._observe_probe(key, now)

    def _observe_probe(self, key: bytes, now: float) -> None:
        seen = self._probes.tried(key, now)
        if seen is not None:
            self.report(seen)

    def _failed(self, error: Exception, stream: Stream | None) -> None:
        self.statistics.faults += 1
        self.statistics.blind += 1
        flow = stream.flow if stream is not None else None
        if flow is not None:
            self._table.remove(flow)
        self.report(Blind(None, f"unforeseen {type(error).__name__} of the sensor's own on a frame"))

    def _count_evicted(self) -> None:
        evicted, self._table.evicted = self._table.evicted, []
        self.statistics.evicted += len(evicted)
        lost = [flow for flow in evicted if flow.carries in (Carries.DICOM, Carries.UNKNOWN) and not flow.closing]
        if lost:
            self.statistics.blind += len(lost)
            self.report(Blind(None, "flows given up because there were too many"))

    def _attach(self, stream: Stream) -> None:
        stream.reader = Recognise(stream, self)

    # What readers tell (witness.Witness).

    def expects_dicom(self, flow: Flow) -> bool:
        """Whether the flow's server is a registered one."""
        _, _, address, port = endpoints(flow.key)
        return self.registry.server(address, port) is not None

    def report(self, observation: Observation, always: bool = False) -> None:
        """Judge what was seen. `always` tells what is found however many alerts there were."""
        for judge in BY_OBSERVATION.get(type(observation), ()):
            finding = judge(observation, self.registry)
            if finding is not None:
                alert = self._aggregation.offer(finding, self._now, always)
                if alert is not None:
                    self._alerts.append(alert.record(self._interface))

    # What the program tells.

    def lost(self, packets: int, now: float, how: str = "packets lost by the capture") -> None:
        """The capture lost packets before they came here."""
        self._now = max(now, self._now)
        self.statistics.dropped_packets += packets
        self.statistics.blind += 1
        self.report(Blind(None, how, packets))

    def tick(self, now: float) -> None:
        """Time has passed: flows end, and so do windows of alerts."""
        if 0 <= now - self._swept < _SWEEP:
            return
        self._swept = self._now = now
        try:
            self._table.sweep(now)
        except Exception as error:  # noqa: BLE001 - as for a frame
            self._failed(error, None)
        held_back = self._aggregation.suppressed - self._suppressed
        if held_back:
            self._suppressed += held_back
            self.report(Blind(None, "alerts held back because there were too many", held_back), always=True)
        self._alerts += [alert.record(self._interface) for alert in self._aggregation.due(now)]

    def finish(self) -> None:
        """Nothing more will come: give up all holes, end all windows of alerts."""
        self._table.settle(self._now + 3600)
        self._alerts += [alert.record(self._interface) for alert in self._aggregation.finish()]

    def take_alerts(self) -> list[dict[str, Any]]:
        """The records of the alerts since the last call."""
        alerts, self._alerts = self._alerts, []
        self.statistics.alerts += len(alerts)
        return alerts

    @property
    def flows(self) -> int:
        """Flows that are known now."""
        return len(self._table)

    def snapshot(self) -> dict[str, int]:
        """The counters, and what is kept now."""
        return {
            **self.statistics.snapshot(),
            "flows": len(self._table),
            "openings": self._table.openings,
            "memory": self._memory.used,
            "suppressed_alerts": self._aggregation.suppressed,
        }
