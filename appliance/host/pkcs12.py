"""A key, its certificate and its CA in one file for a scanner (PKCS #12, RFC 7292)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates

from appliance.host.certificate_facts import load_certificates, load_key

_ROUNDS = 100_000
_OLD_ROUNDS = 2048  # what old importers take


def bundle(name: str, certificate: bytes, key: bytes, authority: bytes, passphrase: str, *, old: bool = False) -> bytes:
    """The three under a passphrase: AES-256 and SHA-256, or with `old` Triple DES and SHA-1, which is all that many a
    scanner can read, and weak: then the passphrase has to be strong and the file must not lie about."""
    builder = PrivateFormat.PKCS12.encryption_builder()
    if old:
        builder = builder.kdf_rounds(_OLD_ROUNDS).key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
        builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303  # for old importers, on demand
    else:
        builder = builder.kdf_rounds(_ROUNDS).key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        builder = builder.hmac_hash(hashes.SHA256())
    return serialize_key_and_certificates(
        name.encode(),
        load_key(key),
        load_certificates(certificate)[0],
        load_certificates(authority),
        builder.build(passphrase.encode()),
    )
