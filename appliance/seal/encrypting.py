"""An age file that is no object: header first, no record, to recipients or to one passphrase.

Owns the order of writing for what any age program may read and the vault never holds: exported keys, evidence. Keeps
one chunk in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from appliance.seal.envelope import FILE_KEY
from appliance.seal.header import encode_header, mac_key
from appliance.seal.keys import Recipient, check_recipients
from appliance.seal.scrypt import ScryptRecipient
from appliance.seal.stream import CHUNK, NONCE, chunk_nonce, payload_cipher


def encrypt(
    pieces: Iterable[bytes | memoryview],
    recipients: Sequence[Recipient] | ScryptRecipient,
    random: Callable[[int], bytes] = os.urandom,
) -> Iterator[bytes]:
    """The age file of a plaintext that comes in pieces. Raises `RecipientsRefused`, before anything is taken.

    `random` gives file key, then salt or ephemeral secrets, then nonce.
    """
    if isinstance(recipients, ScryptRecipient):
        return _encrypt(pieces, [recipients], random)
    check_recipients(recipients)
    return _encrypt(pieces, recipients, random)


def _encrypt(
    pieces: Iterable[bytes | memoryview],
    recipients: Sequence[Recipient | ScryptRecipient],
    random: Callable[[int], bytes],
) -> Iterator[bytes]:
    file_key = random(FILE_KEY)
    yield encode_header([recipient.wrap(file_key, random) for recipient in recipients], mac_key(file_key))
    nonce = random(NONCE)
    yield nonce
    cipher = payload_cipher(file_key, nonce)
    chunk = bytearray()
    counter = 0
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while len(view):
            # A full chunk waits until more comes: it may be the final one.
            if len(chunk) == CHUNK:
                yield cipher.encrypt(chunk_nonce(counter, False), bytes(chunk), None)
                counter += 1
                chunk.clear()
            taken = min(CHUNK - len(chunk), len(view))
            chunk += view[:taken]
            view = view[taken:]
    yield cipher.encrypt(chunk_nonce(counter, True), bytes(chunk), None)
