"""TLS contexts for DICOM: the BCP 195 RFC 8996, 9325 profile (PS3.15 B.12), mutual by default.

Old devices may be let in with the suites of the retired AES profile (PS3.15 B.3) beside it, over TLS 1.2 and nothing
older: RFC 8996 forbids TLS 1.0 and 1.1, and OpenSSL 3 has no 3DES for the still older Basic profile (B.1).
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.base.errors import ConfigError
from appliance.host.certificate_pair import half_installed

# TLS 1.2 only with forward secrecy and AEAD (RFC 9325 4.2); the TLS 1.3 suites are all of that kind.
_TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# Without one of the two or both; the suite of the AES profile is AES128-SHA. Ours come first, and we choose.
_LEGACY_CIPHERS = f"{_TLS12_CIPHERS}:ECDHE+AES:kRSA+AESGCM:kRSA+AES:!AESCCM:!PSK:!SRP"
_CRL_MARK = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a verified certificate says of its owner: SHA-256 of the DER as hex, its subject alternative names, and what
    its CA is called."""

    sha256: str
    names: tuple[str, ...]
    issuer: str = ""


def _harden(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def no_prompt() -> bytes:
        raise ConfigError(f"the key {key} is encrypted", fix="Give the key without a passphrase, readable by us alone.")

    try:
        try:
            context.load_cert_chain(certificate, key, password=no_prompt)
        except ssl.SSLError:
            waiting = half_installed(certificate, key)
            if waiting is None:
                raise
            context.load_cert_chain(*waiting, password=no_prompt)
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
    # A hospital that trusts the CA which issues its devices' certificates need not trust all that is below its root.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def _load_crl(context: ssl.SSLContext, crl: Path) -> None:
    """From now on a certificate is good only where a valid list of its issuer does not name it (RFC 5280 6.3).

    A list that is missing or past its next update refuses every certificate of that issuer: it fails closed.
    """
    try:
        if _CRL_MARK not in crl.read_bytes():
            raise ConfigError(
                f"there is no revocation list in {crl}",
                fix='PEM is meant: "-----BEGIN X509 CRL-----"; `openssl crl -inform DER -in OLD -out NEW` makes it.',
            )
        context.load_verify_locations(crl)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cannot use the revocation list {crl}: {error.strerror or error}", fix="Give CRLs as PEM."
        ) from None
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def server_context(
    certificate: Path, key: Path, client_ca: Path, client_crl: Path | None = None, *, legacy: bool = False
) -> ssl.SSLContext:
    """The listener's context: our certificate, and clients must show one that `client_ca` signed and nobody revoked.

    `legacy` adds the suites for old devices; they are chosen only where the device has none of the others.
    """
    context = _harden(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    if legacy:
        context.set_ciphers(_LEGACY_CIPHERS)
    context.verify_mode = ssl.CERT_REQUIRED
    # No resumption: each association proves the certificate again.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_pair(context, certificate, key)
    _load_ca(context, client_ca)
    if client_crl:
        _load_crl(context, client_crl)
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
    issuer = next((value for part in facts.get("issuer", ()) for kind, value in part if kind == "commonName"), "")
    return PeerCertificate(hashlib.sha256(der).hexdigest(), names, issuer)


def is_legacy(connection: ssl.SSLSocket) -> bool:
    """Whether the suite in use is one of those that only old devices may use: no forward secrecy, or no AEAD."""
    name = (connection.cipher() or ("",))[0]
    modern = name.startswith("TLS_") or (name.startswith("ECDHE-") and ("-GCM-" in name or "-CHACHA20-" in name))
    return not modern


def describe(connection: ssl.SSLSocket) -> str:
    """The protocol and suite in use, for log lines: "TLSv1.3 TLS_AES_256_GCM_SHA384"."""
    cipher = connection.cipher()
    return f"{connection.version()} {cipher[0] if cipher else ''}"
