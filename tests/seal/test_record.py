from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal import record as records
from appliance.seal.errors import (
    HeaderTampered,
    RecordFieldRefused,
    RecordMalformed,
    RecordMissing,
    RecordTampered,
    RecordUnsupported,
    SealError,
)
from appliance.seal.header import Header, Stanza, encode_header, mac_key, read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.record import Record, open_record
from tests.seal.objects import INDEX_KEY, secret

KEY = mac_key(bytes(16))
RECORD = Record(
    object_id="0123456789abcdef" * 2,
    received=1790000000.123456,
    peer="CT",
    calling_ae="A",
    called_ae="B",
    sop_class="1.2",
    transfer_syntax="1.2.840.10008.1.2",
    modality="CT",
    study_tag=bytes(range(16)),
    series_tag=b"",
    instance_tag=b"\0" * 16,
    size=(1 << 63) - 1,
    data_set_digest=secret("a"),
    payload_digest=secret("b"),
)


def utf8(capacity: int) -> st.SearchStrategy[str]:
    return st.text(max_size=capacity).filter(lambda text: len(text.encode()) <= capacity)


TAGS = st.one_of(st.just(b""), st.binary(min_size=16, max_size=16))
DIGESTS = st.binary(min_size=32, max_size=32)
RECORDS = st.builds(
    Record,
    object_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    received=st.floats(0, 1e12),
    peer=utf8(256),
    calling_ae=utf8(16),
    called_ae=utf8(16),
    sop_class=utf8(64),
    transfer_syntax=utf8(64),
    modality=utf8(16),
    study_tag=TAGS,
    series_tag=TAGS,
    instance_tag=TAGS,
    size=st.integers(0, (1 << 63) - 1),
    data_set_digest=DIGESTS,
    payload_digest=DIGESTS,
)


def header_with(*stanzas: Stanza, key: bytes = KEY) -> Header:
    return read_header(BytesIO(encode_header([Stanza(("foreign",), b""), *stanzas], key)))


@given(RECORDS)
def test_reads_back_what_it_wrote_at_one_length(record: Record) -> None:
    layout = records.encode(record, KEY)
    assert len(layout) == records.LAYOUT == 628
    assert records.decode(layout) == (record, KEY)
    stanza = records.seal(record, KEY, INDEX_KEY, bytes(32))
    assert len(stanza.encode()) == records.STANZA == 942
    assert open_record(header_with(stanza), INDEX_KEY) == record


def test_the_layout_is_the_one_of_the_format() -> None:
    layout = records.encode(RECORD, KEY)
    assert layout[:26] == bytes.fromhex("0002" + RECORD.object_id) + struct.pack(">d", RECORD.received)
    assert layout[26:284] == b"\0\2CT" + bytes(254)
    assert layout[284:320] == b"\0\1A" + bytes(15) + b"\0\1B" + bytes(15)
    assert layout[320:452] == b"\0\x031.2" + bytes(61) + b"\0\x111.2.840.10008.1.2" + bytes(47)
    assert layout[452:470] == b"\0\2CT" + bytes(14)
    assert layout[470:524] == b"\0\x10" + bytes(range(16)) + bytes(18) + b"\0\x10" + bytes(16)
    assert layout[524:] == (b"\x7f\xff\xff\xff\xff\xff\xff\xff" + RECORD.data_set_digest + RECORD.payload_digest + KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"object_id": "x" * 32},
        {"object_id": "AB" * 16},
        {"object_id": "ab" * 15},
        {"object_id": "ab " * 16},
        {"received": -1.0},
        {"received": float("nan")},
        {"received": float("inf")},
        {"peer": "é" * 129},
        {"peer": "\ud800"},
        {"calling_ae": "A" * 17},
        {"called_ae": "A" * 17},
        {"sop_class": "1" * 65},
        {"transfer_syntax": "1" * 65},
        {"modality": "CT" * 9},
        {"study_tag": bytes(15)},
        {"series_tag": bytes(17)},
        {"instance_tag": b"\0"},
        {"size": -1},
        {"size": 1 << 63},
        {"data_set_digest": b""},
        {"payload_digest": bytes(31)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_value_that_does_not_fit_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(RecordFieldRefused) as refusal:
        records.encode(replace(RECORD, **change), KEY)
    name = next(iter(change))
    assert name in str(refusal.value) or name.endswith("digest")
    assert str(change[name]) == "" or str(change[name]) not in str(refusal.value)


def test_a_peer_name_of_64_characters_fits_whatever_they_are() -> None:
    record = replace(RECORD, peer="\U0001f98a" * 64)
    assert records.decode(records.encode(record, KEY))[0] == record


@given(st.one_of(st.binary(max_size=700), st.binary(min_size=626, max_size=626).map(lambda b: b"\0\1" + b)))
def test_junk_is_a_record_or_refused_by_name(layout: bytes) -> None:
    try:
        records.decode(layout)
        assert len(layout) == records.LAYOUT
    except SealError:
        pass


@given(RECORDS, st.integers(0, 627), st.integers(1, 255))
def test_one_changed_byte_is_another_record_or_refused(record: Record, place: int, change: int) -> None:
    layout = bytearray(records.encode(record, KEY))
    layout[place] ^= change
    try:
        found, key = records.decode(bytes(layout))
    except (RecordMalformed, RecordUnsupported):
        return
    assert records.encode(found, key) == layout, "there is one layout only for a record"


def test_needs_its_own_index_key() -> None:
    header = header_with(records.seal(RECORD, KEY, INDEX_KEY, bytes(32)))
    with pytest.raises(RecordTampered):
        open_record(header, IndexKey(bytes(32)))


def test_each_salt_gives_another_stanza() -> None:
    assert records.seal(RECORD, KEY, INDEX_KEY, bytes(32)).body != records.seal(RECORD, KEY, INDEX_KEY, b"\1" * 32).body


def test_a_header_without_a_record() -> None:
    with pytest.raises(RecordMissing):
        open_record(header_with(), INDEX_KEY)


def test_a_stanza_that_was_moved_to_another_header() -> None:
    stanza = records.seal(RECORD, KEY, INDEX_KEY, bytes(32))
    with pytest.raises(HeaderTampered):
        open_record(header_with(stanza, key=mac_key(b"\1" * 16)), INDEX_KEY)


@pytest.mark.parametrize("arguments", [(), ("AAAA",), ("A" * 42 + "B",), ("~",), ("A" * 43, "more")], ids=str)
def test_a_record_stanza_without_its_form(arguments: tuple[str, ...]) -> None:
    body = records.seal(RECORD, KEY, INDEX_KEY, bytes(32)).body
    with pytest.raises(RecordMalformed):
        open_record(header_with(Stanza((records.TYPE, *arguments), body)), INDEX_KEY)


def test_two_records_are_one_too_many() -> None:
    stanza = records.seal(RECORD, KEY, INDEX_KEY, bytes(32))
    with pytest.raises(RecordMalformed):
        open_record(header_with(stanza, stanza), INDEX_KEY)
