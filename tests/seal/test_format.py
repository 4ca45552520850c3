"""FORMAT.md is enough: a second implementation that shares no code reads the vectors; its example is right."""

from __future__ import annotations

import hashlib

import pytest

from tests.seal import stranger
from tests.seal.example import FORMAT, example
from tests.seal.test_vectors import BY_NAME, VECTORS
from tests.seal.vector import Vector


def named(vector: Vector) -> str:
    return vector.name


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.one("expect") == "success"], ids=named)
def test_a_stranger_opens_every_sound_vector(vector: Vector) -> None:
    (secret,) = vector.all("identity") + vector.all("passphrase")
    plaintext = stranger.plaintext(vector.object, secret)
    assert hashlib.sha256(plaintext).hexdigest() == vector.one("plaintext-sha256")


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.all("expect-verify") == ["success"]], ids=named)
def test_a_stranger_reads_every_sound_record(vector: Vector) -> None:
    prefix, index_key = stranger.bech32(vector.one("index-key"))
    assert prefix == "appliance-index-key-"
    for name, value in stranger.record(vector.object, index_key).items():
        assert value == vector.one(f"record-{name}")


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.all("expect-facts") == ["success"]], ids=named)
def test_a_stranger_reads_sound_facts(vector: Vector) -> None:
    assert stranger.facts(vector.object, vector.one("identity")) == bytes.fromhex(vector.one("facts"))


def test_the_worked_example_is_the_vector() -> None:
    assert FORMAT.read_text(encoding="utf-8").endswith("\n" + example(BY_NAME["classical"]))
