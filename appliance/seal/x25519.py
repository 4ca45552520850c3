"""The classical recipient of age: X25519, for sites whose tools are older than age 1.3.

Owns the `X25519` stanza and the keys `age1…` and `AGE-SECRET-KEY-1…`. Never shows a secret except in `export`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal import bech32, kdf
from appliance.seal.errors import HeaderMalformed, KeyMalformed, StanzaMalformed
from appliance.seal.header import Stanza, decode_base64, encode_base64

TYPE = "X25519"
PREFIX = "age"
IDENTITY_PREFIX = "AGE-SECRET-KEY-"
KEY = 32
WRAPPED = 32
_INFO = b"age-encryption.org/v1/X25519"
# Each wrap key wraps one file key only, so the nonce may stay the same.
_NONCE = bytes(12)


class X25519Recipient:
    """A public key to which objects are sealed."""

    kind: Literal["classical"] = "classical"

    def __init__(self, public: bytes) -> None:
        """Raises `KeyMalformed` for a point of low order, so that sealing to a recipient cannot fail later."""
        try:
            self._key = X25519PublicKey.from_public_bytes(public)
            X25519PrivateKey.from_private_bytes(bytes(KEY)).exchange(self._key)
        except ValueError:
            raise KeyMalformed("the recipient is not a usable X25519 key") from None
        self.public = public

    def wrap(self, file_key: bytes, random: Callable[[int], bytes]) -> Stanza:
        """The stanza that gives `file_key` to the holder of the identity."""
        ephemeral = X25519PrivateKey.from_private_bytes(random(KEY))
        share = ephemeral.public_key().public_bytes_raw()
        wrap_key = kdf.derive(ephemeral.exchange(self._key), _INFO, share + self.public)
        return Stanza((TYPE, encode_base64(share)), ChaCha20Poly1305(wrap_key).encrypt(_NONCE, file_key, None))

    def __str__(self) -> str:
        return bech32.encode(PREFIX, self.public)

    def __repr__(self) -> str:
        return f"X25519Recipient({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, X25519Recipient) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)


class X25519Identity:
    """A secret key that opens what was sealed to its recipient."""

    kind: Literal["classical"] = "classical"

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._key = X25519PrivateKey.from_private_bytes(secret)

    @cached_property
    def recipient(self) -> X25519Recipient:
        """The public side."""
        return X25519Recipient(self._key.public_key().public_bytes_raw())

    def unwrap(self, stanzas: Iterable[Stanza]) -> bytes | None:
        """The file key from the first stanza that is ours, else None; raises `StanzaMalformed`."""
        for stanza in stanzas:
            if stanza.type == TYPE and (file_key := self._open(stanza)) is not None:
                return file_key
        return None

    def _open(self, stanza: Stanza) -> bytes | None:
        share = share_of(stanza, KEY)
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise StanzaMalformed("the share of an X25519 stanza is a point of low order") from None
        wrap_key = kdf.derive(shared, _INFO, share + self.recipient.public)
        try:
            return ChaCha20Poly1305(wrap_key).decrypt(_NONCE, stanza.body, None)
        except InvalidTag:
            return None

    def export(self) -> str:
        """The identity as text. Whoever has it can read everything that was sealed to it."""
        return bech32.encode(IDENTITY_PREFIX.lower(), self._secret).upper()

    def __repr__(self) -> str:
        return f"X25519Identity(of {self.recipient})"


def share_of(stanza: Stanza, size: int) -> bytes:
    """The share of a stanza that has one argument of `size` bytes and the body of a wrapped 16-byte file key.

    The length of the body is checked before anything is decrypted: else one body could be made to open under
    several keys, and tell which of them we hold. Raises `StanzaMalformed`.
    """
    try:
        share = decode_base64(stanza.arguments[1].encode("ascii")) if len(stanza.arguments) == 2 else b""
    except HeaderMalformed:
        share = b""
    if len(share) != size or len(stanza.body) != WRAPPED:
        raise StanzaMalformed(f"a recipient stanza of type {stanza.type} does not have the form of its type")
    return share
