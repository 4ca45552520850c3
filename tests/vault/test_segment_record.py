from __future__ import annotations

import os

import pytest

from appliance.base import limits
from appliance.vault.segment_record import BLOCK, HEAD, encode, parse_head, size_of

SEGMENT = "5e" * 16
OBJECT = "ab" * 16


def _found(data: bytes, segment_id: str = SEGMENT) -> bytes | None:
    """The sealed object in a record, as a reader gets it."""
    head = parse_head(data[:HEAD], segment_id)
    if head is None:
        return None
    sealed = data[HEAD : HEAD + head.length]
    return sealed if head.covers(sealed) else None


@pytest.mark.parametrize("length", [1, BLOCK - HEAD, BLOCK - HEAD + 1, 17_000, limits.SEGMENT_RECORD.default])
def test_what_was_written_is_found_and_fills_whole_blocks(length: int) -> None:
    sealed = os.urandom(length)
    record = encode(SEGMENT, OBJECT, 4096, sealed[: length // 3], sealed[length // 3 :])
    head = parse_head(record, SEGMENT)
    assert head is not None
    assert (head.object_id, head.settled, head.length, head.size) == (OBJECT, 4096, length, len(record))
    assert _found(record) == sealed
    assert len(record) == size_of(length)
    assert len(record) % BLOCK == 0
    assert len(record) - HEAD - length < BLOCK


@pytest.mark.parametrize("behind", ["zeros", "an older record", "noise"])
def test_a_write_that_was_cut_off_at_any_byte_is_never_taken_for_a_record(behind: str) -> None:
    record = encode(SEGMENT, OBJECT, 0, os.urandom(500), os.urandom(4500))
    older = encode("01" * 16, OBJECT, 0, os.urandom(500), os.urandom(4500))
    remains = {"zeros": bytes(len(record)), "an older record": older, "noise": os.urandom(len(record))}[behind]
    end = HEAD + 5000
    for cut in range(end):
        torn = record[:cut] + remains[cut:]
        assert _found(torn) is None or torn[:end] == record[:end], cut
    for cut in range(end):  # and the other way round: the medium writes in no order
        torn = remains[:cut] + record[cut:]
        assert _found(torn) is None or torn[:end] == record[:end], cut
    assert _found(record[:end] + remains[end:]) is not None


def test_any_flipped_bit_is_noticed() -> None:
    record = encode(SEGMENT, OBJECT, 0, b"header", b"payload")
    for at in range(HEAD + 13):
        for bit in range(8):
            flipped = bytearray(record)
            flipped[at] ^= 1 << bit
            assert _found(bytes(flipped)) is None, at


def test_a_record_of_another_life_of_the_file_is_none() -> None:
    record = encode(SEGMENT, OBJECT, 0, b"header", b"payload")
    assert _found(record, "5f" * 16) is None


def test_nothing_and_too_little_is_no_record() -> None:
    record = encode(SEGMENT, OBJECT, 0, b"header", b"payload")
    assert parse_head(b"", SEGMENT) is None
    assert parse_head(record[: HEAD - 1], SEGMENT) is None
    assert parse_head(bytes(BLOCK), SEGMENT) is None


def test_a_length_beyond_any_that_is_written_is_not_believed() -> None:
    """However its sum checks out: what is read into memory is bounded."""
    long = encode(SEGMENT, OBJECT, 0, b"", bytes(limits.SEGMENT_RECORD.ceiling + 1))
    assert parse_head(long, SEGMENT) is None
    assert parse_head(encode(SEGMENT, OBJECT, 0, b"", b""), SEGMENT) is None
