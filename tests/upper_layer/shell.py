"""The smallest blocking shell around the engine, for tests with real peers on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from appliance.upper_layer.association import (
    Aborted,
    Association,
    AssociationRequested,
    Awaiting,
    CommandReceived,
    DataFragment,
    Event,
    PeerFault,
    ReleaseRequested,
)
from appliance.upper_layer.command import CommandField, CommandSet, c_store_rsp, response
from appliance.upper_layer.negotiation import AssociateRequest
from tests.upper_layer.wire import accept_all

TIMEOUT = 10.0


@dataclass
class Acceptor:
    """Serves one connection after another: accepts all, answers C-ECHO and C-STORE, keeps what it got."""

    port: int = 0
    requests: list[AssociateRequest] = field(default_factory=list)
    commands: list[CommandSet] = field(default_factory=list)
    data_sets: list[bytes] = field(default_factory=list)
    syntaxes: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        association = Association.acceptor(max_pdu=16384)
        buffer = memoryview(bytearray(16384))
        pending: CommandSet | None = None
        parts: list[bytes] = []
        while association.awaiting is not Awaiting.CLOSED:
            count = connection.recv_into(buffer)
            events: Iterator[Event] | list[Event] = (
                association.receive(buffer[:count]) if count else association.connection_lost()
            )
            for event in events:
                match event:
                    case AssociationRequested(request):
                        self.requests.append(request)
                        connection.sendall(association.accept(accept_all(request)))
                    case CommandReceived(context_id, command):
                        self.commands.append(command)
                        self.syntaxes.append(association.accepted[context_id].transfer_syntax)
                        pending, parts = command, []
                        if not command.data_set_follows:
                            connection.sendall(association.send_command(context_id, response(command, 0), False))
                    case DataFragment(context_id, data, last):
                        parts.append(bytes(data))
                        if last:
                            assert pending
                            self.data_sets.append(b"".join(parts))
                            connection.sendall(association.send_command(context_id, c_store_rsp(pending, 0), False))
                    case ReleaseRequested():
                        self.ends.append("released")
                        connection.sendall(association.release_reply())
                    case PeerFault(reason, reply):
                        self.ends.append(reason)
                        connection.sendall(reply)
                    case Aborted():
                        self.ends.append("aborted")


@contextmanager
def acceptor(connections: int = 1) -> Iterator[Acceptor]:
    """An acceptor on loopback for so many connections; their end is awaited on leaving."""
    result = Acceptor()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(connections):
                connection, _ = listener.accept()
                with connection:
                    result.serve(connection)
        except BaseException as error:
            failures.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        result.port = listener.getsockname()[1]
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield result
        finally:
            thread.join(TIMEOUT)
    assert not failures, failures
    assert not thread.is_alive()


class Requestor:
    """A blocking SCU."""

    def __init__(self, port: int, request: AssociateRequest) -> None:
        self.association = Association.requestor(request)
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._buffer = memoryview(bytearray(16384))
        self._socket.sendall(self.association.associate_request())

    def next(self) -> Event:
        """Wait for the next event; the tests let one come at a time."""
        while True:
            count = self._socket.recv_into(self._buffer)
            events = (
                list(self.association.receive(self._buffer[:count])) if count else self.association.connection_lost()
            )
            if events:
                (event,) = events
                return event

    def request(self, context_id: int, command: CommandSet, data: bytes | None = None, chunk: int = 65536) -> None:
        """Send a request, and its data set in chunks."""
        self._socket.sendall(self.association.send_command(context_id, command, data is not None))
        if data is not None:
            starts = range(0, max(len(data), 1), chunk)
            for at in starts:
                for pdu in self.association.send_data(context_id, data[at : at + chunk], at == starts[-1]):
                    self._socket.sendall(pdu)

    def command(self, context_id: int, command: CommandSet, data: bytes | None = None) -> CommandSet:
        """Send a request and wait for its response."""
        self.request(context_id, command, data)
        event = self.next()
        assert isinstance(event, CommandReceived)
        assert event.command.command_field == command.command_field | (CommandField.C_STORE_RSP & 0x8000)
        return event.command

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()
