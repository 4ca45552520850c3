from __future__ import annotations

import os

import pytest

from appliance.seal.errors import StanzaMalformed
from appliance.seal.header import Stanza, encode_base64
from appliance.seal.mlkem768x25519 import ENCAPSULATED, HybridIdentity
from tests.seal.objects import HYBRID, secret

FILE_KEY = bytes(range(16))
STANZA = HYBRID.recipient.wrap(FILE_KEY, os.urandom)


def test_wraps_and_unwraps() -> None:
    assert STANZA.type == "mlkem768x25519"
    assert len(STANZA.arguments[1]) == 1494
    assert len(STANZA.body) == 32
    assert HYBRID.unwrap([STANZA]) == FILE_KEY


def test_passes_over_what_is_not_for_it() -> None:
    others = [
        Stanza(("X25519", "junk"), b""),
        Stanza(("MLKEM768X25519", *STANZA.arguments[1:]), STANZA.body),
        HybridIdentity(secret("somebody")).recipient.wrap(bytes(16), os.urandom),
        Stanza(STANZA.arguments, STANZA.body[:-1] + bytes([STANZA.body[-1] ^ 1])),
        Stanza(("mlkem768x25519", encode_base64(b"\1" * ENCAPSULATED)), STANZA.body),
    ]
    assert HYBRID.unwrap(others) is None
    assert HYBRID.unwrap([*others, STANZA]) == FILE_KEY


def test_each_stanza_is_fresh() -> None:
    assert HYBRID.recipient.wrap(FILE_KEY, os.urandom) != STANZA


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza(("mlkem768x25519",), STANZA.body),
        Stanza((*STANZA.arguments, "more"), STANZA.body),
        Stanza(("mlkem768x25519", STANZA.arguments[1][:-4]), STANZA.body),
        Stanza(("mlkem768x25519", STANZA.arguments[1] + "=="), STANZA.body),
        Stanza(STANZA.arguments, STANZA.body + b"\0"),
        Stanza(("mlkem768x25519", encode_base64(b"\1" * 1088 + bytes(32))), STANZA.body),
    ],
    ids=["no argument", "three", "short", "padded", "long body", "low order"],
)
def test_refuses_a_stanza_without_the_form_of_its_type(stanza: Stanza) -> None:
    with pytest.raises(StanzaMalformed):
        HYBRID.unwrap([stanza])
