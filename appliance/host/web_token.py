"""Verifies JSON Web Tokens (RFC 7519, RFC 7515 compact form) that a peer shows as its user identity. Small and strict.

The key decides the algorithm, never the token: RSA is RS256, P-256 is ES256, Ed25519 is EdDSA; "none" and HMAC do not
exist here (RFC 8725 2.1, 3.1). No key is ever fetched because a token names it. Time is an argument. What is raised
holds nothing of the token.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.base.errors import CryptoError

_LONGEST = 16384
_LEEWAY = 60  # seconds that two clocks may differ
_PEM = re.compile(rb"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----.*?-----END \1-----", re.DOTALL)
_RSA_BITS = 2048

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class TokenRefused(CryptoError):
    """The token does not hold. The message says why, in words for the log."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say: who issued it, for whom it is meant, and where `subjects` are given, of whom it speaks."""

    issuer: str
    audience: str
    subjects: Sequence[str] = ()


def load_token_keys(pem: bytes) -> tuple[Key, ...]:
    """The public keys in a PEM text, bare or in certificates; several while they are rotated. Raises CryptoError."""
    keys: list[Key] = []
    for found in _PEM.finditer(pem):
        try:
            if found[1] == b"CERTIFICATE":
                key: Any = x509.load_pem_x509_certificate(found[0]).public_key()
            else:
                key = load_pem_public_key(found[0])
        except (ValueError, UnsupportedAlgorithm):
            raise CryptoError("a key in it is malformed", fix="Fetch it again from the token issuer.") from None
        if not _algorithm(key):
            raise CryptoError("a key in it is of no use", fix="RSA of 2048 bits, P-256 and Ed25519 are taken.")
        keys.append(key)
    if not keys:
        raise CryptoError("there is no public key in it", fix='PEM is meant: "-----BEGIN PUBLIC KEY-----".')
    return tuple(keys)


def verify_token(token: bytes, keys: Iterable[Key], expected: Expected, now: float) -> None:
    """Return if the token holds at `now` (seconds since the epoch), else raise `TokenRefused`."""
    if len(token) > _LONGEST:
        raise TokenRefused("the token is too long")
    parts = token.split(b".")
    if len(parts) != 3:
        raise TokenRefused("it is no signed token")
    header = _object(parts[0])
    if "crit" in header:
        raise TokenRefused("the token asks for extensions")
    signature = _decode(parts[2])
    fitting = [key for key in keys if _algorithm(key) == header.get("alg")]
    if not fitting:
        raise TokenRefused("the token is signed in a way that no key in user_identity.key is for")
    if not any(_signed(key, signature, parts[0] + b"." + parts[1]) for key in fitting):
        raise TokenRefused("the token is not signed with a key in user_identity.key")
    _check(_object(parts[1]), expected, now)


def _check(claims: dict[str, Any], expected: Expected, now: float) -> None:
    expires = _time(claims, "exp")
    if expires is None or now >= expires + _LEEWAY:
        raise TokenRefused("the token has expired" if expires is not None else "the token never expires")
    begins = _time(claims, "nbf")
    if begins is not None and now < begins - _LEEWAY:
        raise TokenRefused("the token is not valid yet")
    if claims.get("iss") != expected.issuer:
        raise TokenRefused("the token comes from another issuer")
    audience = claims.get("aud")
    if expected.audience not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRefused("the token is meant for another audience")
    if expected.subjects and claims.get("sub") not in expected.subjects:
        raise TokenRefused("the token speaks of somebody who is not in user_identity.usernames")


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefused(f"{name} of the token is no time")
    return value


def _object(part: bytes) -> dict[str, Any]:
    try:
        value = json.loads(_decode(part).decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise TokenRefused("the token is malformed") from None
    if not isinstance(value, dict):
        raise TokenRefused("the token is malformed")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> None:
    raise ValueError  # NaN and Infinity are no JSON


def _decode(part: bytes) -> bytes:
    """base64url without padding, in its one canonical form (RFC 7515 2)."""
    try:
        value = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        value = b""
    if base64.urlsafe_b64encode(value).rstrip(b"=") != part:
        raise TokenRefused("the token is malformed")
    return value


def _algorithm(key: Any) -> str:
    """RFC 7518 3.1 and RFC 8037 3.1; "" for a key that is not taken."""
    match key:
        case rsa.RSAPublicKey() if key.key_size >= _RSA_BITS:
            return "RS256"
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return "ES256"
        case ed25519.Ed25519PublicKey():
            return "EdDSA"
    return ""


def _signed(key: Key, signature: bytes, content: bytes) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePublicKey():
                if len(signature) != 64:  # r and s, 32 bytes each (RFC 7518 3.4)
                    return False
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                key.verify(encode_dss_signature(r, s), content, ec.ECDSA(hashes.SHA256()))
            case _:
                key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
