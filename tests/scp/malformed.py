"""What the tests of malformed input share: messages by hand, and what to listen for.

Each bad input gets the standard's abort, reject or status and one log line, leaves nothing behind, and does not matter
to a registered modality that asks next: the fixture `scp` sees to the last.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from appliance.seal.opening import open_object
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandSet
from tests.scp.scene import CT, EXPLICIT, VERIFICATION, Requestor, Scene
from tests.upper_layer import wire

REFUSALS = ("ASSOCIATION-ABORTED", "ASSOCIATION-REFUSED", "STORE-REFUSED", "HANDSHAKE-FAILED", "INTERNAL-ERROR")
# A-ABORT: source and reason of PS3.8 table 9-26.
UNRECOGNIZED_PDU, UNEXPECTED_PDU, UNEXPECTED_PARAMETER, INVALID_PARAMETER = (2, 1), (2, 2), (2, 5), (2, 6)

Refusals = Callable[[], list[str]]


def answer(peer: Requestor, context_id: int, command: bytes, *data: bytes) -> CommandSet:
    """Send a message by hand; its response."""
    peer.socket.sendall(message(context_id, command, *data))
    event = peer.hear()
    assert isinstance(event, upper.CommandReceived), event
    return event.command


def message(context_id: int, command: bytes, *data: bytes) -> bytes:
    sent = wire.pdu(4, wire.pdv(context_id, 3, command))
    for number, piece in enumerate(data):
        sent += wire.pdu(4, wire.pdv(context_id, 2 * (number == len(data) - 1), piece))
    return sent


def command_set(field: int, *elements: tuple[int, bytes], data_set_type: int = 1) -> bytes:
    """A command set by hand: element numbers of group 0000 and values."""
    fixed = ((0x0100, struct.pack("<H", field)), (0x0110, b"\x07\0"), (0x0800, struct.pack("<H", data_set_type)))
    body = b"".join(wire.element(number, value) for number, value in sorted((*fixed, *elements)))
    return wire.element(0, struct.pack("<L", len(body))) + body


def store_rq(instance: bytes, sop_class: bytes = CT.encode()) -> bytes:
    uids = [(number, value + b"\0" * (len(value) % 2)) for number, value in ((2, sop_class), (0x1000, instance))]
    return command_set(0x0001, *((number, value) for number, value in uids if value))


def abort_of(peer: Requestor) -> tuple[int, int]:
    event = peer.hear()
    assert isinstance(event, upper.Aborted), event
    return event.source, event.reason


def opened(scene: Scene, path: Path) -> bytes:
    out = scene.layout.incoming.parent / "opened"
    with out.open("wb") as file:
        open_object(path, [scene.identity], file)
    data = out.read_bytes()
    out.unlink()
    return data


def request(called: bytes, calling: bytes) -> bytes:
    context = wire.context_item(1, VERIFICATION, EXPLICIT)
    return wire.associate_pdu(wire.APPLICATION_ITEM, context, wire.USER_ITEM, called=called, calling=calling)
