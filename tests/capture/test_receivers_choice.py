"""What a real receiver takes of segments that contradict each other is alerted, whatever the sensor took.

A stranger forges segments, as he sees fit, in his own name and in his server's. The server is this machine's kernel and
a socket: where it read a request under a strange name, the sensor must have said so, or that it cannot know.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from appliance.config.model import Peer
from appliance.inspection.engine import Inspection, Packet
from appliance.inspection.registry import Registry, Server
from tests.capture.lab import Wire, needs, needs_root, run, wire
from tests.inspection.wire import ACK, FIN, PSH, RST, SYN, associate
from tests.sensor_lab.ground import raw_socket, within

pytestmark = [needs_root, needs("ip")]

TALKS = 250
REQUEST, INNOCENT, ACCEPT = associate(calling=b"ROGUE"), associate(calling=b"CT1"), associate(2)
SIZE = len(REQUEST)
AMBIGUOUS = {"D43", "D47", "D48"}
FALSE = (
    "innocent",
    "junk",
    "bad sum",
    "no ack",
    "md5",
    "rst",
    "fin",
    "syn",
    "syn ack",
    "far",
    "urgent",
    "before",
    "probe",
)
OF_SERVER = ("syn", "syn ack", "rst", "data", "ack")
URG = 32


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) & 1)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Street:
    """The server at the near end, and the stranger's address, which no kernel has, at the far one."""

    lab: Wire
    server: socket.socket
    tap: socket.socket
    out: socket.socket
    stranger: str
    frames: list[Packet] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.getsockname()[1])

    def registry(self, registered: bool) -> Registry:
        near = frozenset({ipaddress.ip_address(self.lab.near_ip)})
        port = self.port if registered else self.port ^ 1
        peers = (Peer(name="CT", ae_titles=("CT1",), addresses=(self.stranger,), tls="allowed"),)
        servers = (Server("this appliance", near, port, frozenset({"EDGE01"}), False, True),)
        return Registry(peers, servers, frozenset({"EDGE01"}), near, "ARCHIVE")

    def see(self) -> None:
        """Take the frames that came and went."""
        while select.select([self.tap], [], [], 0)[0]:
            data = self.tap.recv(65536)
            self.frames.append((time.time(), data, len(data), None))


@pytest.fixture
def street() -> Iterator[Street]:
    with wire(9) as lab:
        near, far = (int(each.rpartition(".")[2]) for each in (lab.near_ip, lab.far_ip))
        stranger = f"{lab.near_ip.rpartition('.')[0]}.{max(near, far) + 1}"
        run("ip", "neigh", "replace", stranger, "lladdr", "02:00:00:00:00:99", "dev", lab.near)
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        tap.bind((lab.near, 0))
        out = within(lab.namespace, lambda: raw_socket(lab.far))
        with socket.create_server((lab.near_ip, 0)) as server, tap, out:
            server.settimeout(2)
            yield Street(lab, server, tap, out, stranger)


class Stranger:
    """One connection. `seq` is where its bytes begin."""

    def __init__(self, street: Street, dice: random.Random) -> None:
        self.street, self.dice = street, dice
        self.source = dice.randrange(20000, 60000)
        self.seq = dice.choice((dice.randrange(1 << 32), 0xFFFFFFFF - dice.randrange(300)))
        self.ack = 0
        self.mac = street.tap.getsockname()[4]

    def send(
        self, at: int, flags: int, data: bytes = b"", how: str = "", by_server: bool = False, ack: int = 0
    ) -> None:
        """One segment, `at` bytes behind the beginning of the stream."""
        ends = [(self.street.stranger, self.source), (self.street.lab.near_ip, self.street.port)]
        (source, port), (target, target_port) = reversed(ends) if by_server else ends
        addresses = socket.inet_aton(source) + socket.inet_aton(target)
        options = b"\x13\x12" + bytes(16) + b"\1\1" if how == "md5" else b""
        seq = (self.ack if by_server else self.seq) + at & 0xFFFFFFFF
        urgent = self.dice.randrange(1, len(data) + 1) if flags & URG else 0
        answer = (ack if by_server else self.ack) & 0xFFFFFFFF
        words = port, target_port, seq, answer, (20 + len(options)) << 2, flags, 512, 0, urgent
        tcp = struct.pack("!HHIIBBHHH", *words) + options + data
        checksum = _sum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp) ^ (0x5555 if how == "bad sum" else 0)
        tcp = tcp[:16] + checksum.to_bytes(2, "big") + tcp[18:]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), self.dice.randrange(65536), 0x4000, 64, 6, 0)
        header = header[:10] + _sum(header + addresses).to_bytes(2, "big") + addresses
        self.street.out.send(self.mac + b"\2\0\0\0\0\x99\x08\0" + header + tcp)
        self.street.see()

    def open(self) -> socket.socket:
        """The handshake; gives the server's end."""
        self.street.frames.clear()
        self.send(-1, SYN)
        until = time.monotonic() + 5
        while not self.ack:
            assert time.monotonic() < until, "the server does not answer"
            self.street.see()
            for _, frame, _, _ in self.street.frames:
                if frame[36:38] == self.source.to_bytes(2, "big") and frame[47:48] == bytes((SYN | ACK,)):
                    self.ack = int.from_bytes(frame[38:42], "big") + 1 & 0xFFFFFFFF
        self.send(0, ACK)
        return self.street.server.accept()[0]

    def lie(self) -> None:
        """Something that no honest end of a connection would say."""
        dice = self.dice
        begin = dice.randrange(SIZE)
        data = INNOCENT[begin : dice.randrange(begin, SIZE) + 1]
        away = begin + dice.choice((0, 0, 0, 1, -1, 1000, 70000, -70000, 1 << 30, 1 << 31))
        if dice.random() < 0.25:
            kind = dice.choice(OF_SERVER)
            flags = {"syn": SYN, "syn ack": SYN | ACK, "rst": RST, "data": PSH | ACK, "ack": ACK}[kind]
            said = dice.choice((INNOCENT, ACCEPT, b"HTTP/1.1 200 OK")) if kind == "data" else b""
            self.send(dice.choice((-1, 0, away)), flags, said, "", True, self.seq + dice.choice((0, begin, away)))
            return
        match kind := dice.choice(FALSE):
            case "innocent" | "bad sum" | "md5":
                self.send(begin, PSH | ACK, data, kind)
            case "junk":
                self.send(begin, PSH | ACK, dice.randbytes(len(data)))
            case "no ack":
                self.send(begin, PSH, data)
            case "rst":
                self.send(away, dice.choice((RST, RST | ACK)), b"", dice.choice(("", "bad sum")))
            case "fin" | "syn":
                self.send(away, FIN | ACK if kind == "fin" else SYN, dice.choice((b"", data)))
            case "syn ack":
                self.send(away, SYN | ACK)
            case "far":
                self.send(away, PSH | ACK, data)
            case "urgent":
                self.send(begin, PSH | ACK | URG, REQUEST[begin : begin + len(data)])
            case "before":
                self.send(-dice.randrange(1, 40), PSH | ACK, data)
            case _:
                self.send(-1, ACK, b"\0")

    def ask(self) -> None:
        """The request, in pieces and any order, and lies between them."""
        cuts = [0, *sorted(self.dice.sample(range(1, SIZE), self.dice.randrange(6))), SIZE]
        pieces = list(itertools.pairwise(cuts))
        plan: list[tuple[int, int] | None] = [*pieces]
        if self.dice.random() < 0.5:
            self.dice.shuffle(plan)
        for _ in range(self.dice.randrange(6)):
            plan.insert(self.dice.randrange(len(plan) + 1), None)
        for piece in [*plan, *pieces]:  # at last all of it once more, in order
            if piece is None:
                self.lie()
            else:
                self.send(piece[0], PSH | ACK, REQUEST[slice(*piece)])


def _read(end: socket.socket) -> bytes:
    """What the server gets, as far as that comes at once."""
    heard = b""
    end.settimeout(0.02)
    try:
        while len(heard) < SIZE and (piece := end.recv(65536)):
            heard += piece
    except OSError:
        pass
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return heard


@pytest.mark.parametrize("registered", [True, False])
def test_what_the_server_took_is_alerted(street: Street, registered: bool) -> None:
    known = street.registry(registered)
    taken = 0
    for seed in range(TALKS):
        stranger = Stranger(street, random.Random(seed))
        with stranger.open() as end:
            stranger.ask()
            heard = _read(end)
        street.see()
        watching = Inspection(known, street.lab.near)
        watching.inspect(street.frames)
        watching.tick(time.time() + 20)
        watching.finish()
        said = {record["alert"]["signature_id"] for record in watching.take_alerts()}
        assert watching.snapshot()["faults"] == 0
        if heard[:6] == REQUEST[:6] and len(heard) >= SIZE and heard[26:42].rstrip() != b"CT1":
            taken += 1
            assert said & {"D01", *AMBIGUOUS}, (seed, said)
    assert taken > TALKS // 3
