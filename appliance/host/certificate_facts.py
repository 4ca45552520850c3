"""What certificates and keys say: facts for `appliance check` and `status`. Reads, judges nothing but what is weak.

Takes PEM as bytes and opens no file. Raises `CryptoError` for what cannot be read; its message never holds a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.base.errors import CryptoError
from appliance.config.posture.facts import CertificateFacts

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_RSA_BITS = 2048  # RFC 9325 4.5


def read_certificates(pem: bytes) -> tuple[CertificateFacts, ...]:
    """The facts of all certificates in a PEM text, in its order. Raises `CryptoError` when one cannot be read."""
    try:
        return tuple(_facts(certificate) for certificate in load_certificates(pem))
    except _UNREADABLE:
        raise CryptoError("a certificate in it is malformed", fix="Ask for it again from the CA.") from None


def is_pair(certificate: bytes, key: bytes) -> bool:
    """Whether the first certificate of a PEM text is for this private key."""
    try:
        return bool(load_certificates(certificate)[0].public_key() == load_key(key).public_key())
    except _UNREADABLE:
        raise CryptoError("the certificate holds a key of an unknown kind") from None


def leads_to(certificate: bytes, authorities: bytes) -> bool:
    """Whether the first certificate was signed by one of `authorities`, perhaps through the others in its own file.

    Signatures and names only; dates and usages are facts of their own.
    """
    current, *between = load_certificates(certificate)
    roots = load_certificates(authorities)
    for _ in range(len(between) + 1):
        if current in roots or any(is_signed_by(current, root) for root in roots):
            return True
        following = next((each for each in between if each != current and is_signed_by(current, each)), None)
        if following is None:
            return False
        current = following
    return False


def as_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """Certificates and nothing else: no key that stood beside them, no text, no byte order mark."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text, at least one."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except _UNREADABLE:
        raise CryptoError(
            "this is no certificate in PEM",
            fix="`appliance certs trust` and `appliance certs install` take other forms.",
        ) from None


def load_key(pem: bytes, passphrase: str | None = None) -> Any:
    """A private key from PEM. One that has a passphrase takes it; one that has none is not asked."""
    try:
        return load_pem_private_key(pem, passphrase.encode() if passphrase and under_passphrase(pem) else None)
    except TypeError:
        raise CryptoError(
            "the key has a passphrase", fix="Nobody is there to type it: `openssl pkey -in KEY -out NEW` removes it."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        if passphrase and under_passphrase(pem):
            raise CryptoError("the passphrase does not open the key", fix="Try again; look for its record.") from None
        raise CryptoError("this is no private key", fix='PEM is meant: "-----BEGIN PRIVATE KEY-----".') from None


def under_passphrase(pem: bytes) -> bool:
    """Whether a private key in PEM takes a passphrase."""
    return b"ENCRYPTED" in pem


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the key of `issuer` signed it, in its name."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    extensions = {type(each.value): each.value for each in certificate.extensions}
    purposes: Any = extensions.get(x509.ExtendedKeyUsage)
    constraints: Any = extensions.get(x509.BasicConstraints)
    key = certificate.public_key()
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=tuple(_names(extensions.get(x509.SubjectAlternativeName))),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        key_kind=_kind(key),
        weak=weakness(certificate),
        authority=bool(constraints and constraints.ca),
        serves=_allows(purposes, ExtendedKeyUsageOID.SERVER_AUTH),
        calls=_allows(purposes, ExtendedKeyUsageOID.CLIENT_AUTH),
    )


def _allows(purposes: Any, purpose: x509.ObjectIdentifier) -> bool:
    """RFC 5280 4.2.1.12: without the extension, or with anyExtendedKeyUsage, everything is allowed."""
    return purposes is None or purpose in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes


def _names(alternatives: Any) -> Iterable[str]:
    for name in alternatives or ():
        if isinstance(name, x509.DNSName | x509.UniformResourceIdentifier):
            yield name.value
        elif isinstance(name, x509.IPAddress):
            yield str(name.value)


def _kind(key: Any) -> str:
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"ECDSA {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}"
    return type(key).__name__


def weak_key(key: Any) -> str:
    """Why RFC 9325 would not have a public key, if so."""
    if isinstance(key, dsa.DSAPublicKey):
        return "its key is DSA"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        return f"its RSA key has {key.key_size} bits, {_RSA_BITS} is the least"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 224:
        return f"its curve has {key.key_size} bits, 224 is the least"
    return ""


def weakness(certificate: x509.Certificate) -> str:
    """Why RFC 9325 would not have a certificate, if so."""
    if of_the_key := weak_key(certificate.public_key()):
        return of_the_key
    digest = certificate.signature_hash_algorithm
    if isinstance(digest, hashes.SHA1 | hashes.MD5) and certificate.issuer != certificate.subject:
        return f"it is signed with {digest.name.upper()}"
    return ""
