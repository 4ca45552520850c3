"""The vectors that stand beside FORMAT.md, and that FORMAT.md and they name every error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BufferedIOBase, BytesIO
from pathlib import Path

import pytest

import appliance.seal
from appliance.seal import errors
from appliance.seal.armor import armor, unarmored
from appliance.seal.errors import SealError
from appliance.seal.facts import open_facts
from appliance.seal.index_key import IndexKey
from appliance.seal.key_export import read_keys
from appliance.seal.keys import Opener, parse_identity
from appliance.seal.opening import Opening, open_record, read_header, verify
from appliance.seal.scrypt import ScryptIdentity
from appliance.seal.seeking import SeekableOpening
from tests.seal import make_vectors
from tests.seal.vector import FOLDER, Vector

VECTORS = [Vector.read(path) for path in sorted(FOLDER.glob("*.txt")) if path.stem not in ("keys", "tags")]
BY_NAME = {vector.name: vector for vector in VECTORS}
NAMES = {
    error.name
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, SealError) and error is not SealError
}
# These are refusals to seal, and of what is no age file: no vector shows them.
NOT_OF_OBJECTS = {
    "recipients-refused",
    "passphrase-refused",
    "record-field-refused",
    "request-malformed",
    "request-tampered",
    "request-field-refused",
}
EXPECTATIONS = ("expect", "expect-record", "expect-verify", "expect-seek", "expect-facts", "expect-keys")


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except SealError as error:
        return error.name
    return "success"


def openers(vector: Vector) -> list[Opener]:
    passphrases = [ScryptIdentity(text) for text in vector.all("passphrase")]
    return [*passphrases, *(parse_identity(text) for text in vector.all("identity"))]


def asking(key: str) -> pytest.MarkDecorator:
    asked = [vector for vector in VECTORS if vector.all(key)]
    return pytest.mark.parametrize("vector", asked, ids=lambda vector: vector.name)


@asking("expect")
def test_opening(vector: Vector) -> None:
    plaintext = bytearray()
    file: BufferedIOBase = BytesIO(vector.object)
    if vector.all("armored"):
        file = unarmored(file)

    def act() -> None:
        for chunk in Opening(file, openers(vector)):
            plaintext.extend(chunk)

    assert outcome(act) == vector.one("expect")
    assert str(len(plaintext)) == vector.one("plaintext-size")
    assert hashlib.sha256(plaintext).hexdigest() == vector.one("plaintext-sha256")


@asking("expect")
def test_what_is_not_armored_opens_the_same_in_armor_and_when_asked_whether_it_is(vector: Vector) -> None:
    def opening(data: bytes) -> str:
        return outcome(lambda: list(Opening(unarmored(BytesIO(data)), openers(vector))))

    assert opening(vector.object) == vector.one("expect")
    if not vector.all("armored"):
        assert opening(b"".join(armor([vector.object]))) == vector.one("expect")


@asking("expect-seek")
def test_seeking(vector: Vector) -> None:
    pieces: list[bytes] = []

    def act() -> None:
        opening = SeekableOpening(BytesIO(vector.object), openers(vector))
        starts = range(0, opening.size, 65536)
        pieces.extend(b"".join(map(bytes, opening.pieces(start, start + 65536))) for start in reversed(starts))

    assert outcome(act) == vector.one("expect-seek")
    if vector.one("expect-seek") == "success":
        assert hashlib.sha256(b"".join(reversed(pieces))).hexdigest() == vector.one("plaintext-sha256")
    else:
        assert pieces == []


@asking("expect-record")
def test_record_and_payload_without_an_identity(vector: Vector) -> None:
    index_key = IndexKey.parse(vector.one("index-key"))
    assert outcome(lambda: open_record(read_header(BytesIO(vector.object)), index_key)) == vector.one("expect-record")
    assert outcome(lambda: verify(BytesIO(vector.object), index_key)) == vector.one("expect-verify")
    if vector.one("expect-record") == "success":
        record = open_record(read_header(BytesIO(vector.object)), index_key)
        for name in record.__dataclass_fields__:
            value = getattr(record, name)
            assert (value.hex() if isinstance(value, bytes) else str(value)) == vector.one(f"record-{name}")


@asking("expect-facts")
def test_facts(vector: Vector) -> None:
    header = read_header(BytesIO(vector.object))
    assert outcome(lambda: open_facts(header, openers(vector))) == vector.one("expect-facts")
    if vector.one("expect-facts") == "success":
        assert open_facts(header, openers(vector)) == bytes.fromhex(vector.one("facts"))


@asking("expect-keys")
def test_exported_keys(vector: Vector) -> None:
    assert outcome(lambda: read_keys(vector.object, vector.one("passphrase"))) == vector.one("expect-keys")
    if vector.one("expect-keys") == "success":
        keys = read_keys(vector.object, vector.one("passphrase"))
        assert keys.index_key.export() == vector.one("index-key")


@asking("rewrapped")
def test_a_new_header_keeps_record_and_payload(vector: Vector) -> None:
    before, after = BY_NAME[vector.one("rewrapped")].object, vector.object
    old, new = (read_header(BytesIO(data)) for data in (before, after))
    assert before[old.size :] == after[new.size :]
    assert old.stanzas[-1] == new.stanzas[-1]
    assert len({stanza.body for stanza in (*old.stanzas, *new.stanzas)}) == len(old.stanzas) + len(new.stanzas) - 1


def test_the_vectors_are_those_that_are_made() -> None:
    assert {vector.name: vector for vector in make_vectors.vectors()} == BY_NAME


def test_every_error_of_an_object_has_a_vector() -> None:
    shown = {name for vector in VECTORS for key in EXPECTATIONS for name in vector.all(key)}
    assert shown == (NAMES - NOT_OF_OBJECTS) | {"success"}


def test_the_format_names_every_error_with_its_part_and_every_key_of_a_vector() -> None:
    text = (Path(appliance.seal.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    classes = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, SealError)]
    rows = {f"| {error.part} | `{error.name}` |" for error in classes if error is not SealError}
    assert {row for row in rows if row not in text} == set()
    assert "tests/seal/vectors/" in text
    keys = {key for vector in VECTORS for key, _ in vector.lines if not key.startswith("record-")}
    assert {key for key in keys if f"`{key}" not in text} == set()
