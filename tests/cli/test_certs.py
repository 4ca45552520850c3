"""`appliance certs`: requests, installations and the built-in CA, each with OpenSSL's word beside ours."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run
from appliance.config.load import load_config
from appliance.host.certificates import Authority
from appliance.host.issued_register import Register
from tests.cli.sites import make_site
from tests.cli.terminal import on_a_terminal
from tests.host.pki import revocation_list

Capture = pytest.CaptureFixture[str]
NAME = "edge.example"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path / "site")


def tls(site: Path) -> Path:
    return site.parent / "tls"


def certs(site: Path, *arguments: str | Path) -> int:
    return run(["certs", *map(str, arguments), "--config", str(site)])


def openssl(*arguments: str | Path, give: bytes = b"") -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], input=give, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def verified(certificate: Path, authority: Path, purpose: str) -> bool:
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(authority), str(certificate)]
    return subprocess.run(command, capture_output=True).returncode == 0


def of_the_hospital(tmp_path: Path, name: str = "Hospital CA") -> tuple[Path, Path]:
    """A CA as a hospital has one, by OpenSSL."""
    key, certificate = tmp_path / "ca.key", tmp_path / "ca.crt"
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-days", "900", "-keyout", key, "-out", certificate, *usage)  # fmt: skip
    return key, certificate


def sign(
    request: Path, ca: tuple[Path, Path], out: Path, *extensions: str, days: int = 90, how: tuple[str, ...] = ()
) -> Path:
    """What such a CA does with a request: takes over what it asks for, or has `extensions` instead."""
    more = out.with_suffix(".ext")
    more.write_text("\n".join(extensions) + "\n")
    wanted: list[str | Path] = ["-extfile", more] if extensions else ["-copy_extensions", "copyall"]
    openssl(
        "x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-days", str(days), "-out", out, *wanted, *how
    )
    return out


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Requests and installations


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_request_is_signed_by_a_hospital_and_installed(
    site: Path, tmp_path: Path, kind: str, capsys: Capture
) -> None:
    ca, request = of_the_hospital(tmp_path), tmp_path / "edge.csr"
    before = (tls(site) / "appliance.key").read_bytes()
    assert certs(site, "request", "--name", NAME, "--name", "10.0.0.9", "--key-type", kind, "-o", request) == 0
    openssl("req", "-in", request, "-verify", "-noout")
    text = openssl("req", "-in", request, "-noout", "-text")
    assert "DNS:edge.example, IP Address:10.0.0.9" in text and "TLS Web Server Authentication" in text
    waiting = tls(site) / "appliance.key.requested"
    assert mode(waiting) == 0o400
    assert (tls(site) / "appliance.key").read_bytes() == before  # what is in force is left alone
    assert certs(site, "request", "-o", tmp_path / "other") == 70  # one at a time
    signed = sign(request, ca, tmp_path / "edge.pem")
    assert certs(site, "install", signed) == 65  # by a CA that nobody named
    assert "does not lead to a trusted CA: the certificate of CN=Hospital CA is missing" in capsys.readouterr().err
    assert certs(site, "install", signed, "--ca", ca[1]) == 0
    assert (tls(site) / "appliance.crt").read_bytes() == signed.read_bytes()
    assert (mode(tls(site) / "appliance.crt"), mode(tls(site) / "appliance.key")) == (0o444, 0o400)
    assert not waiting.exists()
    assert verified(tls(site) / "appliance.crt", ca[1], "sslserver")
    shown = openssl("x509", "-in", tls(site) / "appliance.crt", "-noout", "-pubkey")
    assert openssl("pkey", "-in", tls(site) / "appliance.key", "-pubout") == shown


BAD = [
    ("another key", [], 90, "it is not the certificate of this key"),
    ("for clients", ["extendedKeyUsage=clientAuth", f"subjectAltName=DNS:{NAME}"], 90, "serverAuth is missing"),
    ("other names", ["extendedKeyUsage=serverAuth", "subjectAltName=DNS:other.example"], 90, f"it is not for {NAME}"),
    ("no names", ["extendedKeyUsage=serverAuth"], 90, "no subject alternative name"),
    ("a CA", ["basicConstraints=critical,CA:TRUE", f"subjectAltName=DNS:{NAME}"], 90, "certificate of a CA"),
    ("key usage", ["keyUsage=keyAgreement", f"subjectAltName=DNS:{NAME}"], 90, "no digitalSignature"),
    ("expired", [f"subjectAltName=DNS:{NAME}"], -2, "it expired on"),
]


@pytest.mark.parametrize(("extensions", "days", "said"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_what_will_not_do_is_refused_and_nothing_is_changed(
    site: Path, tmp_path: Path, extensions: list[str], days: int, said: str, capsys: Capture
) -> None:
    ca, request = of_the_hospital(tmp_path), tmp_path / "edge.csr"
    if days > 0:
        assert certs(site, "request", "-o", request) == 0
    if not extensions:  # somebody else's request
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", tmp_path / "k", "-out", request)  # fmt: skip
    if days > 0:
        signed = sign(request, ca, tmp_path / "edge.pem", *extensions, days=days)
        arguments: list[str | Path] = []
    else:
        authority = Authority.create("Old CA", datetime.now(UTC) - timedelta(days=90))
        issued = authority.issue("edge", [NAME], server=True, now=datetime.now(UTC) - timedelta(days=30),
                                 lifetime=timedelta(days=28))  # fmt: skip
        signed, ca = tmp_path / "edge.pem", (tmp_path, tmp_path / "old.crt")
        issued.write(signed, tmp_path / "edge.key")
        ca[1].write_bytes(authority.certificate)
        arguments = ["--key", tmp_path / "edge.key"]
    before = {path: path.read_bytes() for path in tls(site).rglob("*.*") if path.is_file()}
    assert certs(site, "install", signed, "--ca", ca[1], *arguments) == 65
    shown = capsys.readouterr().err
    assert said in shown and "nothing was changed" in shown
    assert {path: path.read_bytes() for path in tls(site).rglob("*.*") if path.is_file()} == before


def test_a_weak_key_and_a_chain_that_is_none_are_all_said_at_once(site: Path, tmp_path: Path, capsys: Capture) -> None:
    leaf = tmp_path / "leaf.pem"
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", tmp_path / "k", "-out",
            leaf, "-addext", "subjectAltName=DNS:other.example", "-addext", "basicConstraints=CA:FALSE")  # fmt: skip
    assert certs(site, "install", leaf, "--key", tmp_path / "k") == 65
    shown = capsys.readouterr().err
    for said in ("RSA key has 1024 bits", "its chain does not lead", f"it is not for {NAME}"):
        assert said in shown


def test_a_chain_with_a_ca_in_between_is_followed_as_openssl_does(site: Path, tmp_path: Path, capsys: Capture) -> None:
    root = of_the_hospital(tmp_path)
    between_key, between_csr = tmp_path / "between.key", tmp_path / "between.csr"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Issuing CA", "-keyout", between_key,
            "-out", between_csr)  # fmt: skip
    usage = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
    between = sign(between_csr, root, tmp_path / "between.crt", *usage)
    request = tmp_path / "edge.csr"
    assert certs(site, "request", "-o", request) == 0
    leaf = sign(request, (between_key, between), tmp_path / "leaf.pem")
    assert certs(site, "install", leaf, "--ca", root[1]) == 65
    assert "the certificate of CN=Issuing CA is missing" in capsys.readouterr().err
    whole = tmp_path / "whole.pem"
    whole.write_bytes(leaf.read_bytes() + between.read_bytes())
    assert certs(site, "install", whole, "--ca", root[1]) == 0
    command = ["openssl", "verify", "-CAfile", root[1], "-untrusted", between, tls(site) / "appliance.crt"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    # One that may not sign.
    no_ca = sign(between_csr, root, tmp_path / "no-ca.crt", "basicConstraints=critical,CA:FALSE")
    whole.write_bytes(leaf.read_bytes() + no_ca.read_bytes())
    assert certs(site, "install", whole, "--ca", root[1]) == 65
    assert "may not sign" in capsys.readouterr().err


def test_a_client_certificate_for_a_destination(site: Path, tmp_path: Path, capsys: Capture) -> None:
    site.write_text(
        site.read_text() + '[[destination]]\nname = "main"\nkind = "dimse"\naddress = "pacs.example:2762"\n'
        f'ae_title = "PACS"\nca = "{tls(site)}/site-ca.crt"\ncertificate = "{tmp_path}/client.crt"\n'
        f'key = "{tmp_path}/client.key"\n'
    )
    capsys.readouterr()
    assert certs(site, "request", "--for", "main", "--name", NAME, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["key"] == f"{tmp_path}/client.key.requested"
    request = tmp_path / "client.csr"
    request.write_text(made["request"])
    assert "TLS Web Client Authentication" in openssl("req", "-in", request, "-noout", "-text")
    ca = of_the_hospital(tmp_path)
    signed = sign(request, ca, tmp_path / "signed.pem")
    assert certs(site, "install", "--for", "main", signed, "--ca", ca[1]) == 0
    assert verified(tmp_path / "client.crt", ca[1], "sslclient")
    assert certs(site, "request", "--for", "nobody") == 78
    assert "It has one for: receive, main" in capsys.readouterr().err


# What a Windows CA hands out, and what is wrong with a chain


def below(
    name: str, issuer: tuple[Path, Path], tmp_path: Path, *extensions: str, how: tuple[str, ...] = ()
) -> tuple[Path, Path]:
    """A CA below another one."""
    key, request = tmp_path / f"{name}.key", tmp_path / f"{name}.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)  # fmt: skip
    usage = extensions or ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
    return key, sign(request, issuer, tmp_path / f"{name}.crt", *usage, how=how)


@pytest.mark.parametrize("form", [".cer", ".p7b", ".txt"])
def test_what_a_windows_ca_hands_out_is_installed(site: Path, tmp_path: Path, form: str, capsys: Capture) -> None:
    root = of_the_hospital(tmp_path)
    issuing = below("Issuing CA", root, tmp_path)
    request, handed = tmp_path / "edge.csr", tmp_path / f"certnew{form}"
    assert certs(site, "request", "-o", request) == 0
    leaf = sign(request, issuing, tmp_path / "leaf.pem")
    trusted = tmp_path / "ca.p7b"
    openssl("crl2pkcs7", "-nocrl", "-certfile", root[1], "-certfile", issuing[1], "-outform", "DER", "-out", trusted)
    match form:
        case ".cer":
            openssl("x509", "-in", leaf, "-outform", "DER", "-out", handed)
        case ".p7b":
            openssl(
                "crl2pkcs7", "-nocrl", "-certfile", root[1], "-certfile", issuing[1], "-certfile", leaf, "-out", handed
            )
            handed.write_bytes(handed.read_bytes().replace(b"PKCS7", b"CERTIFICATE").replace(b"\n", b"\r\n"))
        case ".txt":
            handed.write_text(issuing[1].read_text() + leaf.read_text(), "utf-16")
    assert certs(site, "install", handed, "--ca", trusted) == 0
    installed = tls(site) / "appliance.crt"
    assert installed.read_bytes() == leaf.read_bytes() + issuing[1].read_bytes()
    openssl("verify", "-CAfile", root[1], "-untrusted", installed, installed)


def test_a_key_beside_the_certificate_is_not_shown_to_everybody(site: Path, tmp_path: Path) -> None:
    """The file of the certificate may be read by all."""
    ca, request = of_the_hospital(tmp_path), tmp_path / "edge.csr"
    key = tmp_path / "own.key"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{NAME}",
            "-keyout", key, "-out", request)  # fmt: skip
    both = sign(request, ca, tmp_path / "both.pem")
    both.write_bytes(key.read_bytes() + both.read_bytes())
    assert certs(site, "install", both, "--key", both, "--ca", ca[1]) == 0
    assert b"PRIVATE" not in (tls(site) / "appliance.crt").read_bytes()
    assert b"PRIVATE" in (tls(site) / "appliance.key").read_bytes()


def test_a_pfx_brings_its_key(site: Path, tmp_path: Path, capsys: Capture) -> None:
    ca, request, key = of_the_hospital(tmp_path), tmp_path / "edge.csr", tmp_path / "own.key"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{NAME}",
            "-keyout", key, "-out", request)  # fmt: skip
    leaf, pfx, secret = sign(request, ca, tmp_path / "leaf.pem"), tmp_path / "edge.pfx", tmp_path / "secret"
    secret.write_text("geheim\n")
    secret.chmod(0o400)
    openssl(
        "pkcs12", "-export", "-in", leaf, "-inkey", key, "-certfile", ca[1], "-passout", f"file:{secret}", "-out", pfx
    )
    assert certs(site, "request", "-o", tmp_path / "another") == 0
    assert certs(site, "install", pfx, "--ca", ca[1], "--passphrase-file", secret) == 0
    assert (tls(site) / "appliance.crt").read_bytes() == leaf.read_bytes()
    assert openssl("pkey", "-in", tls(site) / "appliance.key", "-pubout") == openssl("pkey", "-in", key, "-pubout")
    assert (tls(site) / "appliance.key.requested").exists()  # that request was not answered by it
    # The same key, which has a passphrase in a file of its own.
    openssl("pkey", "-in", key, "-aes256", "-passout", f"file:{secret}", "-out", tmp_path / "locked")
    locked = ("--key", tmp_path / "locked", "--ca", ca[1])
    assert certs(site, "install", leaf, *locked, "--passphrase-file", secret) == 0
    secret.chmod(0o600)
    secret.write_text("falsch\n")
    assert certs(site, "install", leaf, *locked, "--passphrase-file", secret) == 65
    assert "does not open the key" in capsys.readouterr().err


def test_a_certificate_that_was_renewed_with_its_old_key_is_installed_beside_a_request(
    site: Path, tmp_path: Path
) -> None:
    ca, before = of_the_hospital(tmp_path), (tls(site) / "appliance.key").read_bytes()
    request = tmp_path / "old.csr"
    openssl("req", "-new", "-key", tls(site) / "appliance.key", "-subj", "/CN=x", "-addext",
            f"subjectAltName=DNS:{NAME}", "-out", request)  # fmt: skip
    assert certs(site, "request", "-o", tmp_path / "another") == 0
    renewed = sign(request, ca, tmp_path / "renewed.pem", f"subjectAltName=DNS:{NAME}", "extendedKeyUsage=serverAuth")
    assert certs(site, "install", renewed, "--ca", ca[1]) == 0
    assert (tls(site) / "appliance.key").read_bytes() == before
    assert (tls(site) / "appliance.key.requested").exists()


WEAK = {
    "SHA-1": ((), ("-sha1",), "CN=Issuing CA is too weak: it is signed with SHA1"),
    "other names": (
        ("basicConstraints=critical,CA:TRUE", "nameConstraints=critical,permitted;DNS:other.example"),
        (),
        "OpenSSL refuses it: permitted subtree violation",
    ),
}


@pytest.mark.parametrize("what", WEAK)
def test_what_openssl_would_refuse_of_a_ca_in_between_is_said_before(
    site: Path, tmp_path: Path, what: str, capsys: Capture
) -> None:
    extensions, how, said = WEAK[what]
    root, request = of_the_hospital(tmp_path), tmp_path / "edge.csr"
    issuing = below("Issuing CA", root, tmp_path, *extensions, how=how)
    assert certs(site, "request", "--name", "10.0.0.1", "--name", NAME, "-o", request) == 0
    leaf = sign(request, issuing, tmp_path / "leaf.pem")
    leaf.write_bytes(leaf.read_bytes() + issuing[1].read_bytes())
    assert certs(site, "install", leaf, "--ca", root[1]) == 65
    assert said in capsys.readouterr().err


def test_the_place_of_commitment_reports_and_names_that_are_ours(site: Path, tmp_path: Path, capsys: Capture) -> None:
    shown = f'certificate = "{tmp_path}/{{0}}.crt"\nkey = "{tmp_path}/{{0}}.key"\n'
    site.write_text(
        site.read_text() + '[[destination]]\nname = "receive"\nkind = "dimse"\naddress = "pacs.example:2762"\n'
        f'ae_title = "PACS"\nca = "{tls(site)}/site-ca.crt"\n' + shown.format("client")
        + '[[peer]]\nname = "CT 1"\nae_titles = ["CT1"]\naddresses = ["192.0.2.1"]\n'
        'services = ["store", "commit"]\n[peer.commitment]\n'
        + 'address = "192.0.2.1:2762"\nae_title = "CT1"\nserver_name = "ct1.example"\n' + shown.format("reports")
    )  # fmt: skip
    capsys.readouterr()
    assert certs(site, "renew", "--for", "CT 1", "--name", NAME, "--json") == 0
    assert json.loads(capsys.readouterr().out)["certificate"] == f"{tmp_path}/reports.crt"
    assert verified(tmp_path / "reports.crt", tls(site) / "site-ca.crt", "sslclient")
    assert certs(site, "renew") == 0  # a destination of that name does not take the place of the listener
    assert verified(tls(site) / "appliance.crt", tls(site) / "site-ca.crt", "sslserver")


# What is there


def test_status_says_for_whom_by_whom_and_how_long(site: Path, capsys: Capture) -> None:
    assert certs(site, "status") == 1
    assert "ca-key-on-box" in capsys.readouterr().out
    (tls(site) / "site-ca.key").unlink()
    capsys.readouterr()
    assert certs(site, "status", "--json") == 0
    found = {each["place"]: each for each in json.loads(capsys.readouterr().out)}
    ours = found["receive.certificate"]
    assert (ours["names"], ours["level"], ours["requested"]) == ([NAME], "ok", False)
    assert "built into the appliance" in ours["issuer"]
    assert ours["sha256"] == re.sub(
        "[^0-9a-f]", "", openssl("x509", "-in", ours["path"], "-noout", "-fingerprint", "-sha256").split("=")[1].lower()
    )
    assert certs(site, "request", "-o", site.with_name("csr")) == 0
    assert certs(site, "status") == 0
    assert "a new one was requested" in capsys.readouterr().out


@pytest.mark.parametrize(("days", "level", "status"), [(70, "ok", 0), (40, "ok", 0), (20, "warn", 1), (5, "alarm", 1)])
def test_status_before_the_end(site: Path, days: int, level: str, status: int, capsys: Capture) -> None:
    authority = Authority.load(*((tls(site) / f"site-ca.{kind}").read_bytes() for kind in ("crt", "key")))
    for name in ("appliance.crt", "appliance.key", "site-ca.key"):
        (tls(site) / name).unlink()
    issued = authority.issue("edge", [NAME], server=True, lifetime=timedelta(days=days, hours=1))
    issued.write(tls(site) / "appliance.crt", tls(site) / "appliance.key")
    capsys.readouterr()
    assert certs(site, "status", "--json") == status
    found = {each["place"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["receive.certificate"]["level"] == level


def test_status_of_what_is_not_there_or_does_not_fit(site: Path, capsys: Capture) -> None:
    (tls(site) / "appliance.crt").unlink()
    assert certs(site, "status") == 1
    assert "No such file" in capsys.readouterr().out
    Authority.create("x").issue("x", [NAME], server=True).write(tls(site) / "appliance.crt", site.with_name("other"))
    assert certs(site, "status") == 1
    assert "is not the certificate of" in " ".join(capsys.readouterr().out.split())


def test_status_where_there_is_none(site: Path, capsys: Capture) -> None:
    text = re.sub("(?m)^(listen|certificate|key|client_c..) .*\n", "", site.read_text())
    site.write_text(text.replace("[receive]\n", '[receive]\nlisten_plain = ["127.0.0.1:11112"]\n'))
    capsys.readouterr()
    assert certs(site, "status") == 0
    assert capsys.readouterr() == ("", "The configuration names no certificate.\n")


def test_status_of_a_revocation_list_that_turns_everybody_away(site: Path, capsys: Capture) -> None:
    (tls(site) / "site-ca.key").rename(site.with_name("elsewhere"))
    authority = Authority.load((tls(site) / "site-ca.crt").read_bytes(), site.with_name("elsewhere").read_bytes())

    def status(content: bytes) -> tuple[int, dict[str, Any]]:
        (tls(site) / "site-ca.crl").unlink()
        (tls(site) / "site-ca.crl").write_bytes(content)
        capsys.readouterr()
        ended = certs(site, "status", "--json")
        return ended, json.loads(capsys.readouterr().out)[-1]

    ended, entry = status(revocation_list(authority))
    assert (ended, entry["place"], entry["level"]) == (0, "receive.client_crl", "ok")
    ended, entry = status(revocation_list(authority, end=timedelta(hours=-1)))
    assert ended == 1 and entry["level"] == "alarm" and "all devices of this CA are refused" in entry["what"]
    ended, entry = status(revocation_list(Authority.create("another CA")))
    assert ended == 1 and "it has no list that" in entry["problems"][0]
    assert certs(site, "status") == 1
    assert "who was revoked by CN=another CA; until" in capsys.readouterr().out


# The CA that is built in


def test_a_device_gets_its_files_and_its_page(site: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "stick"
    out.mkdir()
    capsys.readouterr()
    arguments = ("CT suite 2", "--name", "ct2.rad.example", "--ae-title", "CT_SUITE2", "--address", "10.20.0.12")
    assert certs(site, "issue", *arguments, "-d", out) == 0
    page = (out / "ct-suite-2.txt").read_text()
    assert capsys.readouterr().out == page
    assert len(page.splitlines()) <= 60 and max(map(len, page.splitlines())) <= 100  # it is one page
    assert "built into the appliance" in page and "2762" in page
    assert 'certificate = "san:ct2.rad.example"' in page
    assert verified(out / "ct-suite-2.crt", tls(site) / "site-ca.crt", "sslclient")
    assert not verified(out / "ct-suite-2.crt", tls(site) / "site-ca.crt", "sslserver")
    assert mode(out / "ct-suite-2.key") == 0o400
    assert "BEGIN" not in page and "PRIVATE" not in page
    # What the page says to add is taken, and lets it in.
    entry = page[page.index("  [[peer]]") :].split("\n\n")[0]
    site.write_text(site.read_text() + "\n" + entry.replace("\n  ", "\n").strip() + "\n")
    assert run(["check", "--config", str(site)]) == 0
    assert certs(site, "issue", *arguments, "-d", out) == 70  # nothing is overwritten


def test_what_the_page_has_for_the_configuration_is_taken_whatever_the_names(site: Path, tmp_path: Path) -> None:
    odd = "Röntgen (2) Süd/West"
    arguments = (odd, "--name", "ct2.example", "--ae-title", 'A"B', "--address", "10.20.0.12", "--server")
    assert certs(site, "issue", *arguments, "-d", tmp_path) == 0
    page = next(tmp_path.glob("*.txt")).read_text()
    entry = page[page.index("  [[peer]]") : page.index("  The certificate:")]
    site.write_text(site.read_text() + "\n" + entry.replace("\n  ", "\n").strip() + "\n")
    (peer,) = load_config(site).peer
    assert (peer.name, peer.ae_titles, str(peer.addresses[0])) == (odd, ('A"B',), "10.20.0.12/32")
    assert '"10.20.0.12"' in entry
    for wrong in (("CT", "--ae-title", "X" * 17), ("CT", "--address", "10.20.0.12/29"), ('CT "2"',)):
        assert certs(site, "issue", *wrong, "--name", "ct.example", "-d", tmp_path) == 2


def test_the_page_of_a_pacs_has_its_destination(site: Path, tmp_path: Path) -> None:
    assert (
        certs(site, "issue", "PACS", "--name", "pacs.rad.example", "--ae-title", "PACS", "--server", "-d", tmp_path)
        == 0
    )
    assert verified(tmp_path / "pacs.crt", tls(site) / "site-ca.crt", "sslserver")
    page = (tmp_path / "pacs.txt").read_text()
    assert len(page.splitlines()) <= 60 and f"Host                 {NAME}" in page
    entry = page[page.index("  [[destination]]") : page.index("  Where it sends")]
    site.write_text(site.read_text() + "\n" + entry.replace("\n  ", "\n").strip() + "\n")
    assert run(["check", "--config", str(site)]) == 0


@pytest.mark.parametrize("option", ["--pkcs12", "--old-pkcs12"])
def test_one_file_for_a_scanner(site: Path, tmp_path: Path, option: str, capsys: Capture) -> None:
    assert certs(site, "issue", "MR", "--name", "mr1.rad.example", option, "-d", tmp_path) == 0
    shown = capsys.readouterr()
    passphrase = shown.err.partition("shown once: ")[2].split()[0]
    assert passphrase not in (tmp_path / "mr.txt").read_text()
    assert not (tmp_path / "mr.key").exists()
    assert mode(tmp_path / "mr.p12") == 0o400
    legacy = ["-legacy"] if option == "--old-pkcs12" else []
    out = openssl("pkcs12", "-in", tmp_path / "mr.p12", "-nodes", "-passin", f"pass:{passphrase}", *legacy)
    assert out.count("BEGIN CERTIFICATE") == 2 and out.count("PRIVATE KEY") == 2
    (tmp_path / "leaf.pem").write_text(out[out.index("-----BEGIN CERT") :])
    assert verified(tmp_path / "leaf.pem", tls(site) / "site-ca.crt", "sslclient")


def test_a_device_that_makes_its_own_key(site: Path, tmp_path: Path, capsys: Capture) -> None:
    request = tmp_path / "us.csr"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=US", "-addext",
            "subjectAltName=DNS:us1.rad.example", "-keyout", tmp_path / "us.own", "-out", request)  # fmt: skip
    assert certs(site, "issue", "US", "--request", request, "-d", tmp_path) == 0
    assert not (tmp_path / "us.key").exists()
    assert verified(tmp_path / "us.crt", tls(site) / "site-ca.crt", "sslclient")
    assert openssl("x509", "-in", tmp_path / "us.crt", "-noout", "-pubkey") == openssl(
        "pkey", "-in", tmp_path / "us.own", "-pubout"
    )
    broken = bytearray(request.read_bytes())
    broken[400] ^= 1
    request.write_bytes(broken)
    assert certs(site, "issue", "US 2", "--request", request, "-d", tmp_path) == 65
    openssl(
        "req", "-new", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", tmp_path / "w", "-out", request
    )
    assert certs(site, "issue", "US 3", "--request", request, "--name", "a.example", "-d", tmp_path) == 65
    assert "1024 bits" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "whose"), [("CT1.example", "CT 1"), (NAME, "this box")])
def test_a_request_does_not_make_one_device_out_of_another(
    site: Path, tmp_path: Path, name: str, whose: str, capsys: Capture
) -> None:
    assert certs(site, "issue", "CT 1", "--name", "ct1.example", "-d", tmp_path) == 0
    request = tmp_path / "us.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=US",
            "-addext", f"subjectAltName=DNS:us1.example,DNS:{name}", "-keyout", tmp_path / "k",
            "-out", request)  # fmt: skip
    assert certs(site, "issue", "US 1", "--request", request, "-d", tmp_path) == 78
    assert f"the request asks for {name}, which is a name of {whose}" in capsys.readouterr().err
    assert not (tmp_path / "us-1.crt").exists()
    assert certs(site, "issue", "US 1", "--request", request, "--name", "us1.example", "-d", tmp_path) == 0
    assert name not in openssl("x509", "-in", tmp_path / "us-1.crt", "-noout", "-text")
    (tmp_path / "again").mkdir()
    if whose != "this box":  # its own next one
        assert certs(site, "issue", "CT 1", "--request", request, "--name", name, "-d", tmp_path / "again") == 0


def test_the_key_of_the_ca_under_a_passphrase(site: Path, tmp_path: Path, capsys: Capture) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("korrekt pferd\n")
    secret.chmod(0o400)
    key = tls(site) / "site-ca.key"
    assert certs(site, "issue", "A", "--name", "a.example", "-d", tmp_path) == 0
    assert "has no passphrase" in capsys.readouterr().err
    assert certs(site, "protect", "--passphrase-file", secret) == 0
    assert b"ENCRYPTED PRIVATE KEY" in key.read_bytes() and mode(key) == 0o400
    assert openssl("pkey", "-in", key, "-passin", f"file:{secret}", "-noout") == ""
    assert certs(site, "protect", "--passphrase-file", secret) == 70
    assert certs(site, "issue", "B", "--name", "b.example", "-d", tmp_path, "--passphrase-file", secret) == 0
    assert verified(tmp_path / "b.crt", tls(site) / "site-ca.crt", "sslclient")
    wrong = tmp_path / "wrong"
    wrong.write_text("falsch\n")
    wrong.chmod(0o400)
    capsys.readouterr()
    assert certs(site, "issue", "C", "--name", "c.example", "-d", tmp_path, "--passphrase-file", wrong) == 65
    assert "does not open the key" in capsys.readouterr().err
    assert not (tmp_path / "c.crt").exists()
    typed = on_a_terminal("certs", "issue", "D", "--name", "d.example", "-d", tmp_path, "--config", site,
                          typing=[("Passphrase:", "korrekt pferd")])  # fmt: skip
    assert typed.status == 0 and "korrekt" not in typed.seen
    assert (tmp_path / "d.crt").exists()


def test_init_puts_the_key_of_its_ca_under_a_passphrase(tmp_path: Path, capsys: Capture) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("korrekt pferd\n")
    secret.chmod(0o400)
    site = make_site(tmp_path / "site", "--passphrase-file", str(secret))
    assert b"ENCRYPTED" in (tls(site) / "site-ca.key").read_bytes()
    assert "has no passphrase" not in capsys.readouterr().err
    assert certs(site, "status") == 0  # and nothing is said of the key on the box
    assert certs(site, "issue", "A", "--name", "a.example", "-d", tmp_path, "--passphrase-file", secret) == 0


def test_without_a_ca_of_our_own_it_says_where_to_go(site: Path, capsys: Capture) -> None:
    (tls(site) / "site-ca.key").rename(tls(site) / "elsewhere")
    assert certs(site, "issue", "A", "--name", "a.example") == 78
    assert "--ca-key" in capsys.readouterr().err


def test_check_says_how_to_end_an_installation_that_was_cut_short(site: Path, capsys: Capture) -> None:
    directory = tls(site)
    ca = Authority.load((directory / "site-ca.crt").read_bytes(), (directory / "site-ca.key").read_bytes())
    fresh = ca.issue("EDGE", [NAME], server=True, client=True)
    (directory / "appliance.key").unlink()
    (directory / "appliance.key").write_bytes(fresh.key)
    (directory / "appliance.key").chmod(0o400)
    assert run(["check", "--config", str(site)]) == 78
    assert "An installation was cut short" not in capsys.readouterr().out
    (directory / "appliance.crt.new").write_bytes(fresh.certificate)
    assert run(["check", "--config", str(site)]) == 78
    said = capsys.readouterr().out
    assert f"the programs use {directory}/appliance.crt.new and {directory}/appliance.key." in said
    command = re.search(r"Run: (mv \S+ \S+)", said)
    assert command and subprocess.run(command[1].split()).returncode == 0
    assert run(["check", "--config", str(site)]) == 0


def test_a_stolen_device_is_not_let_in_any_more(site: Path, tmp_path: Path, capsys: Capture) -> None:
    lists, authority = tls(site) / "site-ca.crl", tls(site) / "site-ca.crt"
    for device in ("CT suite 2", "MR"):
        assert certs(site, "issue", device, "--name", f"{device[:2].lower()}.example", "-d", tmp_path) == 0
    assert "appliance certs revoke 'CT suite 2'" in (tmp_path / "ct-suite-2.txt").read_text()

    def let_in(name: str) -> bool:
        command = ["openssl", "verify", "-crl_check", "-CAfile", authority, "-CRLfile", lists, tmp_path / name]
        return subprocess.run(list(map(str, command)), capture_output=True).returncode == 0

    assert let_in("ct-suite-2.crt") and let_in("mr.crt")
    capsys.readouterr()
    assert certs(site, "issued") == 0
    assert capsys.readouterr().out.count("good") == 3  # and that of the box
    assert certs(site, "revoke", "ct suite 2") == 0
    said = capsys.readouterr()
    assert "revoked CT suite 2 (ct.example; SHA-256" in said.out and "taken up by itself" in said.err
    assert not let_in("ct-suite-2.crt") and let_in("mr.crt") and mode(lists) == 0o444
    assert certs(site, "revoke", "CT suite 2") == 78
    assert "was revoked already" in capsys.readouterr().err
    assert certs(site, "revoke", "CT 2") == 78
    assert "has no record" in capsys.readouterr().err
    # A device that has two is asked which.
    (tmp_path / "new").mkdir()
    assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path / "new") == 0
    capsys.readouterr()
    assert certs(site, "revoke", "MR") == 78
    asked = capsys.readouterr().err
    assert '2 certificates are called "MR"' in asked
    assert certs(site, "revoke", tmp_path / "mr.crt", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["in_force"] and answer["revoked"][0]["sha256"][:16] in asked
    assert not let_in("mr.crt") and let_in("new/mr.crt")
    assert certs(site, "issued", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    states = [(each["device"], each["state"]) for each in found if not each["own"]]
    assert sorted(states) == [("CT suite 2", "revoked"), ("MR", "good"), ("MR", "revoked")]
    assert run(["check", "--config", str(site)]) == 0


def test_where_no_list_is_configured_it_says_what_to_add(site: Path, tmp_path: Path, capsys: Capture) -> None:
    assert certs(site, "issue", "CT", "--name", "ct.example", "-d", tmp_path) == 0
    text = site.read_text()
    (tls(site) / "site-ca.crl").unlink()
    site.write_text(re.sub("(?m)^client_crl.*\n", "", text))
    capsys.readouterr()
    assert certs(site, "revoke", "CT") == 0
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line == f'client_crl = "{tls(site)}/site-ca.crl"'
    site.write_text(site.read_text().replace("[receive]\n", f"[receive]\n{line}\n"))
    assert run(["check", "--config", str(site)]) == 0
    # What was not handed out is not on record.
    assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path / "nowhere") == 70
    assert "Nothing was issued" in capsys.readouterr().err
    assert certs(site, "revoke", "MR") == 78
    # Another CA's certificate is not ours to revoke.
    stranger = tmp_path / "stranger.crt"
    Authority.create("EDGE01 site CA (built into the appliance)").issue("x", ["x"], client=True).write(
        stranger, tmp_path / "x.key"
    )
    assert certs(site, "revoke", stranger) == 78
    assert "did not issue the certificate of x" in capsys.readouterr().err


@pytest.mark.parametrize(("days", "state", "status"), [(61, "good", 0), (59, "ends soon", 1), (-1, "expired", 1)])
def test_a_device_whose_certificate_ends_is_named(
    site: Path, days: int, state: str, status: int, capsys: Capture
) -> None:
    then = datetime.now(UTC) - timedelta(days=100)
    authority = Authority.create("EDGE01 site CA (built into the appliance)", then)
    issued = authority.issue("CT", ["ct.example"], client=True, now=then, lifetime=timedelta(days=100 + days, hours=1))
    Register(tls(site) / "site-ca.crt", None).add(issued.certificate)
    capsys.readouterr()
    assert certs(site, "issued", "--json") == status
    said = capsys.readouterr()
    assert next(each for each in json.loads(said.out) if each["device"] == "CT")["state"] == state
    assert ("CT needs its next certificate" in said.err) is bool(status)


def test_the_built_in_ca_renews_that_of_the_box(site: Path, tmp_path: Path, capsys: Capture) -> None:
    key, certificate = tls(site) / "appliance.key", tls(site) / "appliance.crt"
    before = key.read_bytes(), certificate.read_bytes()
    capsys.readouterr()
    assert certs(site, "renew", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["names"] == [NAME] and answer["until"] > datetime.now(UTC).isoformat()
    assert key.read_bytes() != before[0] and certificate.read_bytes() != before[1]
    assert verified(certificate, tls(site) / "site-ca.crt", "sslserver")
    assert (mode(certificate), mode(key)) == (0o444, 0o400)
    assert run(["check", "--config", str(site)]) == 0
    # For old scanners, and for other names.
    assert certs(site, "renew", "--key-type", "rsa", "--name", "new.example", "--name", "10.0.0.9") == 0
    text = openssl("x509", "-in", certificate, "-noout", "-text")
    assert "Public-Key: (3072 bit)" in text and "DNS:new.example, IP Address:10.0.0.9" in text
    assert openssl("pkey", "-in", key, "-pubout") == openssl("x509", "-in", certificate, "-noout", "-pubkey")


def test_status_of_a_box_with_its_own_ca_says_how_to_renew(site: Path, capsys: Capture) -> None:
    authority = Authority.load((tls(site) / "site-ca.crt").read_bytes(), (tls(site) / "site-ca.key").read_bytes())
    for name in ("appliance.crt", "appliance.key"):
        (tls(site) / name).unlink()
    issued = authority.issue("edge", [NAME], server=True, lifetime=timedelta(days=20))
    issued.write(tls(site) / "appliance.crt", tls(site) / "appliance.key")
    capsys.readouterr()
    assert certs(site, "status") == 1
    assert "`appliance certs renew --for receive`" in " ".join(capsys.readouterr().out.split())


def test_a_hospital_is_trusted_whatever_form_its_certificate_comes_in(tmp_path: Path, capsys: Capture) -> None:
    site = make_site(tmp_path / "site", ca=False)
    assert "appliance certs trust" in capsys.readouterr().err
    root = of_the_hospital(tmp_path)
    issuing = below("Issuing CA", root, tmp_path)
    handed, trusted = tmp_path / "ca.cer", tls(site) / "site-ca.crt"
    openssl("x509", "-in", root[1], "-outform", "DER", "-out", handed)
    assert certs(site, "trust", handed) == 0
    digest = openssl("x509", "-in", root[1], "-noout", "-fingerprint", "-sha256").split("=")[1].strip()
    assert digest.replace(":", "").lower() in capsys.readouterr().out
    assert trusted.read_bytes() == root[1].read_bytes() and mode(trusted) == 0o444
    trusted.unlink()
    trusted.write_bytes(handed.read_bytes())  # somebody copied it there as it came
    assert certs(site, "trust", handed) == 0
    assert trusted.read_bytes() == root[1].read_bytes()
    openssl("crl2pkcs7", "-nocrl", "-certfile", root[1], "-certfile", issuing[1], "-out", handed)
    assert certs(site, "trust", handed) == 0
    assert trusted.read_bytes() == root[1].read_bytes() + issuing[1].read_bytes()  # each once
    # The way to the end of it, as `init` says.
    request = tmp_path / "edge.csr"
    assert certs(site, "request", "--name", NAME, "-o", request) == 0
    assert certs(site, "install", sign(request, issuing, tmp_path / "leaf.pem")) == 0
    assert run(["check", "--config", str(site)]) == 0
    assert certs(site, "trust", issuing[1], "--replace") == 0
    assert trusted.read_bytes() == issuing[1].read_bytes()


def test_the_sensor_gets_the_cas_too(tmp_path: Path, capsys: Capture) -> None:
    """What else lies in its file stays: CAs of servers that never call us."""
    site = make_site(tmp_path / "site", ca=False)
    places = [tmp_path / name for name in ("first", "second", "others")]
    for each in places:
        each.mkdir()
    first, second, others = (of_the_hospital(each, f"CA {each.name}")[1] for each in places)
    trusted, seen = tls(site) / "site-ca.crt", tmp_path / "seen.crt"
    assert certs(site, "trust", first) == 0
    assert not seen.exists()
    site.write_text(f'{site.read_text()}\n[sensor]\ninterface = "eth1"\nca = "{seen}"\n')
    assert certs(site, "trust", second) == 0
    assert trusted.read_bytes() == seen.read_bytes() == first.read_bytes() + second.read_bytes()
    assert mode(seen) == 0o444
    seen.unlink()
    seen.write_bytes(others.read_bytes() + first.read_bytes())
    capsys.readouterr()
    assert certs(site, "trust", second, "--json") == 0
    assert seen.read_bytes() == others.read_bytes() + first.read_bytes() + second.read_bytes()
    assert json.loads(capsys.readouterr().out)["sensor_ca"] == str(seen)
    assert certs(site, "trust", second, "--replace") == 0
    assert trusted.read_bytes() == second.read_bytes()
    assert seen.read_bytes() == others.read_bytes() + second.read_bytes()
    seen.unlink()
    seen.write_bytes(b"rubbish")
    assert certs(site, "trust", first) == 65
    assert trusted.read_bytes() == second.read_bytes()  # both or none


def test_who_is_no_ca_or_not_any_more_is_not_trusted(site: Path, tmp_path: Path, capsys: Capture) -> None:
    before = (tls(site) / "site-ca.crt").read_bytes()
    assert certs(site, "trust", tls(site) / "appliance.crt") == 65
    assert "holds no certificate of a CA" in capsys.readouterr().err
    old = tmp_path / "old.crt"
    old.write_bytes(Authority.create("old", datetime.now(UTC) - timedelta(days=99), timedelta(days=98)).certificate)
    assert certs(site, "trust", old) == 65
    assert "CN=old will not do: it expired on" in capsys.readouterr().err
    assert (tls(site) / "site-ca.crt").read_bytes() == before
    # With a revocation list in force a CA that has none lets nobody in.
    assert certs(site, "trust", of_the_hospital(tmp_path)[1]) == 0
    assert "has a revocation list of CN=Hospital CA" in capsys.readouterr().err
    assert certs(site, "issue", "CT", "--name", "ct.example", "-d", tmp_path) == 0  # the built-in CA is still the first
    assert certs(site, "revoke", "CT") == 0


def test_a_timer_brings_the_list_of_a_hospital(site: Path, tmp_path: Path, capsys: Capture) -> None:
    authority = Authority.load((tls(site) / "site-ca.crt").read_bytes(), (tls(site) / "site-ca.key").read_bytes())
    fetched, lists = tmp_path / "hospital.crl", tls(site) / "site-ca.crl"
    fresh = revocation_list(authority, begin=-timedelta(hours=1))
    fetched.write_bytes(fresh)
    openssl("crl", "-in", fetched, "-outform", "DER", "-out", fetched)
    assert certs(site, "crl", fetched) == 0
    assert lists.read_bytes().split() == fresh.split() and mode(lists) == 0o444
    assert "taken up by itself" in capsys.readouterr().err
    before = lists.stat().st_ino
    assert certs(site, "crl", fetched, "--json") == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False and lists.stat().st_ino == before
    fetched.write_bytes(fetched.read_bytes()[:-1])
    assert certs(site, "crl", fetched) == 65
    assert lists.read_bytes().split() == fresh.split()
    site.write_text(re.sub("(?m)^client_crl.*\n", "", site.read_text()))
    capsys.readouterr()
    assert certs(site, "crl", fetched) == 78
    assert f'client_crl = "{lists}"' in capsys.readouterr().err


def test_a_request_that_cannot_be_written_leaves_no_key_in_the_way(site: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    for output in (tmp_path / "there", tmp_path / "nowhere/edge.csr"):
        assert certs(site, "request", "-o", output) in (70, 74)
        assert not (tls(site) / "appliance.key.requested").exists()
    assert certs(site, "request", "-o", tmp_path / "edge.csr") == 0
