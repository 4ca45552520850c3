"""The User Information item of A-ASSOCIATE-RQ and -AC (PS3.8 D.1, PS3.7 D.3.3), both directions.

Unknown sub-items are ignored, as the standard asks; known ones of the wrong shape, or twice where one is allowed, are
faults.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.base.errors import LocalError
from appliance.base.text import wash
from appliance.upper_layer.items import ItemReader, encode_counted, encode_item, encode_uid, split_counted
from appliance.upper_layer.negotiation import (
    LEAST_MAX_PDU,
    UNSTATED_MAX_PDU,
    AsyncWindow,
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
)
from appliance.upper_layer.pdu import AbortReason, ProtocolFault

_MAXIMUM_LENGTH = 0x51
_IMPLEMENTATION_CLASS_UID = 0x52
_ASYNC_WINDOW = 0x53
_ROLE_SELECTION = 0x54
_IMPLEMENTATION_VERSION = 0x55
_EXTENDED_NEGOTIATION = 0x56
_USER_IDENTITY = 0x58
_IDENTITY_RESPONSE = 0x59
_REPEATABLE = frozenset({_ROLE_SELECTION, _EXTENDED_NEGOTIATION})


@dataclass(slots=True)
class UserInformation:
    """What the sub-items say. Defaults are what holds where a sub-item is missing."""

    max_pdu: int = UNSTATED_MAX_PDU
    implementation_uid: str = ""
    implementation_version: str = ""
    roles: list[RoleSelection] = field(default_factory=list)
    async_window: AsyncWindow | None = None
    extended: list[ExtendedNegotiation] = field(default_factory=list)
    user_identity: UserIdentity | None = field(default=None, repr=False)
    identity_response: bytes | None = field(default=None, repr=False)


def encode_user_information(information: UserInformation) -> bytes:
    """The whole item, type 50H. Raises LocalError for what does not fit."""
    version = information.implementation_version.encode("ascii", "replace")
    if len(version) > 16:
        raise LocalError("an implementation version name has 16 characters at most")
    parts = [
        encode_item(_MAXIMUM_LENGTH, struct.pack(">L", information.max_pdu)),
        encode_item(_IMPLEMENTATION_CLASS_UID, encode_uid(information.implementation_uid)),
    ]
    if window := information.async_window:
        parts.append(encode_item(_ASYNC_WINDOW, struct.pack(">HH", window.invoked, window.performed)))
    for role in information.roles:
        uid = encode_counted(encode_uid(role.sop_class))
        parts.append(encode_item(_ROLE_SELECTION, uid, bytes((role.scu, role.scp))))
    if version:
        parts.append(encode_item(_IMPLEMENTATION_VERSION, version))
    for extended in information.extended:
        uid = encode_counted(encode_uid(extended.sop_class))
        parts.append(encode_item(_EXTENDED_NEGOTIATION, uid, extended.information))
    if identity := information.user_identity:
        kind = bytes((identity.identity_type, identity.response_requested))
        names = encode_counted(identity.primary) + encode_counted(identity.secondary)
        parts.append(encode_item(_USER_IDENTITY, kind, names))
    if information.identity_response is not None:
        parts.append(encode_item(_IDENTITY_RESPONSE, encode_counted(information.identity_response)))
    return encode_item(0x50, *parts)


def decode_user_information(data: bytes, items: ItemReader) -> UserInformation:
    """Read the value of the item. Raises ProtocolFault."""
    information = UserInformation()
    seen: set[int] = set()
    for kind, value in items.split(data):
        read = _READERS.get(kind)
        if read is None:
            continue
        if kind in seen and kind not in _REPEATABLE:
            raise ProtocolFault(f"sub-item {kind:02X}H comes twice", AbortReason.UNEXPECTED_PARAMETER)
        seen.add(kind)
        read(information, value, items)
    return information


def _max_pdu(information: UserInformation, value: bytes, items: ItemReader) -> None:
    if len(value) != 4:
        raise ProtocolFault(f"the Maximum Length sub-item has {len(value)} bytes, not 4")
    information.max_pdu = int.from_bytes(value, "big")
    if 0 < information.max_pdu < LEAST_MAX_PDU:
        raise ProtocolFault(f"a maximum length of {information.max_pdu} lets no message through")


def _implementation_uid(information: UserInformation, value: bytes, items: ItemReader) -> None:
    information.implementation_uid = items.uid(value)


def _implementation_version(information: UserInformation, value: bytes, items: ItemReader) -> None:
    information.implementation_version = wash(value.strip(b"\0 "), 16)


def _async_window(information: UserInformation, value: bytes, items: ItemReader) -> None:
    if len(value) != 4:
        raise ProtocolFault(f"the Asynchronous Operations Window sub-item has {len(value)} bytes, not 4")
    information.async_window = AsyncWindow(*struct.unpack(">HH", value))


def _role(information: UserInformation, value: bytes, items: ItemReader) -> None:
    uid, roles = split_counted(value, "the UID of a role selection")
    if len(roles) != 2:
        raise ProtocolFault("a role selection does not end in two roles")
    if sop_class := items.uid(uid):
        information.roles.append(RoleSelection(sop_class, roles[0] == 1, roles[1] == 1))


def _extended(information: UserInformation, value: bytes, items: ItemReader) -> None:
    uid, rest = split_counted(value, "the UID of an extended negotiation")
    if sop_class := items.uid(uid):
        information.extended.append(ExtendedNegotiation(sop_class, rest))


def _user_identity(information: UserInformation, value: bytes, items: ItemReader) -> None:
    if len(value) < 6:
        raise ProtocolFault("the User Identity sub-item ends too early")
    primary, rest = split_counted(value[2:], "the primary field of a user identity")
    secondary, _ = split_counted(rest, "the secondary field of a user identity")
    information.user_identity = UserIdentity(value[0], primary, secondary, response_requested=value[1] == 1)


def _identity_response(information: UserInformation, value: bytes, items: ItemReader) -> None:
    information.identity_response, _ = split_counted(value, "the server response of a user identity")


_READERS: dict[int, Callable[[UserInformation, bytes, ItemReader], None]] = {
    _MAXIMUM_LENGTH: _max_pdu,
    _IMPLEMENTATION_CLASS_UID: _implementation_uid,
    _ASYNC_WINDOW: _async_window,
    _ROLE_SELECTION: _role,
    _IMPLEMENTATION_VERSION: _implementation_version,
    _EXTENDED_NEGOTIATION: _extended,
    _USER_IDENTITY: _user_identity,
    _IDENTITY_RESPONSE: _identity_response,
}
