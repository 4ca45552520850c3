"""Whether a certificate will do for a place, before it is put there: key, chain, names, dates, purposes, strength.

Says everything that speaks against it at once. Takes PEM, opens no file, asks nobody. Signatures of the chain are
checked, and that each link may sign; whether one was revoked is for who meets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from appliance.base.errors import CryptoError
from appliance.host.certificate_facts import is_pair, load_certificates, read_certificates

_LONGEST_CHAIN = 8


def objections(
    pem: bytes, key: bytes, authorities: bytes, *, server: bool, names: Sequence[str], now: datetime
) -> list[str]:
    """What speaks against a certificate with its chain (the leaf first) and this key, for a TLS server or a client that
    has to have `names`. Raises `CryptoError` where it cannot be read at all."""
    leaf, *_ = load_certificates(pem)
    facts = read_certificates(pem)[0]
    found = []
    if not is_pair(pem, key):
        found.append("it is not the certificate of this key")
    if facts.authority:
        found.append("it is the certificate of a CA; the first one in the file has to be that of this box")
    if facts.not_after <= now:
        found.append(f"it expired on {facts.not_after:%Y-%m-%d}")
    if facts.not_before > now:
        found.append(f"it is valid from {facts.not_before:%Y-%m-%d %H:%M} UTC on; is the clock of this box right?")
    if not (facts.serves if server else facts.calls):
        side = "server" if server else "client"
        found.append(f"its extended key usage is not for TLS {side}s ({side}Auth is missing)")
    if (usage := _usage(leaf)) is not None and not usage.digital_signature:
        found.append("its key usage has no digitalSignature, which TLS needs")
    if facts.weak:
        found.append(facts.weak)
    if server and not facts.names:
        found.append("it has no subject alternative name, so nobody can check whom it is for")
    lower = {each.lower() for each in facts.names}
    found += [f"it is not for {name}" for name in names if name.lower() not in lower]
    return found + list(_chain(load_certificates(pem), load_certificates(authorities), now))


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _chain(given: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """Follow the signatures from the leaf to a trusted CA (RFC 5280 6.1)."""
    current = given[0]
    for depth in range(_LONGEST_CHAIN):
        issuer = next((each for each in (*trusted, *given[1:]) if each != current and _signed(current, each)), None)
        if issuer is None:
            who = current.issuer.rfc4514_string()
            yield f"its chain does not lead to a trusted CA: nobody here is {who}"
            return
        if not _may_sign(issuer, depth):
            yield f"{issuer.subject.rfc4514_string()} may not sign certificates like this"
        if not issuer.not_valid_before_utc <= now < issuer.not_valid_after_utc:
            yield f"{issuer.subject.rfc4514_string()} is not valid now (until {issuer.not_valid_after_utc:%Y-%m-%d})"
        if issuer in trusted:
            return
        current = issuer
    yield "its chain is too long"


def _may_sign(issuer: x509.Certificate, below: int) -> bool:
    """Whether a certificate is of a CA that may have so many CAs below itself on the way."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    usage = _usage(issuer)
    short = constraints.path_length is None or below <= constraints.path_length
    return constraints.ca and short and (usage is None or usage.key_cert_sign)


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def authorities_of(pem: bytes) -> bytes:
    """The same file, where it holds the certificate of a CA at least. Raises `CryptoError`."""
    if not any(each.authority for each in read_certificates(pem)):
        raise CryptoError("there is no certificate of a CA in it", fix="Give the file of the CA, as PEM.")
    return pem
