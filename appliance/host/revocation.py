"""What certificate revocation lists say (RFC 5280 5): facts for `appliance check`. Enforcing them is OpenSSL's.

Takes PEM as bytes and opens no file. Raises `CryptoError` for what cannot be read.
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from appliance.base.errors import CryptoError
from appliance.config.posture.facts import RevocationFacts
from appliance.host.certificate_facts import load_certificates

_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


def read_revocations(pem: bytes) -> tuple[RevocationFacts, ...]:
    """The facts of all lists in a PEM text, at least one."""
    return tuple(
        RevocationFacts(each.issuer.rfc4514_string(), each.last_update_utc, each.next_update_utc) for each in _load(pem)
    )


def without_list(authorities: bytes, lists: bytes) -> tuple[str, ...]:
    """The subjects of those CA certificates that signed none of the lists."""
    loaded = _load(lists)
    return tuple(
        each.subject.rfc4514_string()
        for each in load_certificates(authorities)
        if not any(_signed(one, each) for one in loaded)
    )


def _load(pem: bytes) -> list[x509.CertificateRevocationList]:
    blocks = _PEM.findall(pem)
    if not blocks:
        raise CryptoError(
            "there is no revocation list in it",
            fix='PEM is meant: "-----BEGIN X509 CRL-----"; `openssl crl -inform DER -in OLD -out NEW` makes it.',
        )
    try:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    except ValueError:
        raise CryptoError("a revocation list in it is malformed", fix="Fetch it again from the CA.") from None


def _signed(revocations: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    try:
        return revocations.issuer == authority.subject and revocations.is_signature_valid(key)  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False  # a key that signs no lists
