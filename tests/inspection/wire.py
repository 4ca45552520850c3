"""Frames as they stand on the wire: a small TCP conversation that tests write like a transcript."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

from appliance.inspection.engine import Inspection

CT, PACS, STRANGER = "10.20.0.11", "10.20.0.2", "10.20.0.99"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ILE = b"1.2.840.10008.1.2"
CT_STORAGE = b"1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = b"1.2.840.10008.1.1"


def frame(
    source: str,
    source_port: int,
    target: str,
    target_port: int,
    seq: int,
    ack: int,
    flags: int,
    payload: bytes = b"",
    vlans: tuple[int, ...] = (),
    extensions: bytes = b"",
    options: bytes = b"",
    ttl: int = 64,
) -> bytes:
    """One Ethernet frame with a TCP segment. Checksums are left out: the sensor does not test them."""
    one, two = ipaddress.ip_address(source), ipaddress.ip_address(target)
    tcp = struct.pack(
        "!HHIIBBHHH",
        source_port,
        target_port,
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        (20 + len(options)) << 2,
        flags,
        512,
        0,
        0,
    )
    body = tcp + options + payload
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    if one.version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, ttl, 6, 0) + one.packed + two.packed
        kind = b"\x08\x00"
    else:
        first = extensions[:1] if extensions else b"\x06"
        rest = extensions[1:]
        header = (
            struct.pack("!IH", 6 << 28, len(rest) + len(body)) + first + bytes((ttl,)) + one.packed + two.packed + rest
        )
        kind = b"\x86\xdd"
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + tags + kind + header + body


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack("!BxI", kind, len(body)) + body


def item(kind: int, body: bytes) -> bytes:
    return struct.pack("!BxH", kind, len(body)) + body


def associate(
    kind: int = 1,
    called: bytes = b"EDGE01",
    calling: bytes = b"CT_SOMATOM1",
    max_length: int | None = 16384,
    contexts: Iterable[tuple[int, bytes]] = ((1, CT_STORAGE),),
    reserved: bytes = bytes(32),
    result: int = 0,
    version_name: bytes = b"TEST_1",
    extra: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ (1) or -AC (2)."""
    items = item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, abstract in contexts:
        if kind == 1:
            items += item(0x20, bytes((number, 0, 0, 0)) + item(0x30, abstract) + item(0x40, ILE))
        else:
            items += item(0x21, bytes((number, 0, result, 0)) + item(0x40, ILE))
    user = b"" if max_length is None else item(0x51, struct.pack("!I", max_length))
    user += item(0x52, b"1.2.3.4") + item(0x55, version_name)
    items += item(0x50, user) + extra
    return pdu(kind, b"\0\1\0\0" + called.ljust(16) + calling.ljust(16) + reserved + items)


def pdv(context: int, flags: int, data: bytes) -> bytes:
    return struct.pack("!IBB", len(data) + 2, context, flags) + data


def p_data(*pdvs: bytes) -> bytes:
    return pdu(4, b"".join(pdvs))


def command(
    field: int, data_set: bool = False, sop_class: bytes = CT_STORAGE, more: bytes = b"", between: bytes = b""
) -> bytes:
    """A command set with its group length. `between`: elements before (0000,0800); `more`: behind it."""
    uid = sop_class + b"\0" * (len(sop_class) % 2)
    elements = struct.pack("<HHI", 0, 2, len(uid)) + uid
    elements += struct.pack("<HHIH", 0, 0x0100, 2, field) + struct.pack("<HHIH", 0, 0x0110, 2, 7)
    elements += between
    elements += struct.pack("<HHIH", 0, 0x0800, 2, 0x0102 if data_set else 0x0101) + more
    return struct.pack("<HHII", 0, 0, 4, len(elements)) + elements


def store(size: int, max_length: int = 16384, context: int = 1, fill: bytes = b"\x03\0") -> bytes:
    """A C-STORE-RQ and a data set of `size` bytes, in P-DATA-TFs of at most `max_length`."""
    out = p_data(pdv(context, 3, command(0x0001, data_set=True)))
    data = (fill * (size // len(fill) + 1))[:size]
    step = max_length - 6
    for at in range(0, size, step):
        out += p_data(pdv(context, 2 if at + step >= size else 0, data[at : at + step]))
    return out


RELEASE_RQ, RELEASE_RP, ABORT = pdu(5, bytes(4)), pdu(6, bytes(4)), pdu(7, b"\0\0\2\0")


def reject(result: int = 1, source: int = 1, reason: int = 7) -> bytes:
    return pdu(3, bytes((0, result, source, reason)))


class Wire:
    """A TCP connection between two hosts; what they say goes straight into an engine."""

    def __init__(
        self,
        engine: Inspection,
        client: str = CT,
        server: str = PACS,
        port: int = 104,
        client_port: int = 50000,
        now: float = 1_700_000_000.0,
        client_isn: int = 1000,
        server_isn: int = 900_000,
        mss: int = 1448,
        vlans: tuple[int, ...] = (),
    ) -> None:
        self.engine = engine
        self.hosts = {True: (client, client_port), False: (server, port)}
        self.next = {True: client_isn & 0xFFFFFFFF, False: server_isn & 0xFFFFFFFF}
        self.now = now
        self.mss = mss
        self.vlans = vlans

    def raw(self, from_client: bool, seq: int, flags: int, payload: bytes = b"", cut: int | None = None) -> None:
        """One segment, just as it is said. `cut`: the capture keeps so many bytes of the frame."""
        whole = self.build(from_client, seq, flags, payload)
        self.now += 0.00001
        self.engine.inspect([(self.now, memoryview(whole[:cut]), len(whole), None)])

    def build(self, from_client: bool, seq: int, flags: int, payload: bytes = b"") -> bytes:
        return frame(
            *self.hosts[from_client],
            *self.hosts[not from_client],
            seq,
            self.next[not from_client],
            flags,
            payload,
            self.vlans,
        )

    def open(self, ttl: int = 64, options: bytes = b"") -> Wire:
        """The three-way handshake; the client's SYN has these options."""
        self.ask(ttl, options)
        self._advance(True, 1)
        self.raw(False, self.next[False], SYN | ACK)
        self._advance(False, 1)
        self.raw(True, self.next[True], ACK)
        return self

    def ask(self, ttl: int = 64, options: bytes = b"") -> None:
        """The client's SYN."""
        syn = frame(*self.hosts[True], *self.hosts[False], self.next[True], 0, SYN, b"", self.vlans, b"", options, ttl)
        self.now += 0.00001
        self.engine.inspect([(self.now, memoryview(syn), len(syn), None)])

    def _advance(self, from_client: bool, count: int) -> None:
        self.next[from_client] = (self.next[from_client] + count) & 0xFFFFFFFF

    def say(self, from_client: bool, data: bytes, mss: int | None = None) -> Wire:
        """Bytes in order, in segments."""
        step = mss or self.mss
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            self.raw(from_client, self.next[from_client], ACK | PSH, piece)
            self._advance(from_client, len(piece))
        return self

    def client(self, data: bytes, mss: int | None = None) -> Wire:
        return self.say(True, data, mss)

    def server(self, data: bytes, mss: int | None = None) -> Wire:
        return self.say(False, data, mss)

    def lose(self, from_client: bool, count: int) -> Wire:
        """So many bytes were sent and not captured."""
        self._advance(from_client, count)
        return self

    def close(self) -> Wire:
        for side in (True, False):
            self.raw(side, self.next[side], FIN | ACK)
            self._advance(side, 1)
        return self

    def association(self, **answer: object) -> Wire:
        """A-ASSOCIATE-RQ and -AC."""
        return self.open().client(associate()).server(associate(2, **answer))  # type: ignore[arg-type]
