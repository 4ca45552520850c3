"""Makes JSON Web Tokens, right ones and wrong ones."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLAIMS: dict[str, Any] = {"iss": "https://idp.example", "aud": "EDGE01", "sub": "ct-2", "exp": 2000, "nbf": 1000}


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def public(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]


def token(key: Any, claims: dict[str, Any] | bytes = CLAIMS, **header: Any) -> bytes:
    content = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    match key:
        case rsa.RSAPrivateKey():
            alg = "RS256"
        case ec.EllipticCurvePrivateKey():
            alg = "ES256"
        case _:
            alg = "EdDSA"
    signed = b64(json.dumps({"alg": alg, "typ": "JWT", **header}).encode()) + b"." + b64(content)
    return signed + b"." + b64(sign(key, signed))


def sign(key: Any, content: bytes) -> bytes:
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        case ed25519.Ed25519PrivateKey():
            return key.sign(content)
    raise TypeError
