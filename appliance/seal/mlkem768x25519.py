"""The hybrid recipient of age: ML-KEM-768 with X25519, safe against what quantum computers may do to stored objects.

Owns the `mlkem768x25519` stanza and the keys `age1pq1…` and `AGE-SECRET-KEY-PQ-1…`. The cryptography is HPKE (RFC 9180)
in base mode with the X-Wing KEM. Never shows a secret except in `export`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from appliance.seal import bech32
from appliance.seal.errors import KeyMalformed, StanzaMalformed
from appliance.seal.header import Stanza, encode_base64
from appliance.seal.x25519 import share_of

TYPE = "mlkem768x25519"
PREFIX = "age1pq"
IDENTITY_PREFIX = "AGE-SECRET-KEY-PQ-"
KEY = 32
PUBLIC = 1184 + 32
ENCAPSULATED = 1088 + 32
_INFO = b"age-encryption.org/mlkem768x25519"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class HybridRecipient:
    """A public key to which objects are sealed."""

    kind: Literal["hybrid"] = "hybrid"

    def __init__(self, public: bytes) -> None:
        """`public`: 1184 bytes of ML-KEM-768, 32 of X25519. Raises `KeyMalformed` for keys that cannot be sealed to."""
        try:
            classical = X25519PublicKey.from_public_bytes(public[1184:])
            X25519PrivateKey.from_private_bytes(bytes(32)).exchange(classical)
            self._key = MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(public[:1184]), classical)
        except ValueError:
            raise KeyMalformed("the recipient is not a usable mlkem768x25519 key") from None
        self.public = public

    def wrap(self, file_key: bytes, _random: Callable[[int], bytes]) -> Stanza:
        """The stanza that gives `file_key` to the holder of the identity. HPKE draws its own randomness."""
        sealed = _SUITE.encrypt(file_key, self._key, info=_INFO)
        return Stanza((TYPE, encode_base64(sealed[:ENCAPSULATED])), sealed[ENCAPSULATED:])

    @cached_property
    def _text(self) -> str:
        return bech32.encode(PREFIX, self.public)  # long, and its checksum is slow

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"HybridRecipient({str(self)[:24]}…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HybridRecipient) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)


class HybridIdentity:
    """A secret key that opens what was sealed to its recipient."""

    kind: Literal["hybrid"] = "hybrid"

    def __init__(self, secret: bytes) -> None:
        """`secret`: the 32-byte seed of an X-Wing decapsulation key."""
        expanded = hashlib.shake_256(secret).digest(96)
        self._secret = secret
        self._mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self._x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @cached_property
    def recipient(self) -> HybridRecipient:
        """The public side."""
        return HybridRecipient(
            self._mlkem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()
        )

    def unwrap(self, stanzas: Iterable[Stanza]) -> bytes | None:
        """The file key from the first stanza that is ours, else None; raises `StanzaMalformed`."""
        for stanza in stanzas:
            if stanza.type == TYPE and (file_key := self._open(stanza)) is not None:
                return file_key
        return None

    def _open(self, stanza: Stanza) -> bytes | None:
        encapsulated = share_of(stanza, ENCAPSULATED)
        try:
            return _SUITE.decrypt(encapsulated + stanza.body, self._key, info=_INFO)
        except InvalidTag:
            # HPKE fails alike for a foreign stanza and for a share that no honest sender makes; age tells them apart.
            try:
                self._x25519.exchange(X25519PublicKey.from_public_bytes(encapsulated[1088:]))
            except ValueError:
                raise StanzaMalformed("the share of an mlkem768x25519 stanza is a point of low order") from None
            return None

    def export(self) -> str:
        """The identity as text. Whoever has it can read everything that was sealed to it."""
        return bech32.encode(IDENTITY_PREFIX.lower(), self._secret).upper()

    def __repr__(self) -> str:
        return f"HybridIdentity(of {self.recipient!r})"
