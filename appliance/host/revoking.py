"""Writes the revocation list of the built-in CA (RFC 5280 5): what it says already, and who is added.

Takes PEM and the CA, opens no file. Lists of other CAs in the same text are handed on untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509

from appliance.base.errors import CryptoError
from appliance.host.certificates import Authority

_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\r?\n?", re.DOTALL)


def revoke(authority: Authority, lists: bytes, serials: Iterable[int], now: datetime | None = None) -> bytes:
    """The text of `lists` with the list of this CA in it renewed: `serials` are on it besides those that were.

    Raises `CryptoError` where a list of this CA cannot be read, or is not signed by its key: what it says must not be
    lost.
    """
    before, number = dict[int, datetime](), 0
    for found in map(_read, _PEM.findall(lists)):
        if found.issuer != authority.subject:
            continue
        if not found.is_signature_valid(authority.public_key):
            raise CryptoError(
                "the list that is there is of a CA with the same name and another key",
                fix="Nothing was changed. Move it away; those whom it names are revoked anew.",
            )
        number = max(number, _number(found))
        before |= {each.serial_number: each.revocation_date_utc for each in found}
    at = now or datetime.now(UTC)
    entries = dict.fromkeys(serials, at) | before
    return without_list_of(authority.subject, lists) + authority.revocation_list(entries, number + 1, at)


def with_empty_list(authority: Authority, lists: bytes, now: datetime) -> bytes:
    """The text of `lists` with the first list of a CA that has issued nothing yet, in the place of any of its name."""
    return without_list_of(authority.subject, lists) + authority.revocation_list({}, 1, now)


def without_list_of(subject: x509.Name, lists: bytes) -> bytes:
    """The text of `lists` with those of other CAs alone."""
    return b"".join(pem.rstrip() + b"\n" for pem in _PEM.findall(lists) if _read(pem).issuer != subject)


def revoked(authority: x509.Certificate, lists: bytes) -> frozenset[int]:
    """The serial numbers that the lists of this CA name. Raises `CryptoError`."""
    found = [each for each in map(_read, _PEM.findall(lists)) if each.issuer == authority.subject]
    return frozenset(entry.serial_number for each in found for entry in each)


def _read(pem: bytes) -> x509.CertificateRevocationList:
    try:
        return x509.load_pem_x509_crl(pem)
    except ValueError:
        raise CryptoError(
            "a revocation list that is there is malformed", fix="Nothing was changed. Move it away, or mend it."
        ) from None


def _number(found: x509.CertificateRevocationList) -> int:
    try:
        return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
