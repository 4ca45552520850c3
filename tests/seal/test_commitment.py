from __future__ import annotations

import dataclasses
import math

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal import commitment
from appliance.seal.commitment import BLOCK, MAGIC, SALT, CommitmentRequest, open_request, seal
from appliance.seal.errors import RequestFieldRefused, RequestMalformed, RequestTampered, SealError
from appliance.seal.index_key import IndexKey

INDEX_KEY = IndexKey(bytes(range(32)))
ASKED = CommitmentRequest(
    request_id="00112233445566778899aabbccddeeff",
    received=1_700_000_000.5,
    peer="CT suite 2",
    calling_ae="CT1",
    called_ae="PACS",
    transaction="1.2.3.77",
    references=(("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"), ("1.2.840.10008.5.1.4.1.1.2", "1.2.3.5")),
)


def test_there_and_back() -> None:
    sealed = seal(ASKED, INDEX_KEY, bytes(SALT))
    assert open_request(sealed, INDEX_KEY) == ASKED
    assert len(sealed) == len(MAGIC) + SALT + BLOCK + 16


def test_the_bytes_are_those_of_the_format() -> None:
    """A known answer, made by hand from FORMAT.md, section 8."""
    texts = ["CT suite 2", "CT1", "PACS", "1.2.3.77", *(uid for pair in ASKED.references for uid in pair)]
    plain = bytes.fromhex("00112233445566778899aabbccddeeff41d954fc40200000" + "00000002")
    plain += b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)
    salt = bytes(range(100, 132))
    key = INDEX_KEY.commitment_key(salt)
    magic = b"pacs-appliance.commitment 1\n"
    expected = magic + salt + ChaCha20Poly1305(key).encrypt(bytes(12), plain.ljust(1024, b"\0"), magic)
    assert seal(ASKED, INDEX_KEY, salt) == expected


def test_nothing_of_it_can_be_read_or_seen_in_its_repr() -> None:
    sealed = seal(ASKED, INDEX_KEY, bytes(SALT))
    for text in (b"1.2.3", b"CT1", b"suite"):
        assert text not in sealed
    assert "1.2.3" not in repr(ASKED)


@given(st.data())
def test_a_changed_byte_is_noticed(draw: st.DataObject) -> None:
    sealed = bytearray(seal(ASKED, INDEX_KEY, bytes(SALT)))
    at = draw.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= draw.draw(st.integers(1, 255))
    with pytest.raises((RequestTampered, RequestMalformed)):
        open_request(bytes(sealed), INDEX_KEY)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(RequestTampered):
        open_request(seal(ASKED, INDEX_KEY, bytes(SALT)), IndexKey(bytes(32)))


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_opens_or_is_refused(data: bytes) -> None:
    for sealed in (data, MAGIC + data, _sealed(data)):
        try:
            open_request(sealed, INDEX_KEY)
        except SealError:
            pass


@pytest.mark.parametrize(
    "layout",
    [
        b"",
        bytes(28),  # no texts
        commitment._encode(ASKED)[:-1] + b"x",  # padding
        commitment._encode(ASKED) + bytes(BLOCK),
        commitment._encode(ASKED)[:60],
        commitment._encode(dataclasses.replace(ASKED, peer="xxxxx")).replace(b"xxxxx", b"\xff" * 5),
        commitment._encode(ASKED)[:24] + b"\xff\xff\xff\xff" + commitment._encode(ASKED)[28:],
    ],
)
def test_a_layout_that_is_broken_is_refused(layout: bytes) -> None:
    with pytest.raises(RequestMalformed):
        open_request(_sealed(layout), INDEX_KEY)


@pytest.mark.parametrize(
    "change", [{"request_id": "x"}, {"received": math.nan}, {"received": -1.0}, {"peer": "x" * 257}]
)
def test_what_does_not_fit_is_not_sealed(change: dict[str, object]) -> None:
    with pytest.raises(RequestFieldRefused):
        seal(dataclasses.replace(ASKED, **change), INDEX_KEY, bytes(SALT))  # type: ignore[arg-type]


def _sealed(layout: bytes) -> bytes:
    """Any layout, sealed as if by us."""
    salt = bytes(SALT)
    return MAGIC + salt + ChaCha20Poly1305(INDEX_KEY.commitment_key(salt)).encrypt(bytes(12), layout, MAGIC)
