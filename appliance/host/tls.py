"""TLS contexts for DICOM: the BCP 195 RFC 8996, 9325 profile (PS3.15 B.12), mutual by default."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.base.errors import ConfigError

# TLS 1.2 only with forward secrecy and AEAD (RFC 9325 4.2); the TLS 1.3 suites are all of that kind.
_TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a verified certificate says of its owner: SHA-256 of the DER as hex, and its subject alternative names."""

    sha256: str
    names: tuple[str, ...]


def _harden(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def no_prompt() -> bytes:
        raise ConfigError(f"the key {key} is encrypted", fix="Give the key without a passphrase, readable by us alone.")

    try:
        context.load_cert_chain(certificate, key, password=no_prompt)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cannot use certificate {certificate} with key {key}: {error.strerror or error}",
            fix="Run `appliance check`: it says which of the two is at fault.",
        ) from None


def _load_ca(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cannot use the CA file {ca}: {error.strerror or error}", fix="Give CA certificates as PEM."
        ) from None


def server_context(certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    """The listener's context: our certificate, and clients must show one that `client_ca` signed."""
    context = _harden(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # no resumption: each association proves the certificate again
    _load_pair(context, certificate, key)
    _load_ca(context, client_ca)
    return context


def client_context(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A requestor's context: the server's chain and name are checked; our own certificate is shown where asked."""
    context = _harden(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    _load_ca(context, ca)
    if certificate and key:
        _load_pair(context, certificate, key)
    return context


def peer_certificate(connection: ssl.SSLSocket) -> PeerCertificate | None:
    """The facts of the certificate that the other side proved to own. None when it showed none."""
    der = connection.getpeercert(binary_form=True)
    if der is None:
        return None
    facts: Any = connection.getpeercert() or {}
    names = tuple(value for kind, value in facts.get("subjectAltName", ()) if kind in ("DNS", "IP Address", "URI"))
    return PeerCertificate(hashlib.sha256(der).hexdigest(), names)


def describe(connection: ssl.SSLSocket) -> str:
    """The protocol and suite in use, for log lines: "TLSv1.3 TLS_AES_256_GCM_SHA384"."""
    cipher = connection.cipher()
    return f"{connection.version()} {cipher[0] if cipher else ''}"
