"""What scenes call for: DCMTK's clients under any name, lines that say PDUs one by one, pynetdicom, forged segments."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tests.inspection import wire
from tests.sensor_lab.ground import Host, within
from tests.sensor_lab.site import Lab

T = TypeVar("T")


def dcmtk(
    host: Host,
    tool: str,
    calling: str,
    called: str,
    to: Host,
    port: int = 104,
    *options: str,
    files: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """One of DCMTK's clients, quick to answer and never waiting for long."""
    deadlines = ("-to", "5", "-ta", "5", "-td", "20")
    titles = ("-aet", calling, "-aec", called)
    return host.run("env", "TCP_NODELAY=1", tool, *deadlines, *titles, *options, to.address, str(port), *files)


def echo(
    lab: Lab, *options: str, host: str = "ct", calling: str = "CT1", called: str = "EDGE01", port: int = 104
) -> int:
    """DCMTK's echoscu to the appliance."""
    return dcmtk(lab.ground.hosts[host], "echoscu", calling, called, lab.edge, port, *options).returncode


def find(lab: Lab, calling: str, *keys: str) -> subprocess.CompletedProcess[str]:
    """DCMTK's findscu from the viewer to the archive."""
    options = [word for key in ("QueryRetrieveLevel=STUDY", *keys) for word in ("-k", key)]
    return dcmtk(lab.viewer, "findscu", calling, "ARCH", lab.pacs, 104, "-S", *options)


def tls(lab: Lab, name: str) -> tuple[str, ...]:
    """DCMTK's options for TLS with one of the lab's certificates."""
    return ("+tls", str(lab.tls / f"{name}.key"), str(lab.tls / f"{name}.crt"), "+cf", str(lab.tls / "ca.crt"))


def s_client(lab: Lab, host: Host, to: Host, port: int, *options: str) -> str:
    """OpenSSL's client: a handshake, and no more."""
    done = host.run(
        "openssl", "s_client", "-connect", f"{to.address}:{port}", *options, stdin=subprocess.DEVNULL, check=False
    )
    return done.stdout + done.stderr


@contextlib.contextmanager
def s_server(lab: Lab, port: int, *options: str, pem: Path | None = None) -> Iterator[None]:
    """OpenSSL's server, at the archive."""
    cert, key = (pem, pem) if pem else (lab.tls / "pacs.crt", lab.tls / "pacs.key")
    command = ("openssl", "s_server", "-accept", str(port), "-cert", str(cert), "-key", str(key), "-quiet", *options)
    process = lab.pacs.serve(port, *command)
    yield
    lab.pacs.stop(process)


def without_tls_1_3(hello: bytes) -> bytes:
    """A ClientHello that offers TLS 1.2 and no more: the extension of versions gets a number that nobody knows."""
    at = hello.find(b"\0\x2b\0")
    return hello[:at] + b"\xfa\xaa" + hello[at + 2 :] if at > 0 else hello


@contextlib.contextmanager
def relay(host: Host, port: int, to: int, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """A port of a host whose connection goes to another port of it; what the client says first is changed on the way.

    Behind it the two keep their loopback to themselves: the mirror sees the relay's side alone.
    """
    server = within(host.namespace, lambda: socket.create_server((host.address, port)))

    def serve() -> None:
        with contextlib.suppress(OSError):
            near, _ = server.accept()
            far = within(host.namespace, lambda: socket.create_connection((host.address, to), 5))
            near.settimeout(2)
            far.settimeout(2)
            far.sendall(change(near.recv(65536)))
            near.sendall(far.recv(65536))
            near.close()
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    server.close()
    thread.join(10)


class Line:
    """A TCP connection from a host of the lab, on which PDUs are said and heard one by one."""

    def __init__(self, host: Host, to: Host, port: int = 104, source: str | None = None) -> None:
        from_address = (source, 0) if source else None
        self.socket = within(
            host.namespace, lambda: socket.create_connection((to.address, port), 5, source_address=from_address)
        )
        self.socket.settimeout(20)  # a machine that is busy with other tests answers late
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, data: bytes) -> Line:
        self.socket.sendall(data)
        return self

    def hear(self) -> bytes:
        """The next PDU; what there is of it, where the other side hung up."""
        data = b""
        with contextlib.suppress(OSError):
            while len(data) < 6 or len(data) < 6 + int.from_bytes(data[2:6], "big"):
                piece = self.socket.recv(65536 if len(data) >= 6 else 6 - len(data))
                if not piece:
                    break
                data += piece
        return data

    def command(self) -> int:
        """The command field of the next command set (PS3.7 E.1)."""
        pdu = self.hear()
        while pdu and not (pdu[0] == 4 and pdu[11] & 1):
            pdu = self.hear()
        at = pdu.find(b"\0\0\0\1\2\0\0\0")
        return int.from_bytes(pdu[at + 8 : at + 10], "little") if at > 0 else 0

    def ask(self, **request: Any) -> Line:
        """Say an A-ASSOCIATE-RQ, and hear the answer."""
        self.say(wire.associate(**request)).hear()
        return self

    def release(self) -> None:
        """In order."""
        self.say(wire.RELEASE_RQ).hear()
        self.close()

    def arrived(self) -> Line:
        """Wait until the other side has acknowledged all that was said."""
        until = time.monotonic() + 10
        while any(fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4))):
            assert time.monotonic() < until, "the other side takes nothing"
            time.sleep(0.01)
        return self

    def close(self) -> None:
        self.socket.close()


def as_pynetdicom(host: Host, act: Callable[[], T]) -> T:
    """Call `act` on a host; pynetdicom's own threads are there too."""
    return within(host.namespace, act)


def pynetdicom_echo(host: Host, calling: str, called: str, to: Host, port: int = 104, six: bool = False) -> bool:
    """pynetdicom verifies."""
    from pynetdicom import AE  # type: ignore[attr-defined]

    def act() -> bool:
        ae = AE(ae_title=calling)
        ae.add_requested_context("1.2.840.10008.1.1")
        association = ae.associate(to.address6 if six else to.address, port, ae_title=called)
        done = association.is_established and association.send_c_echo().Status == 0
        if association.is_established:
            association.release()
        return bool(done)

    return as_pynetdicom(host, act)


@contextlib.contextmanager
def pynetdicom_scp(
    host: Host, port: int, status: int, title: str, *, matches: int = 0, associations: int = 10
) -> Iterator[None]:
    """An SCP of storage and procedure steps that answers everything with `status`, finds so many `matches` to every
    query, and takes so many associations at a time."""
    from pydicom import Dataset
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # type: ignore[attr-defined]

    def found(_: Any) -> Iterator[tuple[int, Dataset]]:
        answer = Dataset()
        answer.QueryRetrieveLevel = "STUDY"
        for _number in range(matches):
            yield 0xFF00, answer

    def begin() -> Any:
        ae = AE(ae_title=title)
        ae.supported_contexts = AllStoragePresentationContexts
        ae.add_supported_context("1.2.840.10008.1.1")
        ae.add_supported_context("1.2.840.10008.3.1.2.3.3")
        ae.add_supported_context("1.2.840.10008.5.1.4.1.2.2.1")
        ae.maximum_associations = associations
        step = [(each, lambda _: (status, None)) for each in (evt.EVT_N_CREATE, evt.EVT_N_SET)]
        handlers = [(evt.EVT_C_STORE, lambda _: status), (evt.EVT_C_FIND, found), *step]
        return ae.start_server((host.address, port), block=False, evt_handlers=handlers)

    server = within(host.namespace, begin)
    yield
    server.shutdown()


class Forger:
    """A client without a kernel: it has an address of its own, and every segment of it is forged with scapy.

    Its counterpart is a real server: what that one takes of contradicting segments is its kernel's choice.
    """

    address, mac = "10.20.0.11", "02:00:00:20:00:11"

    def __init__(self, lab: Lab, to: Host, port: int = 104) -> None:
        self._to, self._port = to, port
        lab.ct.run("ip", "addr", "del", f"{self.address}/24", "dev", "eth0", check=True)  # nobody answers with RST
        self._lab = lab
        to.run("ip", "neigh", "replace", self.address, "lladdr", self.mac, "dev", "eth0", check=True)
        self._out = lab.ct.raw_socket()
        self._in = within(lab.ct.namespace, _listen)
        self._source = 20000 + int(time.time() * 1000) % 40000
        self.seq, self.ack = 1000, 0

    def __enter__(self) -> Forger:
        self.send(b"", "S")
        answer = self.hear("SA")
        self.seq, self.ack = self.seq + 1, answer + 1
        self.send(b"", "A")
        return self

    def __exit__(self, *_: object) -> None:
        """Have the server forget the connection: what it says again would be heard in the next scene."""
        until = time.monotonic() + 10
        while self._to.run("ss", "-Htan", f"dport = :{self._source}").stdout.strip():
            assert time.monotonic() < until, "the server holds on to a forged connection"
            self.seq = self._expected()
            self.send(b"", "R")
            time.sleep(0.02)
        self._out.close()
        self._in.close()
        self._to.run("ip", "neigh", "del", self.address, "dev", "eth0")
        ct = self._lab.ct
        ct.run("ip", "addr", "add", f"{self.address}/24", "dev", "eth0", check=True)

    def packet(self, data: bytes, flags: str = "PA", at: int | None = None, **fields: Any) -> Any:
        """A segment at `at` bytes behind what was said (None: it is what is said next)."""
        from scapy.layers.inet import IP, TCP
        from scapy.layers.l2 import Ether

        seq = self.seq + (at or 0)
        tcp = {"sport": self._source, "dport": self._port, "seq": seq, "ack": self.ack, "flags": flags, **fields}
        ether = Ether(src=self.mac, dst=self._to.mac)
        return ether / IP(src=self.address, dst=self._to.address, id=seq & 0xFFFF) / TCP(**tcp) / data

    def send(self, data: bytes, flags: str = "PA", at: int | None = None, **fields: Any) -> Forger:
        """Send a segment. What is sent without `at` counts as said."""
        self._out.send(bytes(self.packet(data, flags, at, **fields)))
        if at is None and flags != "S":
            self.seq += len(data)
        return self

    def send_raw(self, packet: Any) -> None:
        """Send a frame as it is."""
        self._out.send(bytes(packet))

    def hear(self, flags: str = "", seconds: float = 3.0) -> int:
        """Wait for a segment of the server with data, or with `flags`; its sequence number. Acknowledges data."""
        from scapy.layers.inet import TCP
        from scapy.layers.l2 import Ether

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._in.settimeout(max(0.01, until - time.monotonic()))
            try:
                frame = Ether(self._in.recv(65536))
            except TimeoutError:
                break
            if TCP not in frame or frame[TCP].dport != self._source:
                continue
            said = frame[TCP]
            size = frame["IP"].len - frame["IP"].ihl * 4 - said.dataofs * 4
            if flags and str(said.flags) == flags:
                return int(said.seq)
            if not flags and size:
                self.ack = said.seq + size
                self.send(b"", "A")
                return int(said.seq)
        raise AssertionError("the server says nothing")

    def _expected(self) -> int:
        """What the server acknowledged last: a RST elsewhere does not end its connection (RFC 5961 3.2), but is
        answered with this number.
        """
        from scapy.layers.inet import TCP
        from scapy.layers.l2 import Ether

        expected = self.seq
        self._in.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = Ether(self._in.recv(65536))
                if TCP in frame and frame[TCP].dport == self._source:
                    expected = int(frame[TCP].ack)
        return expected


def _listen() -> socket.socket:
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    heard.bind(("eth0", 0x0800))
    return heard
