"""A destination's report at rest: there and back, by the bytes of FORMAT.md, and broken everywhere."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal.errors import RequestFieldRefused, RequestMalformed, RequestTampered, SealError
from appliance.seal.index_key import IndexKey
from appliance.seal.proof_report import BLOCK, MAGIC, SALT, ProofReport, open_report, seal, tags

INDEX_KEY = IndexKey(bytes(range(32)))
CT = "1.2.840.10008.5.1.4.1.1.2"
SAID = ProofReport(
    report_id="00112233445566778899aabbccddeeff",
    received=1_700_000_000.5,
    destination="pacs",
    transaction_tag=bytes(16),
    reasons=((CT, b"a" * 16, 0), (CT, b"b" * 16, 0x0112)),
)


def test_there_and_back() -> None:
    sealed = seal(SAID, INDEX_KEY, bytes(SALT))
    assert open_report(sealed, INDEX_KEY) == SAID
    assert len(sealed) == len(MAGIC) + SALT + BLOCK + 16


def test_the_bytes_are_those_of_the_format() -> None:
    """A known answer, made by hand from FORMAT.md, section 8.1."""
    plain = bytes.fromhex("00112233445566778899aabbccddeeff41d954fc40200000" + "00000002") + bytes(16) + b"\0\4pacs"
    uid = len(CT).to_bytes(2, "big") + CT.encode()
    plain += b"a" * 16 + b"\0\0" + uid + b"b" * 16 + b"\x01\x12" + uid
    salt = bytes(range(100, 132))
    magic = b"pacs-appliance.proof-report 1\n"
    key = INDEX_KEY.proof_report_key(salt)
    expected = magic + salt + ChaCha20Poly1305(key).encrypt(bytes(12), plain.ljust(1024, b"\0"), magic)
    assert seal(SAID, INDEX_KEY, salt) == expected


def test_another_key_or_any_changed_byte_opens_nothing() -> None:
    sealed = seal(SAID, INDEX_KEY, bytes(SALT))
    with pytest.raises(RequestTampered):
        open_report(sealed, IndexKey(bytes(32)))
    for at in range(0, len(sealed), 13):
        with pytest.raises(SealError):
            open_report(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], INDEX_KEY)


@given(st.binary(max_size=200))
def test_whatever_was_sealed_returns_or_is_malformed(layout: bytes) -> None:
    salt = bytes(SALT)
    sealed = MAGIC + salt + ChaCha20Poly1305(INDEX_KEY.proof_report_key(salt)).encrypt(bytes(12), layout, MAGIC)
    try:
        open_report(sealed, INDEX_KEY)
    except RequestMalformed:
        pass


@pytest.mark.parametrize(
    "change",
    [{"report_id": "x"}, {"received": -1.0}, {"destination": "x" * 257}, {"transaction_tag": b""}],
)
def test_what_does_not_fit_is_not_sealed(change: dict[str, object]) -> None:
    with pytest.raises(RequestFieldRefused):
        seal(dataclasses.replace(SAID, **change), INDEX_KEY, bytes(SALT))  # type: ignore[arg-type]


def test_tags_are_those_of_the_ledger() -> None:
    transaction, reasons = tags(INDEX_KEY, "1.2.3", {(CT, "1.2.4"): 7})
    assert transaction == INDEX_KEY.tag("transaction", "1.2.3")
    assert reasons == {(CT, INDEX_KEY.tag("instance", "1.2.4")): 7}
