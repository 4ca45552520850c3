"""Certificates as CAs hand them out: PEM in any dress, DER, PKCS #7, PKCS #12. What we write is PEM, always.

A Windows CA (AD CS) offers a .cer (DER, or Base64) and a .p7b; its Base64 of a PKCS #7 calls itself CERTIFICATE, and
PowerShell writes text as UTF-16. Takes bytes and opens no file; raises `CryptoError` for what it cannot read.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from appliance.base.errors import CryptoError

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_HOLDS_CERTIFICATES = {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE", b"PKCS7", b"CMS"}
_TEXT_OF_WINDOWS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
_MEANT = "A certificate is meant: PEM, DER (.cer), PKCS #7 (.p7b) or PKCS #12 (.pfx)."


@dataclass(frozen=True, slots=True)
class Handed:
    """What is in such a file, in its order; with the private key, as PEM in clear, where it was a PKCS #12."""

    certificates: tuple[x509.Certificate, ...]
    key: bytes | None = field(default=None, repr=False)


def read_handed(content: bytes, passphrase: str | None = None) -> Handed:
    """Everything in a file; at least one certificate. `passphrase` is for PKCS #12, which cannot be read without."""
    text = as_ascii(content)
    blocks = list(_BLOCK.finditer(text))
    if blocks:
        found: list[x509.Certificate] = []
        for block in blocks:
            if block[1] in _HOLDS_CERTIFICATES:
                found += _from_der(_unarmoured(block[2]))
        if not found:
            kinds = ", ".join(dict.fromkeys(block[1].decode() for block in blocks))
            raise CryptoError(f"there is no certificate in it, but {kinds}", fix=_MEANT)
        return Handed(_once(found))
    if is_pkcs12(content):
        return _from_pkcs12(content, passphrase)
    return Handed(_once(_from_der(content)))


def together(files: Iterable[Handed]) -> Handed:
    """What several files hold, as if it were one."""
    certificates: list[x509.Certificate] = []
    key = None
    for each in files:
        certificates += each.certificates
        key = key or each.key
    return Handed(_once(certificates), key)


def is_pkcs12(content: bytes) -> bool:
    """Whether it looks like PKCS #12: a sequence that begins with version 3 (RFC 7292 4)."""
    return content[:1] == b"\x30" and b"\x02\x01\x03\x30" in content[:10]


def own_chain(
    given: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], key: Any
) -> list[x509.Certificate]:
    """What a program has to show: the certificate of `key`, then those between it and the CA, each signing the one
    before.

    `key` is the public one. Whatever order they came in; what leads nowhere and the CA at the end are left out, for the
    other side has that or does not trust it. Where none is of this key, the first that is no CA's leads.
    """
    leaf = _leaf(given, key)
    chain = [leaf]
    while len(chain) <= len(given) + len(authorities):
        above = next((each for each in (*given, *authorities) if each not in chain and _signed(chain[-1], each)), None)
        if above is None or above.issuer == above.subject:
            break
        chain.append(above)
    return chain


def _leaf(given: Sequence[x509.Certificate], key: Any) -> x509.Certificate:
    mine = [each for each in given if _key_of(each) == key]
    if mine:
        return max(mine, key=lambda each: each.not_valid_after_utc)
    return next((each for each in given if not _is_authority(each)), given[0])


def _key_of(certificate: x509.Certificate) -> Any:
    try:
        return certificate.public_key()
    except _UNREADABLE:
        return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *_UNREADABLE):
        return False


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from appliance.host.certificate_facts import is_signed_by

    return is_signed_by(certificate, issuer)


def as_ascii(content: bytes) -> bytes:
    """Text of Windows' own kind as everybody else's; anything else as it is."""
    for mark, encoding in _TEXT_OF_WINDOWS:
        if content.startswith(mark):
            return content.decode(encoding, "replace").encode("ascii", "replace")
    return content


def _unarmoured(text: bytes) -> bytes:
    body = text.replace(b"\r", b"").rpartition(b"\n\n")[2]  # what stands before an empty line is a header, RFC 1421
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise CryptoError("a certificate in it is damaged", fix="Fetch it again from the CA.") from None


def _from_der(der: bytes) -> list[x509.Certificate]:
    for read in (_one, _signed_data, _trusted):
        try:
            return list(read(der))
        except _UNREADABLE:
            continue
    raise CryptoError("this is no certificate", fix=_MEANT)


def _one(der: bytes) -> Iterator[x509.Certificate]:
    yield x509.load_der_x509_certificate(der)


def _signed_data(der: bytes) -> list[x509.Certificate]:
    with (
        warnings.catch_warnings()
    ):  # most of them, OpenSSL's too, are BER: their certificates are not sorted as DER asks
        warnings.simplefilter("ignore", UserWarning)
        return pkcs7.load_der_pkcs7_certificates(der)


def _trusted(der: bytes) -> Iterator[x509.Certificate]:
    """OpenSSL's TRUSTED CERTIFICATE has words of its own behind the certificate."""
    if der[:2] != b"\x30\x82":
        raise ValueError
    yield x509.load_der_x509_certificate(der[: 4 + int.from_bytes(der[2:4], "big")])


def _from_pkcs12(content: bytes, passphrase: str | None) -> Handed:
    try:
        opened = pkcs12.load_pkcs12(content, passphrase.encode() if passphrase else None)
    except ValueError:
        if passphrase:
            raise CryptoError("the passphrase does not open the file", fix="Try again; look for its record.") from None
        raise CryptoError("the file has a passphrase", fix="Give it: --passphrase-file, or on a terminal.") from None
    except _UNREADABLE:
        raise CryptoError(
            "its encryption is of a kind that is not known here", fix="Export it anew, AES-256."
        ) from None
    certificates = [each.certificate for each in (opened.cert, *opened.additional_certs) if each]
    if not certificates:
        raise CryptoError("there is no certificate in it", fix=_MEANT)
    key: Any = opened.key
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if key else None
    return Handed(_once(certificates), pem)


def _once(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys(certificates))
