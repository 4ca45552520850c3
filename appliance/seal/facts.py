"""The facts: what a person in an emergency looks for, patient and study, in a stanza that the identity alone opens.

Owns the stanza and its padding, not what the facts are. Sealed under the object's file key, so whoever seals forgets
the key with the object's, and nothing that lies beside the object is needed. Of fixed length, like the record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal import kdf
from appliance.seal.errors import FactsMalformed, FactsTampered
from appliance.seal.header import Header, Stanza
from appliance.seal.keys import Opener, unwrap_file_key

TYPE = "pacs-appliance.facts"
CAPACITY = 598
"""Bytes of facts that fit."""

_LENGTH = struct.Struct(">H")
_LAYOUT = _LENGTH.size + CAPACITY
_BODY = _LAYOUT + 16
# The file key serves one object, and its facts are sealed once.
_NONCE = bytes(12)


def facts_key(file_key: bytes) -> bytes:
    """The key of the facts; it leads back to no other."""
    return kdf.derive(file_key, b"pacs-appliance/v1/facts")


def seal(content: bytes, key: bytes) -> Stanza:
    """The stanza. `key` comes from `facts_key`; more than `CAPACITY` bytes are a programming error."""
    if len(content) > CAPACITY:
        raise ValueError(f"{len(content)} bytes of facts, {CAPACITY} fit")
    layout = _LENGTH.pack(len(content)) + content + bytes(CAPACITY - len(content))
    return Stanza((TYPE,), ChaCha20Poly1305(key).encrypt(_NONCE, layout, None))


STANZA = len(seal(b"", bytes(32)).encode())
"""Bytes of the stanza in a header."""


def open_facts(header: Header, identities: Iterable[Opener]) -> bytes | None:
    """The facts of an object, None for one that has no such stanza. Needs the header only.

    Raises what `unwrap_file_key` raises, `FactsMalformed` and `FactsTampered`.
    """
    file_key = unwrap_file_key(header, identities)
    found = [stanza for stanza in header.stanzas if stanza.type == TYPE]
    if not found:
        return None
    if len(found) > 1 or len(found[0].arguments) != 1 or len(found[0].body) != _BODY:
        raise FactsMalformed("the facts of the object are not one stanza of the form that they have")
    try:
        layout = ChaCha20Poly1305(facts_key(file_key)).decrypt(_NONCE, found[0].body, None)
    except InvalidTag:
        raise FactsTampered("the facts of the object do not open under its own key") from None
    (length,) = _LENGTH.unpack_from(layout)
    if length > CAPACITY or any(layout[_LENGTH.size + length :]):
        raise FactsMalformed("the facts of the object break their layout")
    return layout[_LENGTH.size : _LENGTH.size + length]
