"""An acceptor on our engine that lets its requestor have several C-STOREs out, and answers them as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from appliance.upper_layer.association import (
    Association,
    AssociationRequested,
    Awaiting,
    CommandReceived,
    DataFragment,
    ReleaseRequested,
)
from appliance.upper_layer.command import CommandField, CommandSet, c_echo_rsp, c_store_rsp
from appliance.upper_layer.negotiation import AssociateAccept, AsyncWindow, ContextResult

Answers = list[tuple[CommandSet, int]]
Choose = Callable[[list[CommandSet]], Answers | None]
"""Gets the requests that are out, the oldest first; gives those to answer now with their statuses, or None to end the
connection."""


class Windowed:
    """`port`, and how many requests were out at most. `heard` counts how often each instance came."""

    def __init__(self, choose: Choose, window: AsyncWindow | None) -> None:
        self._choose = choose
        self._window = window
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.most = 0
        self.heard: dict[str, int] = {}

    def run(self) -> None:
        """One association after the other, until the listener is shut."""
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    pass  # it went in the middle

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self, connection: socket.socket) -> None:
        engine = Association.acceptor()
        out: list[CommandSet] = []
        while engine.awaiting is not Awaiting.CLOSED and (data := connection.recv(65536)):
            for event in engine.receive(data):
                if isinstance(event, AssociationRequested):
                    contexts = event.request.contexts
                    results = tuple(ContextResult(each.context_id, 0, each.transfer_syntaxes[0]) for each in contexts)
                    connection.sendall(engine.accept(AssociateAccept(results, async_window=self._window)))
                elif isinstance(event, CommandReceived) and event.command.command_field == CommandField.C_ECHO_RQ:
                    connection.sendall(engine.send_command(event.context_id, c_echo_rsp(event.command), False))
                elif isinstance(event, CommandReceived):
                    out.append(event.command)
                elif isinstance(event, ReleaseRequested):
                    connection.sendall(engine.release_reply())
                elif isinstance(event, DataFragment) and event.last:
                    uid = out[-1].affected_sop_instance or ""
                    self.heard[uid] = self.heard.get(uid, 0) + 1
                    self.most = max(self.most, len(out))
                    if (answers := self._choose(out)) is None:
                        return
                    for request, status in answers:
                        out.remove(request)
                        connection.sendall(engine.send_command(1, c_store_rsp(request, status), False))


@contextmanager
def windowed(choose: Choose, window: AsyncWindow | None) -> Iterator[Windowed]:
    """One that listens until the block ends."""
    acceptor = Windowed(choose, window)
    thread = threading.Thread(target=acceptor.run, daemon=True)
    thread.start()
    try:
        yield acceptor
    finally:
        acceptor.close()
        thread.join(10)
