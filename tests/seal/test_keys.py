from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import ApplianceError
from appliance.base.limits import RECIPIENTS
from appliance.seal import bech32
from appliance.seal.errors import KeyMalformed, RecipientsRefused
from appliance.seal.keys import (
    Identity,
    Recipient,
    check_recipients,
    generate_identity,
    parse_identity,
    parse_recipient,
)
from tests.seal.objects import CLASSICAL, HYBRID, drawn
from tests.seal.vector import FOLDER, Vector

BOTH = pytest.mark.parametrize("identity", [CLASSICAL, HYBRID], ids=["classical", "hybrid"])


def test_the_vector_of_keys() -> None:
    vector = Vector.read(FOLDER / "keys.txt")
    pairs = list(zip(vector.all("identity"), vector.all("recipient"), strict=True))
    assert len(pairs) == 3
    for identity, recipient in pairs:
        assert str(parse_identity(identity).recipient) == recipient


@BOTH
def test_text_and_back(identity: Identity) -> None:
    assert parse_identity(identity.export()).export() == identity.export()
    assert parse_recipient(str(identity.recipient)) == identity.recipient
    assert hash(parse_recipient(str(identity.recipient))) == hash(identity.recipient)
    assert parse_recipient(str(identity.recipient)).kind == identity.kind


def test_texts_look_as_age_writes_them() -> None:
    assert CLASSICAL.export().startswith("AGE-SECRET-KEY-1")
    assert str(CLASSICAL.recipient).startswith("age1")
    assert len(str(CLASSICAL.recipient)) == 62
    assert HYBRID.export().startswith("AGE-SECRET-KEY-PQ-1")
    assert str(HYBRID.recipient).startswith("age1pq1")
    assert CLASSICAL.recipient != HYBRID.recipient


@BOTH
def test_nothing_but_export_shows_a_secret(identity: Identity) -> None:
    shown = repr(identity) + str(identity) + repr([identity.recipient]) + f"{identity}"
    assert "SECRET" not in shown.upper()
    assert identity.export()[-20:].lower() not in shown.lower()


@pytest.mark.parametrize(
    "text",
    [
        CLASSICAL.export(),
        str(CLASSICAL.recipient).upper(),
        str(HYBRID.recipient).upper(),
        str(CLASSICAL.recipient)[:-1],
        str(CLASSICAL.recipient) + "\n",
        bech32.encode("age", bytes(31)),
        bech32.encode("age", bytes(33)),
        bech32.encode("age", bytes(32)),  # a point of low order
        bech32.encode("age", bytes([1] + [0] * 31)),
        bech32.encode("age1pq", bytes(1216)),
        bech32.encode("age1pq", HYBRID.recipient.public[:1184] + bytes(32)),
        bech32.encode("age1pq", b"\xff" * 1184 + HYBRID.recipient.public[1184:]),
        bech32.encode("age1pq", HYBRID.recipient.public[:-1]),
        bech32.encode("age1tag", CLASSICAL.recipient.public),
        "",
    ],
)
def test_refuses_what_is_no_recipient(text: str) -> None:
    with pytest.raises(KeyMalformed):
        parse_recipient(text)


@pytest.mark.parametrize(
    "text",
    [
        str(CLASSICAL.recipient),
        CLASSICAL.export().lower(),
        HYBRID.export().lower(),
        bech32.encode("age-secret-key-", bytes(31)).upper(),
        bech32.encode("age-secret-key-pq-", bytes(64)).upper(),
        bech32.encode("age-plugin-yubikey-", bytes(32)).upper(),
        "# created: today",
    ],
)
def test_refuses_what_is_no_identity(text: str) -> None:
    with pytest.raises(KeyMalformed) as refusal:
        parse_identity(text)
    assert text[4:] not in str(refusal.value)


@given(st.text(max_size=100))
def test_junk_is_refused_by_name(text: str) -> None:
    for parse in (parse_recipient, parse_identity):
        with pytest.raises(KeyMalformed):
            parse(text)


def test_generated_identities_differ_and_are_hybrid_unless_asked() -> None:
    one, two = generate_identity(), generate_identity()
    assert one.kind == two.kind == "hybrid"
    assert one.export() != two.export()
    assert generate_identity("classical").kind == "classical"
    assert generate_identity("classical", drawn("x")).export() == generate_identity("classical", drawn("x")).export()


@pytest.mark.parametrize(
    ("recipients", "word"),
    [
        ([], "no recipient"),
        ([HYBRID.recipient, CLASSICAL.recipient], "mixed"),
        ([CLASSICAL.recipient] * (RECIPIENTS.ceiling + 1), "recipients"),
    ],
)
def test_lists_that_nobody_may_seal_to(recipients: list[Recipient], word: str) -> None:
    with pytest.raises(RecipientsRefused, match=word) as refusal:
        check_recipients(recipients)
    assert isinstance(refusal.value, ApplianceError)
    assert refusal.value.fix


@BOTH
def test_lists_of_one_kind_are_fine(identity: Identity) -> None:
    check_recipients([identity.recipient, generate_identity(identity.kind).recipient])
