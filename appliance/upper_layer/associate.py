"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC between bytes and values (PS3.8 9.3.2 and 9.3.3).

Tolerant where the standard says "not tested", where an item type is unknown, and where real devices pad; a PDU whose
items do not fit together is a `ProtocolFault`. DECISIONS.md says which is which.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

from appliance.base import limits, names
from appliance.base.errors import LocalError
from appliance.upper_layer.items import ItemReader, encode_item, encode_uid
from appliance.upper_layer.negotiation import (
    ACCEPTANCE,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NO_REASON,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
    AssociateAccept,
    AssociateRequest,
    ContextResult,
    PresentationContext,
)
from appliance.upper_layer.pdu import AbortReason, PduType, ProtocolFault, encode_header
from appliance.upper_layer.user_information import (
    UserInformation,
    decode_user_information,
    encode_user_information,
)

_FIXED = struct.Struct(">Hxx16s16s32s")  # protocol version, called AE title, calling AE title, reserved

_APPLICATION_CONTEXT = 0x10
_CONTEXT_RQ = 0x20
_CONTEXT_AC = 0x21
_ABSTRACT_SYNTAX = 0x30
_TRANSFER_SYNTAX = 0x40
_USER_INFORMATION = 0x50

_Context = TypeVar("_Context", PresentationContext, ContextResult)


def encode_request(request: AssociateRequest) -> bytes:
    """The whole PDU for a request that `negotiation.check_request` let through."""
    contexts = b"".join(
        encode_item(
            _CONTEXT_RQ,
            bytes((context.context_id, 0, 0, 0)),
            encode_item(_ABSTRACT_SYNTAX, encode_uid(context.abstract_syntax)),
            *(encode_item(_TRANSFER_SYNTAX, encode_uid(syntax)) for syntax in context.transfer_syntaxes),
        )
        for context in request.contexts
    )
    information = UserInformation(
        max_pdu=request.max_pdu,
        implementation_uid=request.implementation_uid,
        implementation_version=request.implementation_version,
        roles=list(request.roles),
        async_window=request.async_window,
        extended=list(request.extended),
        user_identity=request.user_identity,
    )
    fixed = _FIXED.pack(1, _ae_field(request.called_ae), _ae_field(request.calling_ae), bytes(32))
    return _encode(PduType.ASSOCIATE_RQ, fixed, request.application_context, contexts, information)


def encode_accept(accept: AssociateAccept, request: AssociateRequest) -> bytes:
    """The whole PDU, for an answer that `negotiation.check_accept` let through.

    The AE title fields and the reserved field repeat the request's bytes. A refused context carries a transfer syntax
    as well, which nobody may test (PS3.8 9.3.3.2).
    """
    proposed = {
        context.context_id: next(iter(context.transfer_syntaxes), IMPLICIT_VR_LITTLE_ENDIAN)
        for context in request.contexts
    }
    contexts = b"".join(
        encode_item(
            _CONTEXT_AC,
            bytes((result.context_id, 0, result.result, 0)),
            encode_item(_TRANSFER_SYNTAX, encode_uid(result.transfer_syntax or proposed[result.context_id])),
        )
        for result in accept.contexts
    )
    information = UserInformation(
        max_pdu=accept.max_pdu,
        implementation_uid=accept.implementation_uid,
        implementation_version=accept.implementation_version,
        roles=list(accept.roles),
        async_window=accept.async_window,
        extended=list(accept.extended),
        identity_response=accept.identity_response,
    )
    fixed = _FIXED.pack(1, request.called_ae_raw, request.calling_ae_raw, request.reserved)
    return _encode(PduType.ASSOCIATE_AC, fixed, accept.application_context, contexts, information)


def decode_request(body: bytes) -> AssociateRequest:
    """Read what follows the header of an A-ASSOCIATE-RQ. Raises ProtocolFault.

    The protocol version is not judged here, nor a missing application context, nor AE titles that are none: those have
    a reject of their own (PS3.8 table 9-21).
    """
    version, called, calling, reserved = _fixed(body)
    application_context, contexts, information = _items(body, _CONTEXT_RQ, _proposed)
    return AssociateRequest(
        called_ae=names.ae_title_from_wire(called),
        calling_ae=names.ae_title_from_wire(calling),
        contexts=tuple(contexts),
        max_pdu=information.max_pdu,
        implementation_uid=information.implementation_uid,
        implementation_version=information.implementation_version,
        roles=tuple(information.roles),
        user_identity=information.user_identity,
        async_window=information.async_window,
        extended=tuple(information.extended),
        application_context=application_context,
        protocol_version=version,
        called_ae_raw=called,
        calling_ae_raw=calling,
        reserved=reserved,
    )


def decode_accept(body: bytes, request: AssociateRequest) -> AssociateAccept:
    """Read what follows the header of the A-ASSOCIATE-AC that answers `request`. Raises ProtocolFault."""
    version, *_ = _fixed(body)
    if not version & 1:
        raise ProtocolFault("the A-ASSOCIATE-AC is of another protocol version")
    application_context, results, information = _items(body, _CONTEXT_AC, _result)
    proposed = {context.context_id: context.transfer_syntaxes for context in request.contexts}
    answered = {result.context_id: result for result in results}
    if not answered.keys() <= proposed.keys():
        raise ProtocolFault("a presentation context is answered that was not proposed")
    for result in results:
        if result.result == ACCEPTANCE and result.transfer_syntax not in proposed[result.context_id]:
            raise ProtocolFault("a presentation context is accepted with a transfer syntax that was not proposed")
    return AssociateAccept(
        contexts=tuple(answered.get(each, ContextResult(each, NO_REASON)) for each in proposed),
        max_pdu=information.max_pdu,
        implementation_uid=information.implementation_uid,
        implementation_version=information.implementation_version,
        roles=tuple(information.roles),
        async_window=information.async_window,
        extended=tuple(information.extended),
        identity_response=information.identity_response,
        application_context=application_context,
    )


def _encode(
    pdu_type: PduType, fixed: bytes, application_context: str, contexts: bytes, information: UserInformation
) -> bytes:
    body = b"".join(
        (
            fixed,
            encode_item(_APPLICATION_CONTEXT, encode_uid(application_context)),
            contexts,
            encode_user_information(information),
        )
    )
    return encode_header(pdu_type, len(body)) + body


def _ae_field(title: str | None) -> bytes:
    field = (title or "").encode("utf-8", "surrogatepass").ljust(16)
    if len(field) != 16 or names.ae_title_from_wire(field) is None:
        raise LocalError("an AE title has 1 to 16 printable ASCII characters, no backslash")
    return field


def _fixed(body: bytes) -> tuple[int, bytes, bytes, bytes]:
    if len(body) < _FIXED.size:
        raise ProtocolFault(f"an A-ASSOCIATE PDU of {len(body)} bytes, where {_FIXED.size} are fixed")
    return _FIXED.unpack_from(body)


def _items(
    body: bytes, context_kind: int, read_context: Callable[[bytes, ItemReader], _Context]
) -> tuple[str, list[_Context], UserInformation]:
    """Application context ("" when missing), contexts of the one kind, user information (defaults when missing)."""
    items = ItemReader(limits.ASSOCIATE_ITEMS.default)
    application_context: str | None = None
    contexts: dict[int, _Context] = {}
    information: UserInformation | None = None
    for kind, value in items.split(body[_FIXED.size :]):
        if kind == context_kind:
            context = read_context(value, items)
            if context.context_id in contexts:
                raise ProtocolFault(f"presentation context id {context.context_id} is used twice")
            contexts[context.context_id] = context
        elif kind == _APPLICATION_CONTEXT:
            if application_context is not None:
                raise ProtocolFault("two application context items", AbortReason.UNEXPECTED_PARAMETER)
            application_context = items.uid(value)
        elif kind == _USER_INFORMATION:
            if information is not None:
                raise ProtocolFault("two user information items", AbortReason.UNEXPECTED_PARAMETER)
            information = decode_user_information(value, items)
    return application_context or "", list(contexts.values()), information or UserInformation()


def _context_id(value: bytes) -> int:
    if len(value) < 4:
        raise ProtocolFault("a presentation context item ends in its header")
    if not value[0] % 2:
        raise ProtocolFault(f"presentation context id {value[0]} is even")
    return value[0]


def _proposed(value: bytes, items: ItemReader) -> PresentationContext:
    context_id = _context_id(value)
    abstract_syntax: str | None = None
    transfer_syntaxes: dict[str, None] = {}
    for kind, uid in items.split(value[4:]):
        if kind == _ABSTRACT_SYNTAX:
            if abstract_syntax is not None:
                raise ProtocolFault(
                    "a presentation context with two abstract syntaxes", AbortReason.UNEXPECTED_PARAMETER
                )
            abstract_syntax = items.uid(uid)
        elif kind == _TRANSFER_SYNTAX:
            transfer_syntaxes[items.uid(uid)] = None
    transfer_syntaxes.pop("", None)
    return PresentationContext(context_id, abstract_syntax or "", tuple(transfer_syntaxes))


def _result(value: bytes, items: ItemReader) -> ContextResult:
    context_id = _context_id(value)
    if value[2] > TRANSFER_SYNTAXES_NOT_SUPPORTED:
        raise ProtocolFault(f"presentation context result {value[2]}")
    if value[2] != ACCEPTANCE:
        return ContextResult(context_id, value[2])  # its transfer syntax shall not be tested
    syntaxes = [items.uid(uid) for kind, uid in items.split(value[4:]) if kind == _TRANSFER_SYNTAX]
    if len(syntaxes) != 1:
        raise ProtocolFault(f"a presentation context accepted with {len(syntaxes)} transfer syntaxes")
    return ContextResult(context_id, ACCEPTANCE, syntaxes[0])
