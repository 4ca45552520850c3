"""A floor receiver: the least that anybody does who receives DICOM over TLS, seals and answers. For comparison only.

One association at a time; every proposed context with the first transfer syntax; no admission, no deadlines, no check
of anything: it trusts its sender. For each C-STORE exactly the floor's steps, from the TLS record straight into the
sealing chunk; with `--durable` fdatasync and fsync of the directory before the answer.

`python -m tests.bench.floor_scp PORT TLS_DIRECTORY INTO [--durable]`
"""

from __future__ import annotations

import itertools
import os
import socket
import ssl
import struct
import sys
from pathlib import Path

from appliance.upper_layer.association import Association, AssociationRequested
from appliance.upper_layer.negotiation import AssociateAccept, ContextResult
from tests.bench.floor import Sealer, server_context

_P_DATA, _RELEASE_RQ = 0x04, 0x05
_COMMAND, _LAST = 0x01, 0x02
_CLASS, _FIELD, _MESSAGE, _INSTANCE = 0x0002, 0x0100, 0x0110, 0x1000


class Receiver:
    """One association."""

    def __init__(self, connection: ssl.SSLSocket, directory: Path, names: itertools.count[int], durable: bool) -> None:
        self._connection = connection
        self._directory = directory
        self._names = names
        self._durable = durable
        self._opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._sealer: Sealer | None = None
        self._command: dict[int, bytes] = {}
        self._fragments = b""

    def serve(self) -> None:
        """From A-ASSOCIATE-RQ to A-RELEASE-RQ, or to the end of the connection."""
        try:
            self._associate()
            head = memoryview(bytearray(12))  # of a PDU and of the first PDV in it; an A-RELEASE-RQ has 10 bytes
            while self._exactly(head[:10]):
                if head[0] != _P_DATA:
                    if head[0] == _RELEASE_RQ:
                        self._connection.sendall(b"\x06\0\0\0\0\4\0\0\0\0")
                    return
                self._exactly(head[10:])
                left, item, context, control = struct.unpack(">xxLLBB", head)
                while True:
                    self._pdv(item - 2, context, control)
                    left -= item + 4
                    if not left:
                        break
                    self._exactly(head[:6])
                    item, context, control = struct.unpack(">LBB", head[:6])
        finally:
            os.close(self._opened)

    def _associate(self) -> None:
        engine = Association.acceptor()
        while True:
            for event in engine.receive(self._connection.recv(65536)):
                assert isinstance(event, AssociationRequested)
                contexts = event.request.contexts
                results = [ContextResult(each.context_id, 0, each.transfer_syntaxes[0]) for each in contexts]
                self._connection.sendall(engine.accept(AssociateAccept(tuple(results))))
                return

    def _exactly(self, into: memoryview) -> bool:
        """Fill `into`; False where the peer has gone."""
        while into:
            count = self._connection.recv_into(into)
            if not count:
                return False
            into = into[count:]
        return True

    def _pdv(self, length: int, context: int, control: int) -> None:
        if control & _COMMAND:
            fragment = memoryview(bytearray(length))
            self._exactly(fragment)
            self._fragments += fragment
            if control & _LAST:
                self._command = elements(self._fragments)
                self._fragments = b""
                self._begin()
            return
        assert self._sealer
        while length:
            count = self._connection.recv_into(self._sealer.free[:length])
            if not count:
                raise ConnectionError("the sender has gone")
            self._sealer.took(count)
            length -= count
        if control & _LAST:
            self._sealer.end(self._durable)
            if self._durable:
                os.fsync(self._opened)
            self._connection.sendall(answer(self._command, context))

    def _begin(self) -> None:
        path = self._directory / f"{next(self._names)}.sealed"
        if self._sealer is None:
            self._sealer = Sealer(path)
        else:
            self._sealer.begin(path)


def elements(command: bytes) -> dict[int, bytes]:
    """The values of a command set by element number; Implicit VR Little Endian, group 0000."""
    found, at = {}, 0
    while at < len(command):
        number, length = struct.unpack_from("<2xHL", command, at)
        found[number] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def answer(request: dict[int, bytes], context: int) -> bytes:
    """The C-STORE-RSP with status 0000 as one P-DATA-TF."""
    values = (
        (_CLASS, request[_CLASS]),
        (_FIELD, b"\x01\x80"),
        (0x0120, request[_MESSAGE]),
        (0x0800, b"\x01\x01"),
        (0x0900, b"\0\0"),
        (_INSTANCE, request[_INSTANCE]),
    )
    body = b"".join(struct.pack("<HHL", 0, number, len(value)) + value for number, value in values)
    body = struct.pack("<HHLL", 0, 0, 4, len(body)) + body
    return struct.pack(">BxLLBB", _P_DATA, len(body) + 6, len(body) + 2, context, _COMMAND | _LAST) + body


def main() -> None:
    """See above."""
    port, tls, directory = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    context = server_context(tls)
    names = itertools.count()
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            raw, _ = server.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    Receiver(connection, directory, names, "--durable" in sys.argv).serve()
            except (OSError, ValueError):
                raw.close()  # whoever only looked whether we listen


if __name__ == "__main__":
    main()
