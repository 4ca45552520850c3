"""The vectors that stand beside FORMAT.md, and that FORMAT.md and they name every error."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

import appliance.seal
from appliance.seal import errors
from appliance.seal.errors import SealError
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_identity
from appliance.seal.opening import Opening, open_record, read_header, verify
from tests.seal import make_vectors
from tests.seal.vector import FOLDER, Vector

VECTORS = [Vector.read(path) for path in sorted(FOLDER.glob("*.txt")) if path.stem not in ("keys", "tags")]
NAMES = {
    error.name
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, SealError) and error is not SealError
}
# These are refusals to seal and to read a key: no object shows them.
NOT_OF_OBJECTS = {
    "key-malformed",
    "recipients-refused",
    "record-field-refused",
    "request-malformed",
    "request-tampered",
    "request-field-refused",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    index_key = IndexKey.parse(vector.one("index-key"))
    plaintext = b""
    outcome = "success"
    try:
        for chunk in Opening(BytesIO(vector.object), [parse_identity(text) for text in vector.all("identity")]):
            plaintext += chunk
    except SealError as error:
        outcome = error.name
    assert outcome == vector.one("expect")
    assert str(len(plaintext)) == vector.one("plaintext-size")
    assert hashlib.sha256(plaintext).hexdigest() == vector.one("plaintext-sha256")

    try:
        record = open_record(read_header(BytesIO(vector.object)), index_key)
        outcome = "success"
        for name in record.__dataclass_fields__:
            value = getattr(record, name)
            assert (value.hex() if isinstance(value, bytes) else str(value)) == vector.one(f"record-{name}")
    except SealError as error:
        outcome = error.name
    assert outcome == vector.one("expect-record")

    try:
        verify(BytesIO(vector.object), index_key)
        outcome = "success"
    except SealError as error:
        outcome = error.name
    assert outcome == vector.one("expect-verify")


def test_the_vectors_are_those_that_are_made() -> None:
    made = {vector.name: vector for vector in make_vectors.vectors()}
    assert made == {vector.name: vector for vector in VECTORS}


def test_every_error_of_an_object_has_a_vector() -> None:
    shown = {vector.one(key) for vector in VECTORS for key in ("expect", "expect-record", "expect-verify")}
    assert shown == (NAMES - NOT_OF_OBJECTS) | {"success"}


def test_the_format_names_every_error_and_every_vector_folder() -> None:
    text = (Path(appliance.seal.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    assert {name for name in NAMES if f"`{name}`" not in text} == set()
    assert "tests/seal/vectors/" in text
