"""The site CA, judged by others: `openssl verify`, and TLS with OpenSSL's strict checks of RFC 5280."""

from __future__ import annotations

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError, LocalError
from appliance.host import certificates
from appliance.host.certificates import Authority, Issued

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("Radiology site CA")


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def files(tmp_path: Path, authority: Authority, issued: Issued) -> tuple[Path, Path, Path]:
    ca, certificate, key = tmp_path / "ca.crt", tmp_path / "x.crt", tmp_path / "x.key"
    ca.write_bytes(authority.certificate)
    issued.write(certificate, key)
    return ca, certificate, key


def test_openssl_verifies_what_it_issues(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("EDGE01", ["edge01.rad.example", "10.20.0.1"], server=True)
    ca, certificate, _ = files(tmp_path, authority, issued)
    strict = ("verify", "-x509_strict", "-check_ss_sig", "-CAfile", ca)
    checked = openssl(*strict, "-purpose", "sslserver", "-verify_hostname", "edge01.rad.example", certificate)
    assert (checked.returncode, checked.stdout) == (0, f"{certificate}: OK\n"), checked.stderr
    assert openssl(*strict, "-verify_ip", "10.20.0.1", certificate).returncode == 0
    assert openssl(*strict, "-purpose", "sslclient", certificate).returncode != 0
    assert openssl(*strict, "-verify_hostname", "other.rad.example", certificate).returncode != 0
    assert openssl(*strict, ca).returncode == 0


def test_extensions_are_what_rfc_5280_says(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("CT suite 2", ["ct.example", "2001:db8::1"], client=True)
    ca, certificate, _ = files(tmp_path, authority, issued)
    shown = openssl("x509", "-noout", "-text", "-in", certificate).stdout
    lines = [line.strip() for line in shown.splitlines()]

    def after(title: str) -> str:
        return lines[lines.index(title) + 1]

    assert after("X509v3 Basic Constraints: critical") == "CA:FALSE"
    assert after("X509v3 Key Usage: critical") == "Digital Signature"
    assert after("X509v3 Extended Key Usage:") == "TLS Web Client Authentication"
    assert after("X509v3 Subject Alternative Name:") == "DNS:ct.example, IP Address:2001:DB8:0:0:0:0:0:1"
    assert "Subject: CN=CT suite 2" in [line.replace(" = ", "=") for line in lines]  # OpenSSL 3.0, and 3.5
    assert "Signature Algorithm: ecdsa-with-SHA256" in lines
    assert "ASN1 OID: prime256v1" in lines
    authority_key = after("X509v3 Authority Key Identifier:").removeprefix("keyid:")
    lines = [line.strip() for line in openssl("x509", "-noout", "-text", "-in", ca).stdout.splitlines()]
    assert after("X509v3 Basic Constraints: critical") == "CA:TRUE, pathlen:0"
    assert after("X509v3 Key Usage: critical") == "Certificate Sign, CRL Sign"
    assert after("X509v3 Subject Key Identifier:") == authority_key


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A whole TLS handshake in memory; gives the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    ]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert ends[0].version() == ends[1].version() == "TLSv1.3"
    return ends[0]


def contexts(tmp_path: Path, authority: Authority, *issued: Issued) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    made = []
    for purpose, pair in zip((ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT), issued, strict=True):
        folder = tmp_path / str(int(purpose))
        folder.mkdir()
        _, certificate, key = files(folder, authority, pair)
        context = ssl.SSLContext(purpose)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=authority.certificate.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(certificate, key)
        made.append(context)
    return made[0], made[1]


@pytest.mark.parametrize("name", ["edge01.rad.example", "10.20.0.1", "::1"])
def test_both_sides_of_a_strict_handshake_are_content(tmp_path: Path, authority: Authority, name: str) -> None:
    server = authority.issue("EDGE01", ["edge01.rad.example", "10.20.0.1", "::1"], server=True)
    client = authority.issue("CT", ["ct.example"], client=True)
    end = handshake(*contexts(tmp_path, authority, server, client), name)
    assert end.getpeercert()["subjectAltName"] == (("DNS", "ct.example"),)  # type: ignore[index]


def test_a_certificate_of_the_wrong_purpose_is_refused(tmp_path: Path, authority: Authority) -> None:
    server = authority.issue("EDGE01", ["edge01.rad.example"], server=True)
    client = authority.issue("CT", ["ct.example"], server=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="(purpose|key usage|unsuitable)"):
        handshake(*contexts(tmp_path, authority, server, client), "edge01.rad.example")


def test_a_certificate_of_another_ca_is_refused(tmp_path: Path, authority: Authority) -> None:
    server = authority.issue("EDGE01", ["edge01.rad.example"], server=True)
    client = Authority.create("Radiology site CA").issue("CT", ["ct.example"], client=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(*contexts(tmp_path, authority, server, client), "edge01.rad.example")


def test_keys_are_for_their_owner_alone(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("EDGE01", ["a.example"], server=True)
    _, certificate, key = files(tmp_path, authority, issued)
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o444
    assert "PRIVATE" not in repr(issued) + repr(authority)
    with pytest.raises(LocalError, match="exists already"):
        issued.write(tmp_path / "other.crt", key)


def test_it_lives_on_in_its_files(tmp_path: Path, authority: Authority) -> None:
    again = Authority.load(authority.certificate, authority.key)
    assert again.certificate == authority.certificate
    ca, certificate, _ = files(tmp_path, authority, again.issue("CT", ["ct.example"], client=True))
    assert openssl("verify", "-x509_strict", "-CAfile", ca, certificate).returncode == 0
    with pytest.raises(CryptoError, match="no CA certificate and its ECDSA key"):
        Authority.load(authority.certificate, Authority.create("other").key)


def test_times(authority: Authority) -> None:
    from appliance.host.certificate_facts import read_certificates

    old = Authority.create("old", now=NOW, lifetime=timedelta(days=100))
    (facts,) = read_certificates(old.issue("x", ["x.example"], client=True, now=NOW).certificate)
    assert (facts.not_before, facts.not_after) == (NOW - timedelta(days=1), NOW + timedelta(days=99))
    (facts,) = read_certificates(old.issue("x", ["x.example"], client=True, now=NOW, lifetime=timedelta(7)).certificate)
    assert facts.not_after == NOW + timedelta(days=7)
    with pytest.raises(LocalError, match="the CA has expired"):
        old.issue("x", ["x.example"], client=True, now=NOW + timedelta(days=101))


@pytest.mark.parametrize("name", ["", "a b", "a..b", "-a", "a.example:104", "*.example", "a" * 254, "ä.example"])
def test_a_name_that_is_none_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(LocalError, match="no host name and no address"):
        authority.issue("x", [name], client=True)


def test_a_certificate_for_nothing_is_refused(authority: Authority) -> None:
    with pytest.raises(LocalError, match="a purpose and a name"):
        authority.issue("x", ["x.example"])
    with pytest.raises(LocalError, match="a purpose and a name"):
        authority.issue("x", [], server=True)
    with pytest.raises(LocalError, match="1 to 64"):
        authority.issue("x" * 65, ["x.example"], server=True)


def test_nothing_is_issued_by_a_clock_that_was_never_set(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_EARLIEST", datetime.now(UTC) + timedelta(hours=1))
    for make in (lambda: Authority.create("CA"), lambda: authority.issue("edge", ["edge.example"], server=True)):
        with pytest.raises(LocalError, match="the clock of this box says .* Set it first"):
            make()
