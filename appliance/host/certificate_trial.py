"""Whether a certificate will do for a place, before it is put there: key, chain, names, dates, purposes, strength.

Says everything that speaks against it at once. Takes PEM, opens no file, asks nobody. Signatures of the chain are
checked, and that each link may sign and is strong enough; whether one was revoked is for who meets it. What we find
nothing against is then shown to OpenSSL, in a handshake with ourselves: it knows more rules than we do, such as the
names that a CA is bound to, and programs that use it have the last word.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from cryptography import x509

from appliance.base.errors import ConfigError, CryptoError
from appliance.host import tls
from appliance.host.certificate_facts import is_pair, is_signed_by, load_certificates, read_certificates, weakness
from appliance.host.certificates import Authority

_LONGEST_CHAIN = 8
_DESCRIPTORS = Path("/proc/self/fd")
_FLIGHTS = 8  # of a handshake; TLS 1.3 needs three


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
    found += _chain(load_certificates(pem), load_certificates(authorities), now)
    if not found and (refusal := _word_of_openssl(pem, key, authorities, server=server)):
        found.append(f"OpenSSL refuses it: {refusal}")
    return found


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _chain(given: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """Follow the signatures from the leaf to a trusted CA (RFC 5280 6.1)."""
    current = given[0]
    for depth in range(_LONGEST_CHAIN):
        issuer = next(
            (each for each in (*trusted, *given[1:]) if each != current and is_signed_by(current, each)), None
        )
        if issuer is None:
            who = current.issuer.rfc4514_string()
            yield (
                f"its chain does not lead to a trusted CA: the certificate of {who} is missing. Name that file behind "
                "this one, or `appliance certs trust` it"
            )
            return
        if not _may_sign(issuer, depth):
            yield f"{issuer.subject.rfc4514_string()} may not sign certificates like this"
        if not issuer.not_valid_before_utc <= now < issuer.not_valid_after_utc:
            yield f"{issuer.subject.rfc4514_string()} is not valid now (until {issuer.not_valid_after_utc:%Y-%m-%d})"
        if issuer in trusted:
            return
        if weak := weakness(issuer):
            yield f"{issuer.subject.rfc4514_string()} is too weak: {weak}"
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


def _word_of_openssl(pem: bytes, key: bytes, authorities: bytes, *, server: bool) -> str:
    """Why a handshake with this certificate fails, in OpenSSL's words; empty where it does not.

    The other side is made up for it, and trusts `authorities`.
    """
    if not _DESCRIPTORS.exists():  # a chroot in which an image is made
        return ""
    other = Authority.create("trial")
    opposite = other.issue("trial", ["trial.invalid"], server=not server, client=server)
    with ExitStack() as held:
        ours, our_key, theirs, their_key, roots, its_root = (
            _in_memory(held, each)
            for each in (pem, key, opposite.certificate, opposite.key, authorities, other.certificate)
        )
        try:
            if server:
                accepts, calls = (
                    tls.server_context(ours, our_key, its_root),
                    tls.client_context(roots, theirs, their_key),
                )
            else:
                accepts, calls = (
                    tls.server_context(theirs, their_key, roots),
                    tls.client_context(its_root, ours, our_key),
                )
            _shake(accepts, calls)
        except ConfigError as error:
            return error.message.rpartition(": ")[2]
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError as error:
            return (error.reason or "it gave no reason").lower().replace("_", " ")
    return ""


def _in_memory(held: ExitStack, content: bytes) -> Path:
    """A file for `ssl`, which takes nothing else; on no medium."""
    descriptor = os.memfd_create("trial", os.MFD_CLOEXEC)
    held.callback(os.close, descriptor)
    os.write(descriptor, content)
    return _DESCRIPTORS / str(descriptor)


def _shake(accepts: ssl.SSLContext, calls: ssl.SSLContext) -> None:
    """Let the two shake hands in memory. Raises what the first of them raises that refuses."""
    calls.check_hostname = False  # which names it has to have was asked already
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        calls.wrap_bio(to_client, to_server),
        accepts.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_FLIGHTS):
        for side in sides[:]:
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue


def authorities_of(pem: bytes) -> bytes:
    """The same file, where it holds the certificate of a CA at least. Raises `CryptoError`."""
    if not any(each.authority for each in read_certificates(pem)):
        raise CryptoError("there is no certificate of a CA in it", fix="Give the file of the CA, as PEM.")
    return pem
