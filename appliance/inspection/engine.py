"""The sensor's engine: frames in, alerts out. Nothing in it waits, reads a clock, or touches a file or socket.

`inspect` is the hot path: a frame of bulk data that may be skipped costs one unpacking, one look-up and a comparison.
No frame makes it raise: should our own code fail on one, its flow is left alone and the sensor says that it is blind.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from appliance.base import limits
from appliance.config.posture.facts import CertificateFacts
from appliance.inspection.block_request import BlockRequest
from appliance.inspection.evidence import Evidence, EvidencePacket
from appliance.inspection.flow import DICOM_PORTS, Carries, Flow, endpoints
from appliance.inspection.flow_table import FlowTable
from appliance.inspection.fragments import Fragments
from appliance.inspection.frames import Buffer, Fragment, Segment, Unread, parse
from appliance.inspection.inventory import Inventory
from appliance.inspection.judgement import Judgement
from appliance.inspection.link_watch import LinkWatch
from appliance.inspection.memory import Memory
from appliance.inspection.mirror import Mirror
from appliance.inspection.observations import (
    Blind,
    CertificateSeen,
    Conflict,
    FragmentAbuse,
    Listening,
    Observation,
    Reconfigured,
    Slow,
)
from appliance.inspection.probes import Probes, impossible
from appliance.inspection.recognise import Recognise
from appliance.inspection.registry import Registry
from appliance.inspection.statistics import Statistics
from appliance.inspection.stream import EVERYTHING, Stream
from appliance.inspection.tcp_stack import shown_in
from appliance.inspection.usual_frames import ACK, FLAGS, HEARD, IPV4, IPV6

Packet = tuple[float, Buffer, int, int | None]
"""When (seconds since the epoch), the frame as captured, its length on the wire, the VLAN id taken out of it."""

_SEQ = 0xFFFFFFFF
_FIN, _SYN, _RST, _ACK, _URG = 1, 2, 4, 16, 32
_SWEEP = 1.0
_URGENT = "urgent data, which its receiver may take out of the stream"  # RFC 6093 2.1
_NOWHERE = "segments that belong to no connection whose opening was seen"

ReadCertificate = Callable[[bytes], CertificateFacts | None]
SignedBySite = Callable[[Sequence[bytes]], bool]


class Inspection:
    """One capture's engine. Feed it with `inspect`, call `tick` about once a second, take alerts with `take_alerts`.

    `certificates` reads an X.509 certificate (DER), which is no business of an engine; without it none is judged.
    `signed` says whether a CA of the site signed the first of a chain; without it that is not asked.
    """

    def __init__(
        self,
        registry: Registry,
        interface: str = "",
        inventory: Inventory | None = None,
        certificates: ReadCertificate | None = None,
        signed: SignedBySite | None = None,
    ) -> None:
        self.statistics = Statistics()
        self.inventory = inventory or Inventory()
        self._judgement = Judgement(registry, interface, self.inventory)
        self._certificates = certificates
        self.signed = signed
        self._memory = Memory(limits.SENSOR_MEMORY.default)
        self._table = FlowTable(self._attach, self._memory, self._judgement.ended)
        self._fragments = Fragments(self._memory)
        self._link = LinkWatch(self.statistics)
        self._mirror = Mirror(self.statistics)
        self._probes = Probes()
        self._now = 0.0
        self._swept = 0.0

    @property
    def registry(self) -> Registry:
        """Whom the rules take for known."""
        return self._judgement.registry

    @registry.setter
    def registry(self, registry: Registry) -> None:
        self._judgement.registry = registry

    def inspect(self, packets: Iterable[Packet]) -> None:
        """Take packets in the order of their capture. Frames are not kept after the next one is asked for."""
        streams = self._table.streams
        find, begins = streams.get, self._table.begins
        unpack4, unpack6 = IPV4.unpack_from, IPV6.unpack_from
        macs = self._link.macs
        count = octets = others = 0
        for now, frame, wire_length, vlan in packets:
            count += 1
            octets += wire_length
            try:
                kind, version, total, fragment, protocol, key, seq, ack, offset, flags = unpack4(frame)
                if kind == 0x0800 and version == 0x45 and protocol == 6 and not fragment & 0x3FFF and total:
                    length = total - 20 - (offset >> 4 << 2)
                elif kind == 0x86DD:
                    kind, version, total, protocol, key, seq, ack, offset, flags = unpack6(frame)
                    if protocol != 6 or not total or version >> 4 != 6:
                        if protocol == 17 and key[34:] not in HEARD and bytes(frame[6:12]) in macs:
                            others += 1
                        else:
                            self._uncommon(now, frame, wire_length, vlan)
                        continue
                    length = total - (offset >> 4 << 2)
                elif (
                    kind == 0x0800
                    and version == 0x45
                    and protocol == 17
                    and not fragment & 0x3FFF
                    and key[10:] not in HEARD
                    and bytes(frame[6:12]) in macs
                ):
                    others += 1
                    continue
                else:
                    self._uncommon(now, frame, wire_length, vlan)
                    continue
            except struct.error:
                self._uncommon(now, frame, wire_length, vlan)
                continue
            stream = find(key)
            if stream is not None and flags & FLAGS == ACK:
                position = stream.position
                follows = not (seq - stream.initial - position) & _SEQ
                if follows and position + length <= stream.shunt and length >= 0:
                    stream.position = position + length
                    stream.ack = ack
                    stream.last = now
                    continue
                if not length:
                    if follows or not begins(key, seq):
                        stream.ack = ack
                    stream.last = now
                    continue
            else:
                follows = False
            end = 14 + total + (0 if kind == 0x0800 else 40)
            if offset < 0x50 or length < 0 or end > wire_length:
                self._uncommon(now, frame, wire_length, vlan)
                continue
            if follows and stream is not None:
                self._next(now, stream, ack, memoryview(frame)[end - length : end], length)
                continue
            self._segment(now, frame, key, seq, ack, flags, end - length, length, () if vlan is None else (vlan,))
        self.statistics.packets += count
        self.statistics.bytes += octets
        self.statistics.others += others
        if count:
            self.tick(now)

    def _uncommon(self, now: float, frame: Buffer, wire_length: int, vlan: int | None) -> None:
        """A frame whose headers are not the usual ones."""
        found = parse(frame, wire_length)
        if found is None or isinstance(found, Unread):
            self._other(now, frame, vlan)
            if found is not None:
                self._blind(found.value)
            return
        vlans = found.vlans if vlan is None else (vlan, *found.vlans)
        if isinstance(found, Segment):
            key, seq, ack, flags, start, length, _, link = found
            self._segment(now, frame, key, seq, ack, flags, start, length, vlans, link)
        else:
            self._fragment(now, frame, found._replace(vlans=vlans))

    def _other(self, now: float, frame: Buffer, vlan: int | None) -> None:
        """A frame without TCP."""
        self._now = now
        self.statistics.others += 1
        try:
            self._judgement.see_all(self._link.source(bytes(frame[6:12]), now), now)
            self._judgement.see_all(self._link.frame(frame, now), now)
            announced, self._link.announced = self._link.announced, []
            for mac, address, when in announced:
                self._judgement.see_all(self.inventory.announced(mac, address, when), now)
                self._judgement.see_all(self._link.tags(mac, () if vlan is None else (vlan,), self.registry), now)
        except Exception as error:  # noqa: BLE001 - a fault of ours on one frame must not reach another
            self._failed(error, None)

    def _fragment(self, now: float, frame: Buffer, fragment: Fragment) -> None:
        """A part of an IP packet. When it is whole, its segment is taken like any other."""
        self._now = now
        self.statistics.fragments += 1
        macs, waiting = bytes(frame[:12]), [(fragment, frame)]
        self._judgement.see_all(self._link.source(macs[6:], now), now)
        while waiting:
            fragment, frame = waiting.pop()
            try:
                whole = self._fragments.take(fragment, frame, now)
                if whole.abuse:
                    self.report(FragmentAbuse(ip_address(fragment.source), ip_address(fragment.target), whole.abuse))
            except Exception as error:  # noqa: BLE001 - as for a segment
                self._failed(error, None)
                return
            if whole.unread is not None:
                self._blind(whole.unread.value)
            waiting += whole.fragments
            for segment, packet in whole.segments:
                key, seq, ack, flags, start, length, vlans, link = segment
                if not link:  # its Ethernet header is that of the fragment
                    packet, start = macs + packet, start + 12
                self._segment(now, packet, key, seq, ack, flags, start, length, vlans, link)

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
        link: int = 0,
    ) -> None:
        self._now = now
        self.statistics.segments += 1
        if now - self._swept >= _SWEEP:  # a batch of a capture file may last for hours
            self._sweep(now)
        stream = self._table.streams.get(key)
        try:
            if flags & _SYN:
                self._syn(now, key, seq, ack, flags, frame, start, link, vlans)
                if not length:
                    return
                seq = (seq + 1) & _SEQ  # data in a SYN (RFC 7413)
            if stream is not None and self._table.reopened(key, stream, seq, length):
                stream = None
            if stream is None:
                if not length:
                    if flags & (_FIN | _RST):
                        self._table.left(key, seq)
                    if flags & _RST:
                        self._table.refused(key)
                    else:
                        self._judgement.see_all(self._link.decoy(key, self.registry), now)
                    if impossible(flags):
                        self._observe_probe(key, now)
                    return
                macs = bytes(frame[link : link + 12])
                self._judgement.see_all(self._link.source(macs[6:], now), now)
                stream = self._table.open(key, seq, length, ack if flags & _ACK else None, now, macs, vlans)
                if stream is None:
                    return
                self.statistics.connections += 1
                if self._table.doubtful:
                    self._table.doubtful = False
                    self._ambiguous(stream, _NOWHERE)
            if flags & (_ACK | _RST) == _ACK:
                stream.ack = ack
            if flags & _URG and stream.shunt != EVERYTHING:  # others use it: telnet, FTP, databases
                self._ambiguous(stream, _URGENT)
            if length:
                stream.segment(now, seq, memoryview(frame)[start : start + length], length)
            if flags & (_FIN | _RST):
                stream.finished = True
                if flags & _RST or stream.other.finished:
                    stream.flow.closing = True
        except Exception as error:  # noqa: BLE001 - a fault of ours in one flow must not reach another
            self._failed(error, stream)
        self._bound()

    def _next(self, now: float, stream: Stream, ack: int, data: memoryview, length: int) -> None:
        """Bytes that follow on what a stream had: they open nothing and end nothing."""
        self._now = stream.last = now
        self.statistics.segments += 1
        if now - self._swept >= _SWEEP:
            self._sweep(now)
        try:
            stream.ack = ack
            stream.follow(now, data, length)
        except Exception as error:  # noqa: BLE001 - as for a segment
            self._failed(error, stream)
        self._bound()

    def _bound(self) -> None:
        """Keep to the limits: let flows go that keep too much, and count them."""
        if self._memory.used > self._memory.limit:
            self._table.relieve()
        if self._table.evicted:
            self._count_evicted()

    def _syn(
        self,
        now: float,
        key: bytes,
        seq: int,
        ack: int,
        flags: int,
        frame: Buffer,
        start: int,
        link: int,
        vlans: tuple[int, ...],
    ) -> None:
        if flags & _ACK:
            if link:  # a tunnel proves nothing: anybody may send what looks like one end of it
                self._table.syn(key, seq, now, True)
            else:
                self._table.syn(key, seq, now, True, ack)
            self.statistics.answered += 1
            self._probes.answered(key)
            return
        self._table.syn(key, seq, now, False, stack=shown_in(frame, link, start))
        self.statistics.opened += 1
        self._observe_probe(key, now)
        mac = bytes(frame[link + 6 : link + 12])
        self._judgement.see_all(self._link.opening(key, mac, vlans, self.registry, now), now)

    def _observe_probe(self, key: bytes, now: float) -> None:
        if (seen := self._probes.tried(key, now)) is not None:
            self.report(seen)

    def _ambiguous(self, stream: Stream, how: str) -> None:
        if not stream.flow.conflicted:
            stream.flow.conflicted = True
            self.report(Conflict(stream.flow, stream.from_client, how))

    def _blind(self, what: str) -> None:
        self.statistics.blind += 1
        self.report(Blind(None, what))

    def _failed(self, error: Exception, stream: Stream | None) -> None:
        self.statistics.faults += 1
        self.statistics.blind += 1
        if (flow := getattr(stream, "flow", None)) is not None:
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

    def certificate(self, flow: Flow, from_client: bool, chain: Sequence[bytes]) -> None:
        """Have a certificate (DER) read, and judge it."""
        if self._certificates is not None:
            asked = self.signed is not None and self.registry.of_the_site(flow.key, from_client)
            signed = self.signed(chain) if self.signed is not None and asked else None
            self.report(CertificateSeen(flow, from_client, self._certificates(chain[0]), signed))

    def report(self, observation: Observation) -> None:
        """Judge what was seen."""
        self._judgement.see(observation, self._now)

    # What the program tells.

    def lost(self, packets: int, now: float, how: str = "packets lost by the capture") -> None:
        """The capture lost packets before they came here; 0 for a while in which there was no capture."""
        self._now = max(now, self._now)
        self.statistics.dropped_packets += packets
        self.statistics.blind += 1
        self.report(Blind(None, how, packets or 1))

    def tick(self, now: float) -> None:
        """Time has passed: flows end, and so do windows of alerts."""
        if 0 <= now - self._swept < _SWEEP:
            return
        self._sweep(now)
        self._judgement.see_all(self._mirror.tick(now, self.registry.mirrors), now)

    def _sweep(self, now: float) -> None:
        self._swept = self._now = now
        try:
            self._table.sweep(now)
            self._fragments.sweep(now)
            self._count_slow(now)
        except Exception as error:  # noqa: BLE001 - as for a frame
            self._failed(error, None)
        if self._fragments.incomplete:
            count, self._fragments.incomplete = self._fragments.incomplete, 0
            self.statistics.blind += count
            self.report(Blind(None, "IP packets of which fragments are missing", count))
        self._judgement.tick(now)

    def _count_slow(self, now: float) -> None:
        """Connections to servers of DICOM on which nothing was said, or no whole request."""
        slow, self._table.slow = self._table.slow, []
        silent, self._table.silent = self._table.silent, []
        for flow in slow:
            if flow.carries is Carries.DICOM or self.expects_dicom(flow):
                self.report(Slow(flow, now - flow.began))
        for key, held in silent:
            server, port, client, _ = endpoints(key)
            if self.registry.server(server, port) is None:
                if port in DICOM_PORTS:
                    self.report(Listening(server, port, client))
            elif held:
                self._judgement.see_all(self._judgement.recurrences.silent(client, server, port, now), now)

    def reconfigured(self, what: str, now: float) -> None:
        """The program changed what is judged by, or noticed that somebody did."""
        self._now = max(now, self._now)
        self.report(Reconfigured(what))

    def finish(self) -> None:
        """Nothing more will come: give up all holes, end all windows of alerts."""
        self._table.settle(self._now + 3600)
        self._fragments.clear()
        self._judgement.finish()

    def keep_evidence(self, wanted: bool = True) -> None:
        """Keep the control PDUs of flows about which a rule speaks, or keep them no longer."""
        self._judgement.evidence = (self._judgement.evidence or Evidence()) if wanted else None

    def take_evidence(self) -> list[EvidencePacket]:
        """What was kept since the last call, of flows about which a rule spoke."""
        return self._judgement.evidence.take() if self._judgement.evidence else []

    def take_requests(self) -> list[BlockRequest]:
        """The blocks to ask for since the last call."""
        return self._judgement.aiming.take()

    def take_alerts(self) -> list[dict[str, Any]]:
        """The records of the alerts since the last call."""
        alerts = self._judgement.take_alerts()
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
            "suppressed_alerts": self._judgement.suppressed,
            "evidence_missed": self._judgement.evidence.missed if self._judgement.evidence else 0,
        }
