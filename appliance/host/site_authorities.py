"""The CAs of the site, for who sees certificates on the wire: did one of them sign what a peer shows?

Signatures, names and the right to issue only; dates and weakness are facts of their own. Only keys of a CA of the
site, or of one below it that it vouches for, are ever verified with, so a stranger's key costs nothing. Bounded, and it
raises nothing for what a peer shows. Opens no file.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from appliance.base import limits
from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import is_signed_by, load_certificates, read_certificates

_MOST_KNOWN = 1024  # answers that are kept; each is a fingerprint
_ANY_DEPTH = 64  # more than a peer may show
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class _Issuer:
    """Who may sign, and how many CAs may stand below it (RFC 5280 4.2.1.9)."""

    certificate: x509.Certificate
    below: int


class SiteAuthorities:
    """Made of a PEM text; ask it about chains of DER."""

    def __init__(self, pem: bytes) -> None:
        """Raises `CryptoError` for what is no PEM with one certificate or more of a CA, or with too many."""
        certificates = load_certificates(pem)
        limit = limits.SITE_AUTHORITIES.default
        if len(certificates) > limit:
            raise CryptoError(
                f"it holds {len(certificates)} certificates, {limit} are the most", fix="Name those of the site alone."
            )
        facts = read_certificates(pem)
        if not any(each.authority for each in facts):
            raise CryptoError("it holds no certificate of a CA", fix="Give that of the CA, not one that it issued.")
        self.fingerprints = frozenset(each.sha256 for each in facts)
        self._issuers = [_Issuer(each, depth) for each in certificates if (depth := _depth(each)) is not None]
        self._known: dict[bytes, bool] = {}

    def signed(self, chain: Sequence[bytes]) -> bool:
        """Whether one of them signed the first certificate (DER) of a chain, perhaps through others that are shown in
        it, or is that certificate."""
        chain = chain[: 1 + limits.SENSOR_CHAIN.default]
        print_of_all = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in chain)).digest()
        known = self._known.get(print_of_all)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            try:
                with warnings.catch_warnings(action="ignore"):  # of the library, about what strangers show
                    known = self._signed(chain)
            except Exception:  # noqa: BLE001 - a stranger's bytes in a library that says more than one kind of no
                known = False
            self._known[print_of_all] = known
        return known

    def _signed(self, chain: Sequence[bytes]) -> bool:
        if not chain:
            return False
        if hashlib.sha256(chain[0]).hexdigest() in self.fingerprints:
            return True
        leaf = _load(chain[0])
        between = [each for each in map(_load, chain[1:]) if each is not None]
        found = self._issuers
        while leaf is not None and found:
            if any(_signs(each.certificate, leaf) for each in _called(leaf, found)):
                return True
            below = [(each, _below(each, found)) for each in between]
            between = [each for each, issuer in below if issuer is None]
            found = [issuer for _, issuer in below if issuer is not None]
        return False


def _called(certificate: x509.Certificate, issuers: Iterable[_Issuer]) -> list[_Issuer]:
    """Those whose name the certificate gives for its issuer's: their keys alone are tried."""
    name = certificate.issuer
    return [each for each in issuers if each.certificate.subject == name]


def _signs(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the key of an issuer signed a certificate in its name. With SHA-1 too, which the library refuses in
    certificates: old CAs of hospitals have it, and that it is weak is another matter. With MD5 anybody can."""
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA1):
        return is_signed_by(certificate, issuer)
    key = issuer.public_key()
    signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, rsa.RSAPublicKey):
            how = certificate.signature_algorithm_parameters
            key.verify(*signed, how if isinstance(how, padding.PSS) else padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(*signed, ec.ECDSA(hashes.SHA1()))  # noqa: S303
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _below(certificate: x509.Certificate, issuers: Iterable[_Issuer]) -> _Issuer | None:
    """A CA that a peer shows, as an issuer: where one of `issuers` may have CAs below it and signed this one."""
    try:
        depth = _depth(certificate, shown=True)
        own = certificate.subject == certificate.issuer  # a new key in the old one's hand counts for no step
        above = _called(certificate, issuers) if depth is not None else ()
        rooms = [each.below - (not own) for each in above if _signs(each.certificate, certificate)]
    except Exception:  # noqa: BLE001 - as above; the rest of what is shown may do
        return None
    room = max(rooms, default=-1)
    return _Issuer(certificate, min(depth, room)) if depth is not None and room >= 0 else None


def _depth(certificate: x509.Certificate, *, shown: bool = False) -> int | None:
    """How many CAs may stand below a certificate; None where it may issue nothing. One that a peer shows has to say
    that it is a CA; one of the site that says neither is one, as those of version 1 are."""
    constraints = _value(certificate, x509.BasicConstraints)
    usage = _value(certificate, x509.KeyUsage)
    if constraints is None:
        return None if shown else _ANY_DEPTH
    if not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return None
    return _ANY_DEPTH if constraints.path_length is None else int(constraints.path_length)


def _value(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _load(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except Exception:  # noqa: BLE001 - as above
        return None
