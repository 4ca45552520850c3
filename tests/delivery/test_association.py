"""Our requestor against an acceptor that keeps to its script, word for word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from appliance.base.errors import UpstreamError
from appliance.config.values import HostPort
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.transport import connect
from appliance.upper_layer.association import (
    Association,
    AssociationRequested,
    Awaiting,
    CommandReceived,
    DataFragment,
    ReleaseRequested,
)
from appliance.upper_layer.command import CommandSet, c_store_rsp
from appliance.upper_layer.negotiation import AssociateAccept, AssociateRequest, ContextResult, PresentationContext
from tests.delivery.vaults import CT, EXPLICIT

DEADLINES = Deadlines(connect=2, handshake=1, association=1, write=0.5, message=5, response=1, release=1)
Script = Callable[[Association, CommandSet], bytes | None]


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """An acceptor that answers each C-STORE with what `script` returns; None ends the connection."""

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        engine = Association.acceptor()
        command: CommandSet | None = None
        with connection:
            while engine.awaiting is not Awaiting.CLOSED and (data := connection.recv(65536)):
                for event in engine.receive(data):
                    if isinstance(event, AssociationRequested):
                        results = tuple(ContextResult(each.context_id, 0, EXPLICIT) for each in event.request.contexts)
                        connection.sendall(engine.accept(AssociateAccept(results)))
                    elif isinstance(event, CommandReceived):
                        command = event.command
                    elif isinstance(event, ReleaseRequested) and engine.awaiting is Awaiting.RELEASE_RESPONSE:
                        connection.sendall(engine.release_reply())
                    elif isinstance(event, DataFragment) and event.last:
                        assert command is not None
                        if (answer := script(engine, command)) is None:
                            return
                        connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def associate(port: int) -> RequestorAssociation:
    request = AssociateRequest("PACS", "EDGE01", (PresentationContext(1, CT, (EXPLICIT,)),))
    return RequestorAssociation(connect(HostPort("127.0.0.1", port), None, None, DEADLINES), request, DEADLINES)


def store(association: RequestorAssociation) -> int:
    return association.c_store(1, CT, "1.2.3", [(memoryview(b"ab" * 1000), True)])


def success(engine: Association, command: CommandSet) -> bytes:
    return engine.send_command(1, c_store_rsp(command, 0), False)


def test_several_instances_and_an_orderly_end() -> None:
    with scripted(success) as port:
        association = associate(port)
        assert [store(association) for _ in range(3)] == [0, 0, 0]
        assert association.alive()
        association.release()
        assert not association.alive()


def test_an_answer_and_a_release_in_one_breath() -> None:
    with scripted(lambda engine, command: success(engine, command) + engine.release()) as port:
        association = associate(port)
        assert store(association) == 0
        threading.Event().wait(0.05)  # in case they came apart
        assert not association.alive()
        association.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            lambda engine, _: engine.send_command(
                1, CommandSet(command_field=0x8030, message_id_responded_to=1, status=0), False
            ),
            "something else",
        ),
        (
            lambda engine, command: engine.send_command(
                1, CommandSet(command_field=0x8001, message_id_responded_to=99, status=0), False
            ),
            "something else",
        ),
        (lambda engine, command: engine.send_command(1, command, True), "something else"),
        (lambda engine, _: engine.release(), "released the association"),
        (lambda engine, _: engine.abort(), "aborted by the application"),
        (lambda engine, _: engine.abort(2, 6), "invalid PDU parameter"),
        (lambda engine, _: None, "closed"),
        (lambda engine, _: b"\x04\x00\x00\x00\x00\x02\xff\xff", "broke the protocol"),
        (lambda engine, _: b"", "did not come within"),
    ],
)
def test_any_other_answer_ends_the_association(script: Script, words: str) -> None:
    with scripted(script) as port:
        association = associate(port)
        with pytest.raises(UpstreamError, match=words):
            store(association)
        assert not association.alive()


def test_who_stops_reading_misses_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            engine = Association.acceptor()
            for event in engine.receive(connection.recv(65536)):
                assert isinstance(event, AssociationRequested)
                connection.sendall(engine.accept(AssociateAccept((ContextResult(1, 0, EXPLICIT),))))
            done.wait(10)
            connection.close()

        done = threading.Event()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        association = associate(server.getsockname()[1])
        piece = memoryview(bytes(65536))
        with pytest.raises(UpstreamError, match="took nothing from us"):
            association.c_store(1, CT, "1.2.3", ((piece, False) for _ in range(10_000)))
        done.set()
        thread.join(5)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (lambda engine: engine.abort(), "aborted"),
        (lambda engine: engine.release(), "released the association before its answer"),
    ],
    ids=["abort", "release"],
)
def test_an_end_in_one_segment_with_an_answer_is_told_before_the_next_instance(
    more: Callable[[Association], bytes], words: str
) -> None:
    with scripted(lambda engine, command: success(engine, command) + more(engine)) as port:
        association = associate(port)
        assert store(association) == 0
        with pytest.raises(UpstreamError, match=words):
            store(association)
        assert not association.usable
