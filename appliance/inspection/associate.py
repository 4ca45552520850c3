"""A-ASSOCIATE-RQ and -AC as any endpoint might read them (PS3.8 9.3.2, 9.3.3 and annex D).

The sensor must see what the most tolerant receiver would see. So this parser takes items in any order, passes over
those that it does not know, reads on as far as it can, and lists what is wrong instead of refusing. It never raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from appliance.base.names import uid_from_wire

REQUEST, ACCEPT = 1, 2
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
_FIXED = struct.Struct("!BxIH2x16s16s32s")
_ITEM = struct.Struct("!BxH")
_UID = 65  # bytes; a UID has 64
_MOST_KEPT = 8  # contexts that alerts name
_MAX_ITEMS = 4096  # of all levels together; 128 contexts of 30 transfer syntaxes each


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context: proposed (`result` is None) or answered (PS3.8 table 9-18; 0 is acceptance)."""

    context_id: int
    abstract_syntax: bytes = b""
    transfer_syntaxes: tuple[bytes, ...] = ()
    result: int | None = None


@dataclass(slots=True)
class Associate:
    """What an A-ASSOCIATE-RQ or -AC says. Texts are the peer's bytes: wash them before they are shown.

    `max_length` is None where the item is missing; 0 is "no limit" (PS3.8 D.1). `user_identity` is the type of PS3.7
    D.3.3.7, never its content. `faults` names each departure from the standard once.
    """

    pdu_type: int
    version: int = 0
    called: bytes = b""
    calling: bytes = b""
    reserved: bytes = b""
    application_context: bytes = b""
    contexts: list[Context] = field(default_factory=list)
    max_length: int | None = None
    implementation_class: bytes = b""
    implementation_version: bytes = b""
    user_identity: int | None = None
    padded_uids: bool = False  # a UID carries a NUL, which items never need
    faults: list[str] = field(default_factory=list)
    items: int = 0  # that were read

    def fault(self, what: str) -> None:
        """Note a departure from the standard."""
        if what not in self.faults:
            self.faults.append(what)

    def summary(self) -> Associate:
        """What is worth keeping while the association lasts: a few kilobytes, whatever the PDU held."""
        contexts = [Context(each.context_id, each.abstract_syntax[:_UID]) for each in self.contexts[:_MOST_KEPT]]
        return replace(
            self,
            contexts=contexts,
            application_context=self.application_context[:_UID],
            implementation_class=self.implementation_class[:_UID],
            implementation_version=self.implementation_version[:_UID],
        )

    @property
    def accepted(self) -> frozenset[int]:
        """The ids of the contexts that were accepted."""
        return frozenset(each.context_id for each in self.contexts if each.result == 0)


def parse_associate(pdu: bytes) -> Associate:
    """Read a whole A-ASSOCIATE-RQ or -AC, header included."""
    if len(pdu) < _FIXED.size:
        return Associate(pdu[0] if pdu else 0, faults=["shorter than its fixed fields"])
    kind, _, version, called, calling, reserved = _FIXED.unpack_from(pdu)
    found = Associate(kind, version, called, calling, reserved)
    if not version & 1:
        found.fault("protocol version is not 1")
    for item, body in _items(pdu, _FIXED.size, len(pdu), found):
        if item == 0x10:
            found.application_context = body
            found.padded_uids |= body.endswith(b"\0")
        elif item == (0x20 if kind == REQUEST else 0x21):
            _context(body, found)
        elif item == 0x50:
            _user_information(body, found)
    _check(found)
    return found


def _items(data: bytes, at: int, end: int, found: Associate) -> Iterator[tuple[int, bytes]]:
    while at != end:
        found.items += 1
        if found.items > _MAX_ITEMS:
            found.fault("too many items")
            return
        if end - at < 4:
            found.fault("bytes left over after the last item")
            return
        item, length = _ITEM.unpack_from(data, at)
        at += 4
        if length > end - at:
            found.fault("an item runs past its end")
            length = end - at
        yield item, bytes(data[at : at + length])
        at += length


def _context(body: bytes, found: Associate) -> None:
    if len(body) < 4:
        found.fault("a presentation context without its fixed fields")
        return
    abstract, transfers = b"", []
    for item, value in _items(body, 4, len(body), found):
        found.padded_uids |= value.endswith(b"\0")
        if item == 0x30:
            abstract = value
        elif item == 0x40:
            transfers.append(value)
    result = body[2] if found.pdu_type == ACCEPT else None
    found.contexts.append(Context(body[0], abstract, tuple(transfers), result))


def _user_information(body: bytes, found: Associate) -> None:
    for item, value in _items(body, 0, len(body), found):
        if item == 0x51:
            if len(value) == 4:
                found.max_length = int.from_bytes(value, "big")
            else:
                found.fault("maximum length is not four bytes")
        elif item == 0x52:
            found.implementation_class = value
            found.padded_uids |= value.endswith(b"\0")
        elif item == 0x55:
            found.implementation_version = value
        elif item == 0x58:
            found.user_identity = value[0] if value else 0


def _check(found: Associate) -> None:
    if found.application_context.rstrip(b"\0 ") != APPLICATION_CONTEXT:
        found.fault("application context is not DICOM's" if found.application_context else "no application context")
    ids = [each.context_id for each in found.contexts]
    if not ids:
        found.fault("no presentation context")
    if any(not each & 1 for each in ids):
        found.fault("an even presentation context id")
    if len(set(ids)) < len(ids):
        found.fault("a presentation context id used twice")
    if len(ids) > 128:
        found.fault("more than 128 presentation contexts")
    if found.pdu_type != REQUEST:
        return  # an answer's AE titles are not tested (PS3.8 9.3.3), its abstract syntaxes are absent
    for each in found.contexts:
        if uid_from_wire(each.abstract_syntax) is None:
            found.fault("an abstract syntax is no UID")
        if not each.transfer_syntaxes:
            found.fault("a presentation context without a transfer syntax")
        elif any(uid_from_wire(syntax) is None for syntax in each.transfer_syntaxes):
            found.fault("a transfer syntax is no UID")
    for title, whose in ((found.called, "called"), (found.calling, "calling")):
        text = title.rstrip(b"\0 ").lstrip(b" ")
        if not text or any(not 0x20 <= byte <= 0x7E or byte == 0x5C for byte in text):
            found.fault(f"{whose} AE title is blank or holds forbidden characters")
