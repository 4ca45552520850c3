"""Passcodes as the configuration keeps them."""

from __future__ import annotations

import hashlib

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.config.passcode import make_passcode, parse_passcode
from tests.config.files import VALID

KEPT = str(make_passcode("geheim ü".encode(), bytes(range(16))))


def test_the_right_passcode_matches_and_no_other() -> None:
    kept = parse_passcode(KEPT)
    assert kept.matches("geheim ü".encode())
    assert not kept.matches(b"geheim") and not kept.matches(b"")
    assert str(kept) == KEPT


def test_it_is_scrypt_as_everybody_computes_it() -> None:
    # RFC 7914 12, third vector.
    digest = hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride", n=16384, r=8, p=1, maxmem=64 << 20, dklen=32)
    assert digest.hex().startswith("7023bdcb3afd7348461c06cd81fd38eb")
    assert make_passcode(b"pleaseletmein", b"SodiumChloride").digest == digest


def test_neither_repr_nor_text_shows_it() -> None:
    assert "geheim" not in KEPT
    assert repr(parse_passcode(KEPT)) == "Passcode()"


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "",
        KEPT + " ",
        KEPT.replace("scrypt:14", "scrypt:30"),  # the memory of a whole box
        KEPT.replace("scrypt:14", "scrypt:1"),
        KEPT.replace(":8:1:", ":8:99:"),
        KEPT[:-4],
        7,
        None,
    ],
)
def test_what_is_none_is_refused_without_being_repeated(text: object) -> None:
    with pytest.raises(ValueError, match="appliance passcode") as caught:
        parse_passcode(text)
    assert "hunter2" not in str(caught.value)


ASKED = 'user_identity = { type = "username", usernames = ["ct-suite-2"] }'
IDENTITY = 'peer "CT suite 2".user_identity'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{ type = "username", usernames = ["ct"] }', []),
        (f'{{ type = "username+passcode", passcodes = {{ ct = "{KEPT}" }} }}', []),
        ('{ type = "jwt", key = "/k.pem", issuer = "https://idp.example", audience = "EDGE01" }', []),
        (
            '{ type = "username+passcode", passcodes = { ct = "hunter2" } }',
            [f"{IDENTITY}.passcodes.ct: (a passcode, not shown) will not do"],
        ),
        ('{ type = "username+passcode", passcodes = "hunter2" }', [f"{IDENTITY}.passcodes: this is text; a table"]),
        ('{ type = "username+passcode" }', [f'{IDENTITY}.type: "username+passcode" needs passcodes too']),
        ('{ type = "jwt" }', [f'{IDENTITY}.type: "jwt" needs audience, issuer and key too']),
        (
            f'{{ type = "username", usernames = ["ct"], passcodes = {{ ct = "{KEPT}" }} }}',
            [f'{IDENTITY}.passcodes: with type = "username" this is not looked at'],
        ),
        ('{ type = "kerberos" }', [f'{IDENTITY}.type: "kerberos" is none of']),
    ],
)
def test_in_the_file(written: str, said: list[str]) -> None:
    text = VALID.replace(ASKED, f"user_identity = {written}")
    assert text != VALID
    try:
        parse_config(text.encode())
        found = []
    except ConfigErrors as errors:
        found = [str(problem) for problem in errors.problems]
    assert len(found) == len(said)
    assert all(each in problem for each, problem in zip(said, found, strict=True))
    assert not [each for each in found if "hunter2" in each]
