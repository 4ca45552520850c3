"""Handshakes: who is let in, and what is told of the one who is."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.host import tls
from appliance.host.certificates import Authority


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tls")
    for name in ("site", "foreign"):
        ca = Authority.create(f"{name} CA")
        (root / f"{name}-ca.crt").write_bytes(ca.certificate)
        for who in ("server", "modality"):
            ca.issue(who, [f"{who}.example", "192.0.2.1"], server=True, client=True).write(
                root / f"{name}-{who}.crt", root / f"{name}-{who}.key"
            )
    return root


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[str, tls.PeerCertificate | None]:
    """What the server says of the finished connection, or raises what it raised."""
    left, right = socket.socketpair()
    left.settimeout(10)
    right.settimeout(10)
    result: list[object] = []

    def accept() -> None:
        try:
            with server.wrap_socket(left, server_side=True) as connection:
                result.append((tls.describe(connection), tls.peer_certificate(connection)))
        except OSError as error:
            result.append(error)
            left.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        with client.wrap_socket(right, server_hostname=name) as connection:
            connection.recv(1)
    except OSError as error:
        right.close()
        thread.join()
        raise (result[0] if isinstance(result[0], BaseException) else error) from None
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]  # type: ignore[return-value]


def pair(site: Path, name: str) -> tuple[Path, Path]:
    return site / f"{name}.crt", site / f"{name}.key"


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
