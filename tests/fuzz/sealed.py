"""Targets in the vault: sealed objects that a thief, a store or a broken disk gives back, whole or in parts."""

from __future__ import annotations

import io
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.base import limits
from appliance.base.errors import ApplianceError
from appliance.seal import record
from appliance.seal.digest import DIGEST
from appliance.seal.errors import SealError
from appliance.seal.header import Stanza, encode_base64, encode_header, read_header
from appliance.seal.opening import Opening, open_record
from appliance.seal.stream import CHUNK, PayloadReader, chunk_nonce, payload_cipher
from tests.fuzz.target import Target
from tests.seal import objects

HEADER_CAP = limits.SEALED_HEADER.default
PLAINTEXT = bytes(range(256)) * 600
SEALED = objects.sealed(PLAINTEXT, random=objects.drawn("fuzz"))


class _Counted(io.BytesIO):
    """A file that knows how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        data = super().readline(size)
        self.furthest = max(self.furthest, self.tell())
        return data


def sealed_header(data: bytes) -> None:
    """The header of a sealed object, and its record, come to a value or raise an error of ours; no more than the cap is
    read for it."""
    file = _Counted(data)
    try:
        header = read_header(file)
        assert header.size <= HEADER_CAP
        stanzas = b"".join(stanza.encode() for stanza in header.stanzas)
        assert data.startswith(b"age-encryption.org/v1\n" + stanzas + b"--- "), "there is one way to write a header"
        open_record(header, objects.INDEX_KEY)
    except ApplianceError:
        pass
    assert file.furthest <= HEADER_CAP + 1


def sealed_object(data: bytes) -> None:
    """Whatever the object became, what comes out of it is the beginning of what was sealed, and the whole of it only if
    it says so."""
    out = bytearray()
    try:
        opening = Opening(io.BytesIO(data), [objects.CLASSICAL])
        for chunk in opening:
            out += chunk
        assert opening.whole and bytes(out) == PLAINTEXT
    except SealError:
        assert PLAINTEXT.startswith(out)


def sealed_record(data: bytes) -> None:
    """A record of any content, sealed under the right key, gives a record that is written to the same bytes again, or
    raises an error of ours."""
    layout = data[1:] if data[:1] == b"\1" else data[1:].ljust(record.LAYOUT, b"\0")[: record.LAYOUT]
    stanza = Stanza((record.TYPE, encode_base64(SALT)), _cipher().encrypt(bytes(12), layout, None))
    header = read_header(io.BytesIO(encode_header((stanza,), layout[-DIGEST:])))
    try:
        found = open_record(header, objects.INDEX_KEY)
    except ApplianceError:
        return
    assert record.encode(found, layout[-DIGEST:]) == layout


def sealed_chunks(data: bytes) -> None:
    """A payload put together of authentic chunks gives the plaintext of those that stand in their place, and is whole
    only if the last of them was sealed as the last."""
    chosen = [(each & 3, each & 4 != 0, SIZES[each >> 3 & 3]) for each in data[:4]]
    file = io.BytesIO(NONCE + b"".join(_chunk(*each) for each in chosen) + data[4:5])
    right = 0
    while right < len(chosen) and chosen[right][0] == right:
        right += 1
    out, reader = 0, None
    try:
        reader = PayloadReader(file, FILE_KEY)
        while chunk := reader.read_chunk():
            out += len(chunk)
    except SealError:
        assert reader is None or not reader.whole
    else:
        assert reader.whole and right == len(chosen) and chosen[-1][1] and len(data) < 5
        assert [each[1:] for each in chosen[:-1]] == [(False, CHUNK)] * (len(chosen) - 1)
    assert out <= sum(size for _, _, size in chosen[:right])


FILE_KEY, NONCE, SALT = bytes(range(16)), bytes(range(16)), bytes(range(32))
SIZES = (CHUNK, 0, 5, CHUNK - 1)


@cache
def _chunk(number: int, final: bool, size: int) -> bytes:
    return payload_cipher(FILE_KEY, NONCE).encrypt(chunk_nonce(number, final), bytes(size), None)


@cache
def _cipher() -> ChaCha20Poly1305:
    return ChaCha20Poly1305(objects.INDEX_KEY.record_key(SALT))


def _layout() -> bytes:
    opening = Opening(io.BytesIO(SEALED), [objects.CLASSICAL])
    return record.encode(opening.record(objects.INDEX_KEY), objects.secret("header key"))


TARGETS = (
    Target(sealed_header, (SEALED[: -len(PLAINTEXT)],)),
    Target(sealed_object, (SEALED,)),
    Target(sealed_record, (b"\0" + _layout(), b"\1" + _layout())),
    # A chunk is a byte: its number, 4 if it is the last, 8 times its size's place in SIZES.
    Target(sealed_chunks, (bytes((0, 1, 2 | 4 | 16)), bytes((0, 1 | 4 | 8)), bytes((4 | 8,)), bytes((0, 1, 2, 3)))),
)
