from __future__ import annotations

import pytest

from appliance.seal.errors import KeyMalformed, StanzaMalformed
from appliance.seal.header import Stanza, encode_base64
from appliance.seal.x25519 import X25519Identity, X25519Recipient
from tests.seal.objects import CLASSICAL, drawn, secret

FILE_KEY = bytes(range(16))
STANZA = CLASSICAL.recipient.wrap(FILE_KEY, drawn("ephemeral"))


def test_wraps_and_unwraps() -> None:
    assert STANZA.type == "X25519"
    assert len(STANZA.body) == 32
    assert CLASSICAL.unwrap([STANZA]) == FILE_KEY


def test_passes_over_what_is_not_for_it() -> None:
    others = [
        Stanza(("mlkem768x25519", "junk"), b""),
        Stanza(("x25519", *STANZA.arguments[1:]), STANZA.body),
        X25519Identity(secret("somebody")).recipient.wrap(bytes(16), drawn("e")),
    ]
    assert CLASSICAL.unwrap(others) is None
    assert CLASSICAL.unwrap([]) is None
    assert CLASSICAL.unwrap([*others, STANZA]) == FILE_KEY


def test_each_stanza_has_an_ephemeral_key_of_its_own() -> None:
    random = drawn("one source")
    assert CLASSICAL.recipient.wrap(FILE_KEY, random) != CLASSICAL.recipient.wrap(FILE_KEY, random)


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza(("X25519",), STANZA.body),
        Stanza((*STANZA.arguments, "more"), STANZA.body),
        Stanza(("X25519", "AAAA"), STANZA.body),
        Stanza(("X25519", STANZA.arguments[1] + "="), STANZA.body),
        Stanza(("X25519", STANZA.arguments[1][:-1] + "~"), STANZA.body),
        Stanza(("X25519", encode_base64(bytes(33))), STANZA.body),
        Stanza(STANZA.arguments, STANZA.body[:-1]),
        Stanza(STANZA.arguments, STANZA.body + b"\0"),
        Stanza(STANZA.arguments, b""),
        Stanza(("X25519", encode_base64(bytes(32))), STANZA.body),
    ],
)
def test_refuses_a_stanza_without_the_form_of_its_type(stanza: Stanza) -> None:
    with pytest.raises(StanzaMalformed):
        CLASSICAL.unwrap([stanza])


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), bytes(33)])
def test_a_recipient_that_cannot_be_sealed_to_is_refused_at_once(public: bytes) -> None:
    with pytest.raises(KeyMalformed):
        X25519Recipient(public)
