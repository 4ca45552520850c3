"""A storage commitment request at rest: sealed under a key from the index key, and padded.

Owns the layout, version 1 (FORMAT.md, section 8). What a peer asked for is UIDs, which the report repeats; so the
program that reports must be able to open it, and at sealed-only sites that program holds no identity.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal.errors import RequestFieldRefused, RequestMalformed, RequestTampered
from appliance.seal.index_key import IndexKey

MAGIC = b"pacs-appliance.commitment 1\n"
SALT = 32
BLOCK = 1024
"""The plaintext is padded to a multiple of this, so that the length of the file tells little."""

_AUTHENTICATION = 16
# A salt makes the key fresh, and the key seals one request only.
_NONCE = bytes(12)
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
_HEAD = struct.Struct(">16sdL")
_LENGTH = struct.Struct(">H")
_TEXTS = ("peer", "calling_ae", "called_ae", "transaction")

Reference = tuple[str, str]
"""SOP Class UID and SOP Instance UID of an instance that is to be committed."""


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What a peer asked for. Its repr shows no UID."""

    request_id: str
    """32 lower-case hexadecimal digits, random."""
    received: float
    """Unix time in seconds."""
    peer: str
    """The name of the peer in the configuration."""
    calling_ae: str
    called_ae: str
    transaction: str = field(repr=False)
    references: tuple[Reference, ...] = field(repr=False)


def seal(request: CommitmentRequest, index_key: IndexKey, salt: bytes) -> bytes:
    """The whole file. `salt` is 32 fresh random bytes. Raises `RequestFieldRefused`."""
    return MAGIC + salt + ChaCha20Poly1305(index_key.commitment_key(salt)).encrypt(_NONCE, _encode(request), MAGIC)


def open_request(sealed: bytes, index_key: IndexKey) -> CommitmentRequest:
    """The request in a file. Raises `RequestMalformed` or `RequestTampered`."""
    start = len(MAGIC) + SALT
    if not sealed.startswith(MAGIC) or len(sealed) < start + _AUTHENTICATION:
        raise RequestMalformed("this is no commitment request of a version that this program knows")
    key = index_key.commitment_key(sealed[len(MAGIC) : start])
    try:
        layout = ChaCha20Poly1305(key).decrypt(_NONCE, sealed[start:], MAGIC)
    except InvalidTag:
        raise RequestTampered(
            "the commitment request does not open", fix="It was changed, or sealed under another index key."
        ) from None
    return _decode(layout)


def _encode(request: CommitmentRequest) -> bytes:
    if not _REQUEST_ID.fullmatch(request.request_id):
        raise RequestFieldRefused("request_id is not 32 lower-case hexadecimal digits")
    if not (math.isfinite(request.received) and request.received >= 0):
        raise RequestFieldRefused("received is not a time after 1970")
    parts = [_HEAD.pack(bytes.fromhex(request.request_id), request.received, len(request.references))]
    for text in (*(getattr(request, name) for name in _TEXTS), *(uid for pair in request.references for uid in pair)):
        encoded = text.encode("utf-8", "replace")
        if len(encoded) > 256:
            raise RequestFieldRefused("a text of the commitment request is longer than 256 bytes")
        parts += [_LENGTH.pack(len(encoded)), encoded]
    layout = b"".join(parts)
    return layout + bytes(-len(layout) % BLOCK)


def _decode(layout: bytes) -> CommitmentRequest:
    texts: list[str] = []
    try:
        request_id, received, count = _HEAD.unpack_from(layout)
        at = _HEAD.size
        for _ in range(len(_TEXTS) + 2 * count):
            (length,) = _LENGTH.unpack_from(layout, at)
            at += _LENGTH.size + length
            if at > len(layout):
                raise RequestMalformed("a text of the commitment request reaches beyond its end")
            texts.append(layout[at - length : at].decode("utf-8"))
    except (struct.error, UnicodeDecodeError):
        raise RequestMalformed("the commitment request breaks its layout") from None
    if len(layout) - at >= BLOCK or any(layout[at:]) or not (math.isfinite(received) and received >= 0):
        raise RequestMalformed("the commitment request breaks its layout")
    uids = texts[len(_TEXTS) :]
    peer, calling_ae, called_ae, transaction = texts[: len(_TEXTS)]
    return CommitmentRequest(
        request_id=request_id.hex(),
        received=received,
        peer=peer,
        calling_ae=calling_ae,
        called_ae=called_ae,
        transaction=transaction,
        references=tuple(zip(uids[::2], uids[1::2], strict=True)),
    )
