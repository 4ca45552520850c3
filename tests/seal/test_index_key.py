from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal import bech32
from appliance.seal.errors import KeyMalformed
from appliance.seal.index_key import IndexKey, TagKind
from tests.seal.objects import INDEX_KEY, drawn
from tests.seal.vector import FOLDER, Vector


def test_the_vector_of_tags() -> None:
    vector = Vector.read(FOLDER / "tags.txt")
    index_key = IndexKey.parse(vector.one("index-key"))
    tags = [line.split(" ") for line in vector.all("tag")]
    assert {kind for kind, _, _ in tags} == {"study", "series", "instance", "patient"}
    for kind, value, tag in tags:
        assert index_key.tag(kind, value).hex() == tag  # type: ignore[arg-type]
    digests = {"data-set": index_key.data_set_digest(), "payload": index_key.payload_digest()}
    for line in vector.all("digest"):
        kind, data, digest = line.split(" ")
        digests[kind].update(bytes.fromhex(data))
        assert digests.pop(kind).digest().hex() == digest
    assert not digests


def test_text_and_back() -> None:
    text = INDEX_KEY.export()
    assert text.startswith("appliance-index-key-1")
    assert IndexKey.parse(text).export() == text
    assert IndexKey.parse(text.upper()).export() == text, "a QR code may hold it in upper case"


@pytest.mark.parametrize(
    "text", ["", bech32.encode("appliance-index-key-", bytes(31)), bech32.encode("age", bytes(32))]
)
def test_refuses_what_is_no_index_key(text: str) -> None:
    with pytest.raises(KeyMalformed):
        IndexKey.parse(text)


def test_refuses_a_key_of_another_length() -> None:
    with pytest.raises(KeyMalformed):
        IndexKey(bytes(16))


def test_generated_keys_differ() -> None:
    assert IndexKey.generate().export() != IndexKey.generate().export()
    assert IndexKey.generate(drawn("a")).export() == IndexKey.generate(drawn("a")).export()


def test_nothing_but_export_shows_the_key() -> None:
    assert INDEX_KEY.export()[25:] not in repr(INDEX_KEY) + str(INDEX_KEY) + f"{INDEX_KEY}"


def test_tags_tell_kinds_values_and_keys_apart() -> None:
    kinds: tuple[TagKind, ...] = ("study", "series", "instance", "patient")
    keys = (INDEX_KEY, IndexKey.generate())
    tags = {key.tag(kind, value) for key in keys for kind in kinds for value in ("1.2.3", "1.2.30")}
    assert len(tags) == 2 * 4 * 2
    assert {len(tag) for tag in tags} == {16}


def test_no_value_has_no_tag() -> None:
    assert INDEX_KEY.tag("study", "") == b""


@given(st.text(min_size=1))
def test_every_text_has_the_same_tag_each_time(value: str) -> None:
    assert INDEX_KEY.tag("patient", value) == INDEX_KEY.tag("patient", value)


def test_running_digests_do_not_disturb_each_other() -> None:
    one, two = INDEX_KEY.data_set_digest(), INDEX_KEY.data_set_digest()
    one.update(b"a")
    two.update(b"b")
    assert one.digest() != two.digest() != INDEX_KEY.data_set_digest().digest()


def test_each_salt_has_a_record_key_of_its_own() -> None:
    assert INDEX_KEY.record_key(bytes(32)) != INDEX_KEY.record_key(b"\1" * 32)
