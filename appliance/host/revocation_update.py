"""Whether a revocation list that was fetched may take the place of the one in force (RFC 5280 5.1, 6.3).

A list that is cut short, old, of somebody else or past its date would turn every device of its CA away. Takes PEM or
DER, as CAs publish them, and opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.base.errors import CryptoError
from appliance.config.posture.facts import RevocationFacts
from appliance.host.certificate_facts import load_certificates

_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_UNCHANGED = "Nothing was changed."


def take_lists(there: bytes, fetched: bytes, authorities: bytes, now: datetime) -> tuple[bytes, list[RevocationFacts]]:
    """The text of the file at client_crl with the lists in `fetched`, each in the place of the one that its CA had, and
    what those say.

    Raises `CryptoError` where one of them will not do; no other is taken then.
    """
    fresh = list(_lists(fetched))
    if not fresh:
        raise CryptoError("there is no revocation list in it", fix="PEM or DER is meant, as the CA publishes it.")
    before = list(_lists(there))
    trusted = load_certificates(authorities)
    for each in fresh:
        _check(each, before, trusted, now)
    issuers = {each.issuer for each in fresh}
    kept = [each for each in before if each.issuer not in issuers]
    text = b"".join(each.public_bytes(Encoding.PEM) for each in (*kept, *fresh))
    facts = [
        RevocationFacts(each.issuer.rfc4514_string(), each.last_update_utc, each.next_update_utc) for each in fresh
    ]
    return text, facts


def _check(
    fresh: x509.CertificateRevocationList,
    before: Sequence[x509.CertificateRevocationList],
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    who = fresh.issuer.rfc4514_string()
    if any(isinstance(each.value, x509.DeltaCRLIndicator) for each in fresh.extensions):
        raise CryptoError(
            f"this list of {who} has only what changed (a delta)",
            fix=f"{_UNCHANGED} Fetch the whole one: no + in its name.",
        )
    if not any(_signed(fresh, each) for each in trusted):
        raise CryptoError(f"no CA in client_ca signed this list of {who}", fix=_UNCHANGED)
    if fresh.next_update_utc is not None and fresh.next_update_utc <= now:
        raise CryptoError(
            f"this list of {who} expired on {fresh.next_update_utc:%Y-%m-%d %H:%M} UTC",
            fix=f"{_UNCHANGED} Is it an old file, or does the CA publish no more?",
        )
    if fresh.last_update_utc > now:
        raise CryptoError(
            f"this list of {who} holds from {fresh.last_update_utc:%Y-%m-%d %H:%M} UTC on",
            fix=f"{_UNCHANGED} Is the clock of this box right?",
        )
    if any(each.issuer == fresh.issuer and each.last_update_utc > fresh.last_update_utc for each in before):
        raise CryptoError(f"the list of {who} in force is newer than this one", fix=_UNCHANGED)


def _lists(content: bytes) -> Iterator[x509.CertificateRevocationList]:
    try:
        if content[:1] == b"\x30":
            yield x509.load_der_x509_crl(content)
        else:
            yield from map(x509.load_pem_x509_crl, _PEM.findall(content))
    except ValueError:
        raise CryptoError(
            "this revocation list is malformed, or cut short", fix=f"{_UNCHANGED} Fetch it again."
        ) from None


def _signed(revocations: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return revocations.issuer == authority.subject and revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False  # a key that signs no lists
