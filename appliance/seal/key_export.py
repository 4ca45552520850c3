"""A site's secret keys as one file under a passphrase: what `appliance keys export` writes (FORMAT.md, section 10).

Owns the text within. age takes the file for an identity file, so it opens objects where this program is not; the index
key stands in a comment, which age passes over. Never writes the text without the passphrase around it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from appliance.base.limits import KEY_EXPORT, RECIPIENTS, SCRYPT_WORK
from appliance.seal.armor import armor, unarmored
from appliance.seal.encrypting import encrypt
from appliance.seal.errors import KeysMalformed, RecipientsRefused
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Identity, parse_identity
from appliance.seal.opening import Opening
from appliance.seal.scrypt import ScryptIdentity, ScryptRecipient

_TITLE = "# pacs-appliance keys 1"
_INDEX_KEY = "# index key: "
_RECIPIENT = "# recipient: "


@dataclass(frozen=True, slots=True)
class ExportedKeys:
    """The index key and the identities, the one in use first; none where the site holds none."""

    index_key: IndexKey
    identities: tuple[Identity, ...]


def export_keys(
    identities: Sequence[Identity],
    index_key: IndexKey,
    passphrase: str,
    work_factor: int = SCRYPT_WORK.default,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """The armored file. Takes about a second. Raises `PassphraseRefused`, and `RecipientsRefused` for too many keys."""
    if len(identities) > RECIPIENTS.ceiling:
        raise RecipientsRefused(f"there are {len(identities)} identities", fix=f"Name {RECIPIENTS.ceiling} at most.")
    lines = [_TITLE, _INDEX_KEY + index_key.export()]
    for identity in identities:
        lines += [_RECIPIENT + str(identity.recipient), identity.export()]
    text = "\n".join([*lines, ""]).encode("ascii")
    return b"".join(armor(encrypt([text], ScryptRecipient(passphrase, work_factor), random)))


def read_keys(file: bytes, passphrase: str) -> ExportedKeys:
    """The keys in an exported file, armored or not. Takes about a second.

    Raises what `Opening` raises, `KeysMalformed`, and `KeyMalformed` for a line that is not the key it should be.
    """
    text = b""
    for chunk in Opening(unarmored(BytesIO(file)), [ScryptIdentity(passphrase)]):
        text += chunk
        if len(text) > KEY_EXPORT.default:
            raise KeysMalformed(f"the exported keys are longer than {KEY_EXPORT.default} bytes")
    if not text.isascii() or not text.endswith(b"\n"):
        raise KeysMalformed("the exported keys are no text, or cut short")
    title, *lines = text.decode("ascii").split("\n")[:-1]
    if title != _TITLE:
        raise KeysMalformed("what opened is not an export of keys that this program knows")
    index_keys = [line.removeprefix(_INDEX_KEY) for line in lines if line.startswith(_INDEX_KEY)]
    identities = [line for line in lines if line and not line.startswith("#")]
    if len(index_keys) != 1 or len(identities) > RECIPIENTS.ceiling:
        raise KeysMalformed("the exported keys name no index key or several, or too many identities")
    return ExportedKeys(IndexKey.parse(index_keys[0]), tuple(parse_identity(line) for line in identities))
