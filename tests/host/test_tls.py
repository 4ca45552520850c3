"""Handshakes: who is let in, and what is told of the one who is."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.host import tls
from appliance.host.certificates import Authority
from tests.host.handshakes import handshake
from tests.host.pki import DAY, authority_below, revocation_list, rsa_certificate


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tls")
    for name in ("site", "foreign"):
        ca = Authority.create(f"{name} CA")
        (root / f"{name}-ca.crt").write_bytes(ca.certificate)
        for who in ("server", "modality"):
            (root / f"{name}-ca.key").write_bytes(ca.key)
            ca.issue(who, [f"{who}.example", "192.0.2.1"], server=True, client=True).write(
                root / f"{name}-{who}.crt", root / f"{name}-{who}.key"
            )
    return root


def pair(site: Path, name: str) -> tuple[Path, Path]:
    return site / f"{name}.crt", site / f"{name}.key"


def load_site(site: Path) -> Authority:
    return Authority.load((site / "site-ca.crt").read_bytes(), (site / "site-ca.key").read_bytes())


def server(site: Path) -> ssl.SSLContext:
    return tls.server_context(*pair(site, "site-server"), site / "site-ca.crt")


def test_a_certificate_of_the_site_is_let_in_and_described(site: Path) -> None:
    client = tls.client_context(site / "site-ca.crt", *pair(site, "site-modality"))
    words, certificate = handshake(server(site), client, "server.example")
    assert words.startswith("TLSv1.3 TLS_")
    assert certificate is not None and certificate.names == ("modality.example", "192.0.2.1")
    assert len(certificate.sha256) == 64


def test_no_certificate_and_a_foreign_one_are_refused(site: Path) -> None:
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(server(site), tls.client_context(site / "site-ca.crt"), "server.example")
    foreign = tls.client_context(site / "site-ca.crt", *pair(site, "foreign-modality"))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        handshake(server(site), foreign, "server.example")


@pytest.mark.parametrize("listed", [False, True])
def test_the_ca_that_issues_suffices_and_its_sisters_are_not_trusted(site: Path, tmp_path: Path, listed: bool) -> None:
    """A hospital's root has many CAs below it; few of them are for devices."""
    root = load_site(site)
    devices, others = authority_below(root, "devices"), authority_below(root, "others")
    trusted, crl = tmp_path / "ca.crt", tmp_path / "ca.crl"
    trusted.write_bytes(devices.certificate)
    for name, ca in (("ct", devices), ("mr", devices), ("phone", others)):
        ca.issue(name, [f"{name}.example"], client=True).write(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
    crl.write_bytes(revocation_list(devices, tmp_path / "mr.crt"))
    context = tls.server_context(*pair(site, "site-server"), trusted, crl if listed else None)

    def let_in(name: str, between: bytes = b"") -> None:
        shown = tmp_path / f"{name}.pem"
        shown.write_bytes((tmp_path / f"{name}.crt").read_bytes() + between)
        client = tls.client_context(site / "site-ca.crt", shown, tmp_path / f"{name}.key")
        handshake(context, client, "server.example")

    let_in("ct")
    for between in (b"", others.certificate, others.certificate + root.certificate):
        with pytest.raises(ssl.SSLCertVerificationError):
            let_in("phone", between)
    if listed:
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            let_in("mr")


def test_a_ca_that_expired_is_no_anchor_though_its_root_is_good(site: Path, tmp_path: Path) -> None:
    old = authority_below(load_site(site), "devices", begin=-9 * DAY, end=-DAY)
    (tmp_path / "ca.crt").write_bytes(old.certificate)
    issued = old.issue("ct", ["ct.example"], client=True, now=datetime.now(UTC) - 5 * DAY)
    issued.write(tmp_path / "ct.crt", tmp_path / "ct.key")
    client = tls.client_context(site / "site-ca.crt", tmp_path / "ct.crt", tmp_path / "ct.key")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(tls.server_context(*pair(site, "site-server"), tmp_path / "ca.crt"), client, "server.example")


def test_a_client_checks_chain_and_name(site: Path) -> None:
    mine = pair(site, "site-modality")
    with pytest.raises(ssl.SSLError):
        handshake(server(site), tls.client_context(site / "site-ca.crt", *mine), "other.example")
    with pytest.raises(ssl.SSLError):
        handshake(server(site), tls.client_context(site / "foreign-ca.crt", *mine), "server.example")


@pytest.mark.parametrize(
    ("version", "ciphers", "lets_in"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", False),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256", False),
    ],
)
def test_tls12_only_with_forward_secrecy_and_aead(
    site: Path, version: ssl.TLSVersion, ciphers: str, lets_in: bool
) -> None:
    client = tls.client_context(site / "site-ca.crt", *pair(site, "site-modality"))
    client.maximum_version = version
    client.set_ciphers(ciphers)
    if lets_in:
        assert handshake(server(site), client, "server.example")[0].startswith("TLSv1.2 ECDHE")
    else:
        with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
            handshake(server(site), client, "server.example")


def test_files_that_do_not_fit_are_named(site: Path, tmp_path: Path) -> None:
    certificate, _ = pair(site, "site-server")
    _, other_key = pair(site, "site-modality")
    with pytest.raises(ConfigError, match=f"certificate {certificate} with key {other_key}"):
        tls.server_context(certificate, other_key, site / "site-ca.crt")
    with pytest.raises(ConfigError, match="cannot use the CA file"):
        tls.client_context(tmp_path / "none")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose box has a certificate with an RSA key."""
    root = tmp_path_factory.mktemp("old")
    ca = Authority.create("old CA")
    (root / "site-ca.crt").write_bytes(ca.certificate)
    for name in ("site-server", "site-modality"):
        rsa_certificate(ca, "server.example", root / f"{name}.crt", root / f"{name}.key")
    return root


class Listener:
    """Takes one connection, and says what came of its handshake."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.port = self._socket.getsockname()[1]
        self.heard = ""
        self.legacy = False
        self._thread = threading.Thread(target=self._accept, args=(context,))
        self._thread.start()

    def _accept(self, context: ssl.SSLContext) -> None:
        with self._socket:
            raw, _ = self._socket.accept()
        raw.settimeout(10)
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                self.heard, self.legacy = tls.describe(connection), tls.is_legacy(connection)
        except ssl.SSLError as error:
            self.heard = error.reason or ""

    def close(self) -> None:
        self._thread.join()


@pytest.mark.parametrize(
    ("legacy", "options", "heard"),
    [
        (True, ["-tls1_2", "-cipher", "AES128-SHA"], "TLSv1.2 AES128-SHA"),
        (True, ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA"], "TLSv1.2 ECDHE-RSA-AES256-SHA"),
        (True, ["-tls1_2", "-cipher", "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"], "TLSv1.2 ECDHE-RSA-AES128-GCM"),
        (True, [], "TLSv1.3 TLS_AES_256_GCM"),
        (True, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "UNSUPPORTED_PROTOCOL"),
        (True, ["-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"], "NO_SHARED_CIPHER"),
        (False, ["-tls1_2", "-cipher", "AES128-SHA"], "NO_SHARED_CIPHER"),
    ],
)
def test_old_suites_are_for_the_legacy_profile_and_never_chosen_over_better(
    old: Path, legacy: bool, options: list[str], heard: str
) -> None:
    context = tls.server_context(*pair(old, "site-server"), old / "site-ca.crt", legacy=legacy)
    listener = Listener(context)
    certificate, key = pair(old, "site-modality")
    client = ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.port}", "-cert", certificate, "-key", key]
    subprocess.run([*client, *options], input=b"", capture_output=True, timeout=20)
    listener.close()
    assert listener.heard.startswith(heard)
    assert listener.legacy is (heard in ("TLSv1.2 AES128-SHA", "TLSv1.2 ECDHE-RSA-AES256-SHA"))
