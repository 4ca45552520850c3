"""The one key derivation of the format: HKDF-SHA-256 (RFC 5869) to 32 bytes."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = 32


def derive(secret: bytes, info: bytes, salt: bytes = b"") -> bytes:
    """32 bytes of key from `secret`, bound to the label `info` and, where there is one, to a fresh `salt`."""
    return HKDF(SHA256(), KEY, salt, info).derive(secret)
