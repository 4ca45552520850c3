"""The passphrase recipient of age: scrypt, for exported keys.

Owns the `scrypt` stanza. It stands alone in its header, so an object with a record is never sealed to a passphrase.
Spends no more work on reading than it is allowed to: the file says how much, and whoever wrote it may be a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from appliance.base.errors import LocalError
from appliance.base.limits import SCRYPT_WORK
from appliance.seal.errors import HeaderMalformed, PassphraseRefused, StanzaMalformed, WorkFactorRefused
from appliance.seal.header import Stanza, decode_base64, encode_base64

TYPE = "scrypt"
SALT = 16
_WRAPPED = 32
_KEY = 32
_BLOCK = 8  # "r" of RFC 7914; the memory is 128 * r * N bytes
_INFO = b"age-encryption.org/v1/scrypt"
_DECIMAL = re.compile(r"[1-9][0-9]*")
# A salt makes the key fresh, and the key wraps one file key only.
_NONCE = bytes(12)


class ScryptRecipient:
    """A passphrase to which a file is sealed, and to nothing else."""

    kind: Literal["passphrase"] = "passphrase"

    def __init__(self, passphrase: str, work_factor: int = SCRYPT_WORK.default) -> None:
        """`work_factor`: the binary logarithm of N. Raises `PassphraseRefused`, and `ConfigError` for the factor."""
        self._passphrase = _encoded(passphrase)
        if not self._passphrase:
            raise PassphraseRefused("the passphrase is empty", fix="Anybody could open what is sealed: choose one.")
        self._work_factor = SCRYPT_WORK.check(work_factor)

    def wrap(self, file_key: bytes, random: Callable[[int], bytes]) -> Stanza:
        """The stanza that gives `file_key` to whoever knows the passphrase; takes a second. Raises `LocalError`."""
        salt = random(SALT)
        key = _derive(self._passphrase, salt, self._work_factor)
        body = ChaCha20Poly1305(key).encrypt(_NONCE, file_key, None)
        return Stanza((TYPE, encode_base64(salt), str(self._work_factor)), body)

    def __repr__(self) -> str:
        return "ScryptRecipient(…)"


class ScryptIdentity:
    """A passphrase that opens what was sealed to it."""

    kind: Literal["passphrase"] = "passphrase"

    def __init__(self, passphrase: str, work_factor_limit: int = SCRYPT_WORK.ceiling) -> None:
        """`work_factor_limit`: a larger one is refused in reading. Raises `PassphraseRefused`."""
        self._passphrase = _encoded(passphrase)
        self._limit = work_factor_limit

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key if the stanza is one of a passphrase, and of this one, else None.

        Raises `StanzaMalformed`, `WorkFactorRefused` or `LocalError`.
        """
        check_alone(stanzas)
        if not stanzas or stanzas[0].type != TYPE:
            return None
        salt, work_factor = _read(stanzas[0])
        if work_factor > self._limit:
            raise WorkFactorRefused(
                f"the passphrase stanza has a work factor above {self._limit}",
                fix="Opening it could take all of the memory. If you trust the file, open it with `age`.",
            )
        key = _derive(self._passphrase, salt, work_factor)
        try:
            return ChaCha20Poly1305(key).decrypt(_NONCE, stanzas[0].body, None)
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return "ScryptIdentity(…)"


def check_alone(stanzas: Sequence[Stanza]) -> None:
    """Refuse a passphrase stanza beside any other: who knows a passphrase takes the file to be from one who knows it.

    Raises `StanzaMalformed`.
    """
    if len(stanzas) > 1 and any(stanza.type == TYPE for stanza in stanzas):
        raise StanzaMalformed("a passphrase stanza is not alone in the sealed header")


def _read(stanza: Stanza) -> tuple[bytes, int]:
    """Salt and work factor. The body's length is checked before anything is decrypted, as `x25519.share_of` does."""
    try:
        salt = decode_base64(stanza.arguments[1].encode("ascii")) if len(stanza.arguments) == 3 else b""
    except HeaderMalformed:
        salt = b""
    if len(salt) != SALT or len(stanza.body) != _WRAPPED or not _DECIMAL.fullmatch(stanza.arguments[2]):
        raise StanzaMalformed("a recipient stanza of type scrypt does not have the form of its type")
    # A decimal of three digits is above any limit, and one of thousands is not worth converting.
    return salt, int(stanza.arguments[2][:3])


def _derive(passphrase: bytes, salt: bytes, work_factor: int) -> bytes:
    memory = 128 * _BLOCK << work_factor
    try:
        return Scrypt(salt=_INFO + salt, length=_KEY, n=1 << work_factor, r=_BLOCK, p=1).derive(passphrase)
    except MemoryError:
        raise LocalError(
            f"the passphrase needs {memory >> 20} MiB of memory, and so much is not free here",
            fix="Use another machine.",
        ) from None


def _encoded(passphrase: str) -> bytes:
    try:
        return passphrase.encode("utf-8")
    except UnicodeEncodeError:
        raise PassphraseRefused("the passphrase holds something that is no character") from None
