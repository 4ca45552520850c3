from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import is_pair, leads_to, load_key, read_certificates
from appliance.host.certificates import Authority


def openssl(tmp_path: Path, *arguments: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key as openssl makes them."""
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=x", "-out", "x.crt", "-keyout", "x.key", *arguments],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return (tmp_path / "x.crt").read_bytes(), (tmp_path / "x.key").read_bytes()


def test_facts_of_our_own() -> None:
    authority = Authority.create("site")
    issued = authority.issue("EDGE01", ["edge01.example", "10.0.0.1", "::1"], server=True)
    facts, root = read_certificates(issued.certificate + authority.certificate)
    assert (facts.subject, facts.issuer) == ("CN=EDGE01", "CN=site")
    assert facts.names == ("edge01.example", "10.0.0.1", "::1")
    assert facts.key_kind == "ECDSA secp256r1"
    assert (facts.serves, facts.calls, facts.authority, facts.weak) == (True, False, False, "")
    assert root.authority and root.names == ()


def test_the_fingerprint_is_what_openssl_prints(tmp_path: Path) -> None:
    authority = Authority.create("site")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", tmp_path / "ca.crt"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert printed.split("=")[1].strip().replace(":", "").lower() == read_certificates(authority.certificate)[0].sha256


@pytest.mark.parametrize(
    ("arguments", "kind", "weak"),
    [
        (("-newkey", "rsa:2048"), "RSA 2048", ""),
        (("-newkey", "rsa:1024"), "RSA 1024", "its RSA key has 1024 bits, 2048 is the least"),
        (("-newkey", "ed25519"), "Ed25519", ""),
        (("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"), "ECDSA secp384r1", ""),
    ],
)
def test_kinds_of_keys(tmp_path: Path, arguments: tuple[str, ...], kind: str, weak: str) -> None:
    certificate, key = openssl(tmp_path, *arguments)
    (facts,) = read_certificates(certificate)
    assert (facts.key_kind, facts.weak) == (kind, weak)
    assert is_pair(certificate, key)


def test_a_certificate_that_says_nothing_of_its_use_may_be_used(tmp_path: Path) -> None:
    certificate, _ = openssl(tmp_path, "-newkey", "ed25519", "-addext", "subjectAltName=URI:urn:ct:1,email:a@b")
    (facts,) = read_certificates(certificate)
    assert (facts.serves, facts.calls) == (True, True)
    assert facts.names == ("urn:ct:1",)


def test_a_pair_and_none() -> None:
    authority = Authority.create("site")
    one, other = (authority.issue("x", ["x.example"], server=True) for _ in range(2))
    assert is_pair(one.certificate, one.key)
    assert not is_pair(one.certificate, other.key)
    assert is_pair(one.certificate + authority.certificate, one.key)


def test_a_chain_leads_to_its_authority(tmp_path: Path) -> None:
    authority, stranger = Authority.create("site"), Authority.create("site")
    issued = authority.issue("x", ["x.example"], server=True)
    assert leads_to(issued.certificate, stranger.certificate + authority.certificate)
    assert not leads_to(issued.certificate, stranger.certificate)
    own, _ = openssl(tmp_path, "-newkey", "ed25519")
    assert leads_to(own, own)


def test_a_chain_through_another_authority(tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\n")
    new = ("-newkey", "ed25519", "-nodes")
    run("req", "-x509", *new, "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt")
    run("req", *new, "-subj", "/CN=mid", "-keyout", "mid.key", "-out", "mid.csr")
    run("x509", "-req", "-in", "mid.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial",
        "-extfile", "ca.ext", "-out", "mid.crt")  # fmt: skip
    run("req", *new, "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr")
    run("x509", "-req", "-in", "leaf.csr", "-CA", "mid.crt", "-CAkey", "mid.key", "-CAcreateserial", "-out", "leaf.crt")
    leaf, mid, root = ((tmp_path / f"{name}.crt").read_bytes() for name in ("leaf", "mid", "root"))
    assert leads_to(leaf + mid, root)
    assert not leads_to(leaf, root)


def test_what_is_no_certificate_and_no_key() -> None:
    for pem in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff" * 50):
        with pytest.raises(CryptoError, match="this is no certificate"):
            read_certificates(pem)
        with pytest.raises(CryptoError, match="this is no private key"):
            load_key(pem)


def test_a_key_with_a_passphrase(tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret", "-out", tmp_path / "x.key"],
        check=True,
    )
    with pytest.raises(CryptoError, match="the key has a passphrase"):
        load_key((tmp_path / "x.key").read_bytes())
