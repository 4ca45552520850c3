"""Certificates in the forms in which CAs hand them out, most of them made by OpenSSL."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import as_pem, load_certificates, load_key
from appliance.host.certificate_files import own_chain, read_handed
from appliance.host.certificate_request import read_request
from appliance.host.certificates import Authority

CA = Authority.create("Hospital CA")
EDGE = CA.issue("edge", ["edge.example"], server=True)
BOTH = EDGE.certificate + CA.certificate
WHO = ["CN=edge", "CN=Hospital CA"]


def openssl(*arguments: str, give: bytes) -> bytes:
    done = subprocess.run(["openssl", *arguments], input=give, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def subjects(content: bytes, passphrase: str | None = None) -> list[str]:
    return [each.subject.rfc4514_string() for each in read_handed(content, passphrase).certificates]


def p7b(form: str) -> bytes:
    bundle = openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", form, give=BOTH)
    assert (b"BEGIN PKCS7" in bundle) is (form == "PEM")
    return bundle


FORMS = {
    "PEM": lambda: BOTH,
    "lines of Windows": lambda: BOTH.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda: b"\xef\xbb\xbf" + BOTH,
    "UTF-16 of PowerShell": lambda: BOTH.decode().encode("utf-16"),
    "UTF-16 the other way round": lambda: b"\xfe\xff" + BOTH.decode().encode("utf-16-be"),
    "words before it": lambda: b"Bag Attributes\n    friendlyName: K\xf6ln\nsubject=CN = edge\n" + BOTH,
    "headers of mail": lambda: BOTH.replace(b"CERTIFICATE-----\nMII", b"CERTIFICATE-----\nX-By: CA\n\nMII"),
    "TRUSTED": lambda: openssl("x509", "-trustout", "-addtrust", "serverAuth", give=EDGE.certificate) + CA.certificate,
    "PKCS #7": lambda: p7b("DER"),
    "PKCS #7 as PEM": lambda: p7b("PEM"),
    "PKCS #7 that calls itself a certificate": lambda: p7b("PEM").replace(b"PKCS7", b"CERTIFICATE"),
    "twice the same": lambda: BOTH + BOTH,
    "a key beside it": lambda: EDGE.key + BOTH,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    assert sorted(subjects(FORMS[form]())) == sorted(WHO)


def test_der_is_one_certificate() -> None:
    assert subjects(openssl("x509", "-outform", "DER", give=EDGE.certificate)) == ["CN=edge"]


@pytest.mark.parametrize(
    "old", [[], ["-legacy", "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"]]
)
def test_pkcs12_has_its_key(old: list[str]) -> None:
    pfx = openssl("pkcs12", "-export", *old, "-passout", "pass:geheim", give=EDGE.key + BOTH)
    assert subjects(pfx, "geheim") == WHO
    key = read_handed(pfx, "geheim").key
    assert key and load_key(key).public_key() == load_certificates(EDGE.certificate)[0].public_key()
    for wrong, said in ((None, "has a passphrase"), ("falsch", "does not open")):
        with pytest.raises(CryptoError, match=said):
            read_handed(pfx, wrong)


def test_what_we_write_is_certificates_and_nothing_else() -> None:
    assert as_pem(read_handed(b"words\n" + EDGE.key + BOTH).certificates) == BOTH


BROKEN = {
    "nothing": (b"", "no certificate"),
    "a key": (EDGE.key, "but PRIVATE KEY"),
    "a page of the web": (b"<html>Your request is pending</html>", "no certificate"),
    "damage": (EDGE.certificate.replace(b"MII", b"M!I", 1), "damaged"),
    "another content": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
    "half of it": (EDGE.certificate[:200], "no certificate"),
    "half of DER": (openssl("x509", "-outform", "DER", give=EDGE.certificate)[:300], "no certificate"),
    "an empty PKCS #12": (b"\x30\x05\x02\x01\x03\x30\x00", "has a passphrase"),
}


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_none_is_named(content: str) -> None:
    given, said = BROKEN[content]
    with pytest.raises(CryptoError, match=said):
        read_handed(given)


def test_every_cut_of_it_is_refused_or_read() -> None:
    for whole in (BOTH, p7b("DER"), p7b("PEM")):
        for end in range(0, len(whole), 7):
            try:
                assert set(subjects(whole[:end])) <= set(WHO)
            except CryptoError:
                continue


def _below(name: str, issuer: Path, tmp_path: Path) -> Path:
    """The stem of a CA below another one, by OpenSSL."""
    stem, request = tmp_path / name, tmp_path / "csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{stem}.key", "-out", str(request), give=b"")  # fmt: skip
    more = tmp_path / "ext"
    more.write_text("basicConstraints=critical,CA:TRUE\n")
    openssl("x509", "-req", "-in", str(request), "-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-days", "9",
            "-extfile", str(more), "-out", f"{stem}.crt", give=b"")  # fmt: skip
    return stem


def test_whatever_the_order_the_chain_is_in_that_of_tls(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.with_suffix(".crt").write_bytes(CA.certificate)
    root.with_suffix(".key").write_bytes(CA.key)
    policy = _below("Policy", root, tmp_path)
    issuing = _below("Issuing", policy, tmp_path)
    pem = {each.name: each.with_suffix(".crt").read_bytes() for each in (root, policy, issuing)}
    leaf = Authority.load(pem["Issuing"], issuing.with_suffix(".key").read_bytes()).issue("edge", ["a"], server=True)
    key = load_key(leaf.key).public_key()
    stranger = Authority.create("stranger").certificate
    given = read_handed(pem["root"] + pem["Policy"] + stranger + leaf.certificate + pem["Issuing"]).certificates
    right = leaf.certificate + pem["Issuing"] + pem["Policy"]
    assert as_pem(own_chain(given, [], key)) == right
    # What lies between may come from our own list of CAs: then it is shown too.
    ours = load_certificates(pem["Policy"] + pem["root"] + pem["Issuing"])
    assert as_pem(own_chain(load_certificates(leaf.certificate), ours, key)) == right


def test_of_two_certificates_of_the_key_the_later_one_leads() -> None:
    key = load_key(EDGE.key).public_key()
    later = CA.certify(key, "edge again", ["edge.example"], server=True)
    sooner = x509.load_pem_x509_certificate(EDGE.certificate)
    both = sorted([sooner, x509.load_pem_x509_certificate(later)], key=lambda each: each.not_valid_after_utc)
    assert own_chain(both, [], key)[0] == max(both, key=lambda each: each.not_valid_after_utc)


def test_a_request_may_be_der_and_text_of_windows(tmp_path: Path) -> None:
    pem = openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=US", "-addext",
                  "subjectAltName=DNS:us1.example", "-keyout", str(tmp_path / "key"), give=b"")  # fmt: skip
    windows = pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST").decode().encode("utf-16")
    for form in (pem, openssl("req", "-outform", "DER", give=pem), windows):
        assert read_request(form).names == ("us1.example",)
