"""Certificates from the wire: facts, or nothing."""

from __future__ import annotations

import ssl

import pytest

from appliance.capture.certificate import read_certificate
from tests.inspection.handshake import certificate


def der() -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate().decode().partition("-----BEGIN PRIVATE")[0])


def test_a_certificate_is_read() -> None:
    facts = read_certificate(der())
    assert facts is not None
    assert (facts.subject, facts.key_kind, facts.weak) == ("CN=pacs.rad.example", "ECDSA secp256r1", "")


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x82\xff\xff", bytes(200)])
def test_what_is_none_is_none(data: bytes) -> None:
    assert read_certificate(data) is None


def test_cut_or_changed_anywhere_nothing_is_raised() -> None:
    whole = der()
    for at in range(0, len(whole), 3):
        read_certificate(whole[:at])
        read_certificate(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
