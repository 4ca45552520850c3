"""What the tests of this room share: PDUs by hand, engines in a given state, ways to cut a stream."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from appliance.upper_layer.association import (
    Association,
    AssociationRequested,
    CommandReceived,
    DataFragment,
    Event,
)
from appliance.upper_layer.negotiation import (
    AssociateAccept,
    AssociateRequest,
    ContextResult,
    PresentationContext,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"

REQUEST = AssociateRequest(
    "EDGE01",
    "CT_SOMATOM1",
    (
        PresentationContext(1, CT, (EXPLICIT, IMPLICIT)),
        PresentationContext(3, VERIFICATION, (IMPLICIT,)),
        PresentationContext(5, "1.2.840.10008.5.1.4.1.1.4", (EXPLICIT,)),
    ),
)
ACCEPT = AssociateAccept((ContextResult(1, 0, EXPLICIT), ContextResult(3, 0, IMPLICIT), ContextResult(5, 3)))


def pdu(kind: int, body: bytes = bytes(4)) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


def item(kind: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    return struct.pack(">BxH", kind, len(value)) + value


def pdv(context_id: int, flags: int, data: bytes) -> bytes:
    return struct.pack(">LBB", len(data) + 2, context_id, flags) + data


def command_pdu(context_id: int, command: Any, data_set_follows: bool = False) -> bytes:
    return pdu(4, pdv(context_id, 3, command.encode(data_set_follows)))


def element(tag: int, value: bytes) -> bytes:
    """An element of a command set."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


def context_item(context_id: int, abstract: str = CT, *syntaxes: str) -> bytes:
    return item(
        0x20,
        bytes((context_id, 0, 0, 0)),
        item(0x30, abstract.encode()),
        *(item(0x40, each.encode()) for each in syntaxes or (IMPLICIT,)),
    )


def associate_pdu(
    *items: bytes,
    kind: int = 1,
    version: int = 1,
    called: bytes = b"EDGE01",
    calling: bytes = b"CT1",
    reserved: bytes = bytes(32),
) -> bytes:
    fixed = struct.pack(">Hxx", version) + called.ljust(16) + calling.ljust(16) + reserved
    return pdu(kind, fixed + b"".join(items))


APPLICATION_ITEM = item(0x10, APPLICATION_CONTEXT)
USER_ITEM = item(0x50, item(0x51, struct.pack(">L", 16384)), item(0x52, b"1.2.3"))

A_RELEASE_RQ = pdu(5)
A_RELEASE_RP = pdu(6)
A_ABORT = pdu(7)


def abort(source: int, reason: int) -> bytes:
    return bytes((7, 0, 0, 0, 0, 4, 0, 0, source, reason))


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[at : at + 1]


def in_sevens(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[at : at + 7]


CUTS = [whole, byte_by_byte, in_sevens]
Cut = Callable[[bytes], Iterable[bytes]]
Handler = Callable[[Association, Event], None]


def ignore(association: Association, event: Event) -> None:
    pass


def take(association: Association, data: bytes, cut: Cut = whole, handler: Handler = ignore) -> list[Any]:
    """The events of `data`; the fragments of one data set become one tuple ("data", context id, bytes, ended)."""
    taken: list[Any] = []
    for piece in cut(data):
        buffer = bytearray(piece)
        for event in association.receive(memoryview(buffer)):
            handler(association, event)
            if not isinstance(event, DataFragment):
                taken.append(event)
            elif taken and isinstance(taken[-1], tuple) and not taken[-1][3]:
                taken[-1] = ("data", event.context_id, taken[-1][2] + bytes(event.data), event.last)
            else:
                taken.append(("data", event.context_id, bytes(event.data), event.last))
        event = None
        buffer.clear()  # the caller may reuse its buffer: a view that the engine kept would make this raise
    return taken


def accepting(association: Association, event: Event) -> None:
    """Accept every context with its first syntax."""
    if isinstance(event, AssociationRequested):
        association.accept(accept_all(event.request))


def accept_all(request: AssociateRequest) -> AssociateAccept:
    return AssociateAccept(
        tuple(
            ContextResult(each.context_id, 0, each.transfer_syntaxes[0])
            if each.transfer_syntaxes
            else ContextResult(each.context_id, 4)
            for each in request.contexts
        )
    )


def pair(max_pdu: int = 131072, requestor_max_pdu: int = 131072) -> tuple[Association, Association]:
    """An established association: requestor and acceptor."""
    requestor = Association.requestor(REQUEST, max_pdu=requestor_max_pdu)
    acceptor = Association.acceptor(max_pdu=max_pdu)
    take(acceptor, requestor.associate_request())
    take(requestor, acceptor.accept(ACCEPT))
    return requestor, acceptor


def commands(events: list[Any]) -> list[Any]:
    return [event.command for event in events if isinstance(event, CommandReceived)]
