"""The revocation list of the built-in CA, with OpenSSL's word on it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import load_certificates
from appliance.host.certificates import AUTHORITY_LIFETIME, Authority, Issued
from appliance.host.issued_register import Register
from appliance.host.revocation import read_revocations, without_list
from appliance.host.revoking import revoke, revoked
from tests.host.pki import revocation_list

CA = Authority.create("Site CA")
CT, MR, US = (CA.issue(name, [f"{name}.example"], client=True) for name in ("ct", "mr", "us"))


def serial(issued: Issued) -> int:
    return load_certificates(issued.certificate)[0].serial_number


def openssl_takes(certificate: bytes, lists: bytes, tmp_path: Path) -> bool:
    leaf, trusted = tmp_path / "leaf", tmp_path / "trusted"
    leaf.write_bytes(certificate)
    trusted.write_bytes(CA.certificate + lists)
    command = ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", trusted, leaf]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 or "certificate revoked" in done.stderr, done.stderr
    return done.returncode == 0


def test_openssl_refuses_who_is_on_it_and_nobody_else(tmp_path: Path) -> None:
    lists = revoke(CA, b"", [])
    assert openssl_takes(CT.certificate, lists, tmp_path)
    lists = revoke(CA, lists, [serial(CT)])
    lists = revoke(CA, lists, [serial(MR), serial(CT)])  # who was on it stays
    assert [openssl_takes(each.certificate, lists, tmp_path) for each in (CT, MR, US)] == [False, False, True]
    assert lists.count(b"BEGIN X509 CRL") == 1
    assert revoked(load_certificates(CA.certificate)[0], lists) == {serial(CT), serial(MR)}


def test_it_holds_as_long_as_its_ca_and_says_since_when(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = revoke(CA, b"", [serial(CT)], now)
    again = revoke(CA, first, [serial(MR)], now + timedelta(days=30))
    (facts,) = read_revocations(again)
    assert facts.next_update and abs(facts.next_update - now - AUTHORITY_LIFETIME) < timedelta(days=2)
    assert facts.last_update <= now + timedelta(days=30)
    text = subprocess.run(["openssl", "crl", "-noout", "-text"], input=again, capture_output=True, check=True).stdout
    assert b"CRL Number: \n                2" in text
    assert f"{now:%b %e %H:%M:%S %Y} GMT".encode() in text


def test_lists_of_other_cas_stay(tmp_path: Path) -> None:
    hospital = Authority.create("Hospital CA")
    theirs = revocation_list(hospital)
    both = revoke(CA, theirs, [serial(CT)])
    assert theirs.strip() in both and without_list(CA.certificate + hospital.certificate, both) == ()
    assert revoke(CA, both, [serial(MR)]).count(b"BEGIN X509 CRL") == 2


def test_what_a_list_says_is_not_lost() -> None:
    with pytest.raises(CryptoError, match="malformed"):
        revoke(CA, b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", [])
    with pytest.raises(CryptoError, match="same name and another key"):
        revoke(CA, revoke(Authority.create("Site CA"), b"", []), [])


def test_the_register_knows_them_by_device_name_and_digest(tmp_path: Path) -> None:
    authority, lists = tmp_path / "ca.crt", tmp_path / "ca.crl"
    authority.write_bytes(CA.certificate)
    lists.write_bytes(revoke(CA, b"", [serial(MR)]))
    register = Register(authority, lists)
    assert register.entries() == []
    awkward = CA.issue('CT, "suite" 2', ["10.0.0.7"], client=True, lifetime=timedelta(days=9))
    for each in (CT, MR, awkward):
        register.add(each.certificate)
    (register.directory / "notes.crt").write_text("no certificate")
    first, *others = register.entries()
    assert first.device == 'CT, "suite" 2' and first.is_called('ct, "SUITE" 2') and first.is_called("10.0.0.7")
    assert {each.device: each.revoked for each in others} == {"ct": False, "mr": True}
    assert first.is_called(first.facts.sha256[:8].upper()) and not first.is_called(first.facts.sha256[:7])
    assert not any(each.is_called("") for each in others)
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=MR.certificate, capture_output=True).stdout
    assert register.of_file(der).serial == serial(MR) and register.of_file(der).revoked
