"""Recipients and identities: as text, by kind, in lists.

Owns which kinds there are, how their texts are told apart, and which may stand together. An error never repeats the
text that it is about. Objects are not sealed to passphrases, and no text is one; a passphrase may open a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from appliance.base.limits import RECIPIENTS
from appliance.seal import bech32, mlkem768x25519, scrypt, x25519
from appliance.seal.errors import KeyMalformed, NoIdentityMatches, RecipientsRefused
from appliance.seal.header import Header, mac_key
from appliance.seal.mlkem768x25519 import HybridIdentity, HybridRecipient
from appliance.seal.scrypt import ScryptIdentity, check_alone
from appliance.seal.x25519 import X25519Identity, X25519Recipient

Recipient = HybridRecipient | X25519Recipient
Identity = HybridIdentity | X25519Identity
Opener = Identity | ScryptIdentity
"""What opens a file: an identity, or a passphrase."""


def parse_recipient(text: str) -> Recipient:
    """A recipient from "age1pq1…" (hybrid) or "age1…" (classical); raises `KeyMalformed`."""
    prefix, data = bech32.decode(text)
    if prefix == mlkem768x25519.PREFIX and len(data) == mlkem768x25519.PUBLIC:
        return HybridRecipient(data)
    if prefix == x25519.PREFIX and len(data) == x25519.KEY:
        return X25519Recipient(data)
    raise KeyMalformed("the key is not a recipient", fix="A recipient starts with age1pq1 or age1, in lower case.")


def parse_identity(text: str) -> Identity:
    """An identity from "AGE-SECRET-KEY-PQ-1…" (hybrid) or "AGE-SECRET-KEY-1…" (classical); raises `KeyMalformed`."""
    prefix, data = bech32.decode(text)
    if prefix == mlkem768x25519.IDENTITY_PREFIX and len(data) == mlkem768x25519.KEY:
        return HybridIdentity(data)
    if prefix == x25519.IDENTITY_PREFIX and len(data) == x25519.KEY:
        return X25519Identity(data)
    raise KeyMalformed(
        "the key is not an identity",
        fix="An identity starts with AGE-SECRET-KEY-PQ-1 or AGE-SECRET-KEY-1, in upper case.",
    )


def generate_identity(
    kind: Literal["hybrid", "classical"] = "hybrid", random: Callable[[int], bytes] = os.urandom
) -> Identity:
    """A fresh identity."""
    return HybridIdentity(random(mlkem768x25519.KEY)) if kind == "hybrid" else X25519Identity(random(x25519.KEY))


def check_recipients(recipients: Sequence[Recipient]) -> None:
    """Refuse a list that objects must not be sealed to; raises `RecipientsRefused`."""
    if not recipients:
        raise RecipientsRefused("there is no recipient", fix="Nobody could open what is sealed: name at least one.")
    if len(recipients) > RECIPIENTS.ceiling:
        raise RecipientsRefused(f"there are {len(recipients)} recipients", fix=f"Name {RECIPIENTS.ceiling} at most.")
    if len({recipient.kind for recipient in recipients}) > 1:
        raise RecipientsRefused(
            "hybrid (age1pq1…) and classical (age1…) recipients are mixed",
            fix="One classical recipient takes the protection of the hybrid ones away: use one kind.",
        )


def unwrap_file_key(header: Header, identities: Iterable[Opener]) -> bytes:
    """The file key of an object, its header verified with it.

    Raises `StanzaMalformed`, `WorkFactorRefused`, `NoIdentityMatches` or `HeaderTampered`.
    """
    check_alone(header.stanzas)
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            header.verify(mac_key(file_key))
            return file_key
    if header.stanzas[0].type == scrypt.TYPE:
        raise NoIdentityMatches("the file opens with a passphrase, and none that was given is it")
    raise NoIdentityMatches("no identity opens the object", fix="It was sealed to other recipients.")
