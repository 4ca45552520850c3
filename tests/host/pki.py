"""What a site CA gives out beside the certificates of `Authority`: revocation lists, and certificates with RSA keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from appliance.host.certificates import Authority

DAY = timedelta(days=1)


def revocation_list(
    authority: Authority, *revoked: Path, begin: timedelta = -DAY, end: timedelta | None = 7 * DAY
) -> bytes:
    """A list of the CA as PEM that names these certificates; `begin` and `end` count from now."""
    now = datetime.now(UTC).replace(microsecond=0)
    ca = x509.load_pem_x509_certificate(authority.certificate)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject).last_update(now + begin)
    builder = builder.next_update(now + (end if end is not None else DAY))
    for path in revoked:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now + begin)
        builder = builder.add_revoked_certificate(entry.build())
    key = load_pem_private_key(authority.key, None)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def rsa_certificate(authority: Authority, name: str, certificate: Path, key: Path) -> None:
    """Write a certificate for server and client with an RSA key of 2048 bits, as old devices ask for."""
    now = datetime.now(UTC).replace(microsecond=0)
    ca = x509.load_pem_x509_certificate(authority.certificate)
    fresh = rsa.generate_private_key(65537, 2048)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(ca.subject)
        .public_key(fresh.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 90 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(load_pem_private_key(authority.key, None), hashes.SHA256())  # type: ignore[arg-type]
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key.write_bytes(fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def root_authority(name: str, begin: timedelta = -DAY) -> Authority:
    """A root as hospitals have one: it may have CAs below it, which that of `Authority.create` may not."""
    return _signed_by(None, name, begin, 900 * DAY)


def authority_below(root: Authority, name: str, begin: timedelta = -DAY, end: timedelta = 90 * DAY) -> Authority:
    """A CA that another one signed; `begin` and `end` count from now."""
    return _signed_by(root, name, begin, end)


def _signed_by(root: Authority | None, name: str, begin: timedelta, end: timedelta) -> Authority:
    now = datetime.now(UTC).replace(microsecond=0)
    fresh = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    above = x509.load_pem_x509_certificate(root.certificate).subject if root else subject
    key = load_pem_private_key(root.key, None) if root else fresh
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(fresh.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]
    )
    return Authority(made, fresh)
