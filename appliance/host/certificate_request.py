"""Requests for certificates (PKCS #10, RFC 2986): ours for a hospital's CA, and those of devices for the built-in one.

Makes keys, and hands them to its caller; opens no file. Raises `CryptoError` for a request that cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import weak_key
from appliance.host.certificate_files import as_ascii
from appliance.host.certificates import general_name, is_rsa, subject_of

KeyKind = Literal["ec", "rsa"]
_RSA_BITS = 3072
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class Requested:
    """A request and the private key that it is for, as PEM."""

    request: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device asks for: its public key, and the names that it gave itself."""

    key: Any
    names: tuple[str, ...]


def private_key(kind: KeyKind) -> Any:
    """A fresh one: P-256, or RSA for what knows nothing else."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, _RSA_BITS)


def key_pem(key: Any) -> bytes:
    """A private key as PEM, in clear: programs that serve have nobody to type a passphrase."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def make_request(name: str, names: Sequence[str], *, server: bool, client: bool, kind: KeyKind = "ec") -> Requested:
    """A fresh key and the request for it: `name` for people, `names` for TLS to check, and the purposes."""
    key = private_key(kind)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
    usage = x509.KeyUsage(True, False, is_rsa(key.public_key()), False, False, False, False, False, False)
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject_of(name))
        .add_extension(x509.SubjectAlternativeName([general_name(each) for each in names]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    return Requested(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), key_pem(key))


def read_request(content: bytes) -> Asked:
    """The request of a device, PEM or DER, whose signature shows that it has the key."""
    try:
        der = content[:1] == b"\x30"
        request = x509.load_der_x509_csr(content) if der else x509.load_pem_x509_csr(as_ascii(content))
        key = request.public_key()
        signed = request.is_signature_valid
        alternatives: Any = next(
            (e.value for e in request.extensions if e.oid == x509.OID_SUBJECT_ALTERNATIVE_NAME), ()
        )
    except _UNREADABLE:
        raise CryptoError(
            "this is no certificate request", fix='PEM or DER is meant: "-----BEGIN CERTIFICATE REQUEST".'
        ) from None
    if not signed:
        raise CryptoError("the request is not signed with its own key", fix="Have the device make it again.")
    if weakness := weak_key(key):
        raise CryptoError(f"the request is for a key that will not do: {weakness}", fix="Have the device make another.")
    kinds = x509.DNSName | x509.IPAddress
    return Asked(key, tuple(str(each.value) for each in alternatives if isinstance(each, kinds)))
