"""The record: what a sealed object says of itself to the holder of the index key.

Owns its layout, version 2, and the stanza that carries it. Its length never depends on what it says, so that the
header's size is known before the payload is, and tells nobody anything.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal.digest import DIGEST
from appliance.seal.errors import (
    HeaderMalformed,
    RecordFieldRefused,
    RecordMalformed,
    RecordMissing,
    RecordTampered,
    RecordUnsupported,
)
from appliance.seal.header import Header, Stanza, decode_base64, encode_base64
from appliance.seal.index_key import TAG, IndexKey

TYPE = "pacs-appliance.record"
SALT = 32
_VERSION = 2
_AUTHENTICATION = 16
# A salt makes the key fresh, and the key seals one record only.
_NONCE = bytes(12)
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")

# Field name and its capacity in bytes; texts are UTF-8.
_TEXTS = (
    ("peer", 256),
    ("calling_ae", 16),
    ("called_ae", 16),
    ("sop_class", 64),
    ("transfer_syntax", 64),
    ("modality", 16),
)
_TAGS = ("study_tag", "series_tag", "instance_tag")
_HEAD = struct.Struct(">H16sd")
_LENGTH = struct.Struct(">H")
_SIZE = struct.Struct(">Q")
_SIZE_LIMIT = 1 << 63


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What the receiver knows of an object before it is sealed."""

    object_id: str
    """32 lower-case hexadecimal digits."""
    received: float
    """Unix time in seconds."""
    peer: str
    """The name of the peer in the configuration."""
    calling_ae: str
    called_ae: str
    sop_class: str
    transfer_syntax: str
    modality: str
    study_tag: bytes
    """`IndexKey.tag` of the Study Instance UID: 16 bytes, or none. The same for series and instance."""
    series_tag: bytes
    instance_tag: bytes


@dataclass(frozen=True, slots=True)
class Record(RecordFacts):
    """The facts and what sealing found out."""

    size: int
    """Bytes of the data set, which is the end of the plaintext."""
    data_set_digest: bytes
    """`IndexKey.data_set_digest` of the data set: equal data sets, equal digests."""
    payload_digest: bytes
    """`IndexKey.payload_digest` of the payload as it is stored, from its nonce to its last byte."""


def encode(record: Record, header_key: bytes) -> bytes:
    """The record's fixed layout. `header_key`, the key of the header's MAC, goes with it.

    Raises `RecordFieldRefused` naming the field that does not fit.
    """
    if not _OBJECT_ID.fullmatch(record.object_id):
        raise RecordFieldRefused("object_id is not 32 lower-case hexadecimal digits")
    if not (math.isfinite(record.received) and record.received >= 0):
        raise RecordFieldRefused("received is not a time after 1970")
    if not 0 <= record.size < _SIZE_LIMIT:
        raise RecordFieldRefused("size is out of range")
    if {len(record.data_set_digest), len(record.payload_digest), len(header_key)} != {DIGEST}:
        raise RecordFieldRefused("a digest is not 32 bytes long")
    parts = [_HEAD.pack(_VERSION, bytes.fromhex(record.object_id), record.received)]
    for name, capacity in _TEXTS:
        try:
            parts.append(_padded(name, getattr(record, name).encode("utf-8"), capacity))
        except UnicodeEncodeError:
            raise RecordFieldRefused(f"{name} cannot be written as UTF-8") from None
    for name in _TAGS:
        tag = getattr(record, name)
        if len(tag) not in (0, TAG):
            raise RecordFieldRefused(f"{name} is neither empty nor {TAG} bytes long")
        parts.append(_padded(name, tag, TAG))
    parts += [_SIZE.pack(record.size), record.data_set_digest, record.payload_digest, header_key]
    return b"".join(parts)


def decode(layout: bytes) -> tuple[Record, bytes]:
    """The record and the header's MAC key; raises `RecordUnsupported` or `RecordMalformed`."""
    if len(layout) < _LENGTH.size or _LENGTH.unpack_from(layout)[0] != _VERSION:
        raise RecordUnsupported("the record has a version that this program does not know", fix="Use a newer one.")
    if len(layout) != LAYOUT:
        raise RecordMalformed("the record does not have the length of its version")
    _, object_id, received = _HEAD.unpack_from(layout)
    if not (math.isfinite(received) and received >= 0):
        raise RecordMalformed("the record's time is no time")
    at = _HEAD.size
    values: dict[str, Any] = {"object_id": object_id.hex(), "received": received}
    for name, capacity in _TEXTS:
        try:
            values[name] = _unpadded(layout, at, capacity).decode("utf-8")
        except UnicodeDecodeError:
            raise RecordMalformed("a text of the record is not UTF-8") from None
        at += _LENGTH.size + capacity
    for name in _TAGS:
        values[name] = _unpadded(layout, at, TAG)
        if len(values[name]) not in (0, TAG):
            raise RecordMalformed("a tag of the record is neither empty nor whole")
        at += _LENGTH.size + TAG
    values["size"] = _SIZE.unpack_from(layout, at)[0]
    if values["size"] >= _SIZE_LIMIT:
        raise RecordMalformed("the record's size is out of range")
    at += _SIZE.size
    values["data_set_digest"], values["payload_digest"], header_key = (
        layout[at + place : at + place + DIGEST] for place in (0, DIGEST, 2 * DIGEST)
    )
    return Record(**values), header_key


def seal(record: Record, header_key: bytes, index_key: IndexKey, salt: bytes) -> Stanza:
    """The stanza that carries the record; `salt` is 32 fresh random bytes. Raises `RecordFieldRefused`."""
    body = ChaCha20Poly1305(index_key.record_key(salt)).encrypt(_NONCE, encode(record, header_key), None)
    return Stanza((TYPE, encode_base64(salt)), body)


def open_record(header: Header, index_key: IndexKey) -> Record:
    """The record of an object, and with it the proof that the whole header is as it was written.

    Needs no identity. Raises `RecordMissing`, `RecordTampered`, `RecordUnsupported`, `RecordMalformed` or
    `HeaderTampered`. That the payload belongs to it says `opening.verify`, or opening the object.
    """
    return _opened(header, index_key)[0]


def is_same_object(one: Header, other: Header, index_key: IndexKey) -> bool:
    """Whether two headers are of one object: the same record, and the same file key, for the keys of their MACs hang on
    it. Then the payload behind the one opens behind the other. Raises what `open_record` raises."""
    return _opened(one, index_key) == _opened(other, index_key)


def _opened(header: Header, index_key: IndexKey) -> tuple[Record, bytes]:
    """The record and the key of the header's MAC, which it was verified with."""
    stanzas = [stanza for stanza in header.stanzas if stanza.type == TYPE]
    if not stanzas:
        raise RecordMissing("the object has no record", fix="It was not sealed by an appliance.")
    stanza = stanzas[0]
    try:
        salt = decode_base64(stanza.arguments[1].encode("ascii")) if len(stanza.arguments) == 2 else b""
    except HeaderMalformed:
        salt = b""
    if len(stanzas) > 1 or len(salt) != SALT:
        raise RecordMalformed("the record stanza does not have its form, or there are several")
    try:
        layout = ChaCha20Poly1305(index_key.record_key(salt)).decrypt(_NONCE, stanza.body, None)
    except InvalidTag:
        raise RecordTampered(
            "the record does not open", fix="It was changed, or sealed under another index key."
        ) from None
    record, header_key = decode(layout)
    header.verify(header_key)
    return record, header_key


def _padded(name: str, value: bytes, capacity: int) -> bytes:
    if len(value) > capacity:
        raise RecordFieldRefused(f"{name} is {len(value)} bytes long; {capacity} fit")
    return _LENGTH.pack(len(value)) + value.ljust(capacity, b"\0")


def _unpadded(layout: bytes, at: int, capacity: int) -> bytes:
    length = _LENGTH.unpack_from(layout, at)[0]
    start = at + _LENGTH.size
    if length > capacity or any(layout[start + length : start + capacity]):
        raise RecordMalformed("a field of the record is longer than it may be, or its padding is not zero")
    return layout[start : start + length]


LAYOUT = (
    _HEAD.size
    + sum(_LENGTH.size + capacity for _, capacity in _TEXTS)
    + len(_TAGS) * (_LENGTH.size + TAG)
    + _SIZE.size
    + 3 * DIGEST
)
"""Length of a record of version 2, in bytes."""

STANZA = len(Stanza((TYPE, encode_base64(bytes(SALT))), bytes(LAYOUT + _AUTHENTICATION)).encode())
"""Length of the record's stanza in a header, in bytes."""
