"""X.509: a small site CA for sites without one, and for the demo.

Owns the profile of what it issues (RFC 5280): ECDSA P-256, names in subjectAltName only for what TLS checks, key usage
and extended key usage exact. What certificates of others say is read in `certificate_facts.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.base.errors import CryptoError, LocalError
from appliance.host.certificate_facts import is_signed_by, load_certificates, load_key
from appliance.host.create import create_file

AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=825)  # what TLS clients take at most from a private CA
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # this program is younger
_BACKDATED = timedelta(days=1)  # clocks of modalities are off, often by a time zone
_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)

    def write(self, certificate: Path, key: Path, key_mode: int = 0o400) -> None:
        """Write both to new files: the certificate for everybody, the key for its owner or as `key_mode` says."""
        create_file(key, self.key, key_mode)
        create_file(certificate, self.certificate, 0o444)


class Authority:
    """A CA that signs the certificates of one site: box, modalities, upstream."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, name: str, now: datetime | None = None, lifetime: timedelta = AUTHORITY_LIFETIME) -> Authority:
        """A fresh CA that signs end certificates and nothing below it (RFC 5280 4.2.1.9, path length 0)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = subject_of(name)
        begin = (now or _clock()) - _BACKDATED
        usage = _usage(key_cert_sign=True, crl_sign=True)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = (
            _builder(subject, subject, key.public_key(), begin, begin + lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(own, critical=False)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes, passphrase: str | None = None) -> Authority:
        """A CA from its PEM files; of several certificates the one of this key. Raises `CryptoError` where none is, or
        it is not of this kind."""
        loaded = load_key(key, passphrase)
        if isinstance(loaded, ec.EllipticCurvePrivateKey):
            for each in load_certificates(certificate):
                if loaded.public_key() == each.public_key():
                    return cls(each, loaded)
        raise CryptoError("this is no CA certificate and its ECDSA key", fix="Give the files that `init` wrote.")

    @property
    def certificate(self) -> bytes:
        """The CA certificate as PEM: what others need, to trust what it signs."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        """The CA's private key as PEM."""
        return _key_pem(self._key)

    def key_under(self, passphrase: str) -> bytes:
        """The CA's private key as PEM that opens with a passphrase (PKCS #8, RFC 5958)."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))

    def issue(
        self,
        name: str,
        names: Sequence[str],
        *,
        server: bool = False,
        client: bool = False,
        now: datetime | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> Issued:
        """A fresh key and its certificate: `name` for people, `names` (DNS names and addresses) for TLS to check."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.certify(
            key.public_key(), name, names, server=server, client=client, now=now, lifetime=lifetime
        )
        return Issued(certificate, _key_pem(key))

    def certify(
        self,
        key: Any,
        name: str,
        names: Sequence[str],
        *,
        server: bool = False,
        client: bool = False,
        now: datetime | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> bytes:
        """The certificate of a public key as PEM.

        It may be shown by a server, a client or both (RFC 5280 4.2.1.12), never before or after the CA itself.
        """
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
        if not purposes or not names:
            raise LocalError(
                "a certificate needs a purpose and a name", fix="Say server, client or both, and for whom."
            )
        at = now or _clock()
        begin = max(at - _BACKDATED, self._certificate.not_valid_before_utc)
        end = min(at + lifetime, self._certificate.not_valid_after_utc)
        if end <= begin:
            raise LocalError("the CA has expired", fix="Make a new one, and give its certificate to all peers.")
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        builder = (
            _builder(subject_of(name), self._certificate.subject, key, begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, key_encipherment=is_rsa(key)), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName([general_name(each) for each in names]), critical=False)
            .add_extension(own, critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def revocation_list(self, entries: Mapping[int, datetime], number: int, now: datetime) -> bytes:
        """A list of serial numbers and since when each is revoked, as PEM (RFC 5280 5).

        It holds as long as the CA does: it lies where it is used, so nobody can keep a newer one from arriving, and the
        key is best kept elsewhere.
        """
        begin = max(now - _BACKDATED, self._certificate.not_valid_before_utc).replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(begin)
            .next_update(self._certificate.not_valid_after_utc)
            .add_extension(self._identifier(), critical=False)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial, since in entries.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since.replace(microsecond=0))
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is of this CA."""
        return is_signed_by(certificate, self._certificate)

    @property
    def subject(self) -> x509.Name:
        """What it is called in what it signs."""
        return self._certificate.subject

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What its signatures are checked with."""
        return self._key.public_key()

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        """What the CA's own subject key identifier is called in what it signs (RFC 5280 4.2.1.1)."""
        try:
            own = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)

    def __repr__(self) -> str:
        return f"Authority({self._certificate.subject.rfc4514_string()!r})"


def _clock() -> datetime:
    """Now, unless the clock cannot be right: a board without a battery begins its time anew."""
    now = datetime.now(UTC)
    if now < _EARLIEST:
        raise LocalError(
            f"the clock of this box says {now:%Y-%m-%d}, and certificates would be of that time",
            fix="Set it first: timedatectl.",
        )
    return now


def is_rsa(key: Any) -> bool:
    """Whether old suites may encrypt to it: then its certificate has to allow that (RFC 5246 7.4.2)."""
    return isinstance(key, rsa.RSAPublicKey)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
    )


def _usage(
    digital_signature: bool = False, key_encipherment: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def subject_of(name: str) -> x509.Name:
    """Who it is for, in words for people."""
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise LocalError("the name of a certificate has 1 to 64 printable characters")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general_name(name: str) -> x509.GeneralName:
    """A DNS name or an address, as a certificate has it. Raises `LocalError`."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _NAME.fullmatch(name):
            raise LocalError(f"{name!r} is no host name and no address", fix="Write edge01.rad.example.") from None
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
