from __future__ import annotations

import os
import tracemalloc
from functools import cache
from io import BufferedReader, BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import LocalError
from appliance.seal.errors import (
    FinalChunkEmpty,
    NoIdentityMatches,
    PayloadTampered,
    PayloadTrailing,
    PayloadTruncated,
    SealError,
)
from appliance.seal.header import read_header
from appliance.seal.seeking import SeekableOpening
from tests.seal.objects import CHUNK, CLASSICAL, HYBRID, INDEX_KEY, sealed
from tests.seal.vector import FOLDER, Vector

PLAIN = bytes(range(251)) * 800  # four chunks, the last short; no period that a chunk has
DATA = sealed(PLAIN)
START = read_header(BytesIO(DATA)).size + 16
SEALED = CHUNK + 16


@cache
def of_size(size: int) -> bytes:
    return sealed(bytes(size))


def opening(data: bytes = DATA) -> SeekableOpening:
    return SeekableOpening(BytesIO(data), [CLASSICAL])


@given(st.lists(st.tuples(st.integers(0, len(PLAIN) + 5), st.integers(0, 3 * CHUNK)), min_size=1, max_size=5))
def test_any_ranges_in_any_order(ranges: list[tuple[int, int]]) -> None:
    whole = opening()
    for start, length in ranges:
        assert b"".join(bytes(piece) for piece in whole.pieces(start, start + length)) == PLAIN[start : start + length]
        buffered = BufferedReader(whole)
        buffered.seek(start)
        assert buffered.read(length) == PLAIN[start : start + length]
        buffered.detach()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_the_size_and_the_end(size: int) -> None:
    whole = opening(of_size(size))
    assert whole.size == size == whole.seek(0, os.SEEK_END)
    assert whole.read(1) == b""
    assert whole.seek(-min(size, 3), os.SEEK_END) == size - min(size, 3)
    assert whole.read() == bytes(min(size, 3))
    assert b"".join(bytes(piece) for piece in whole.pieces()) == bytes(size)


def test_is_a_file() -> None:
    whole = opening()
    assert whole.readable() and whole.seekable() and not whole.writable()
    assert (whole.seek(70000), whole.seek(5, os.SEEK_CUR), whole.tell()) == (70000, 70005, 70005)
    assert (whole.read(3), whole.tell()) == (PLAIN[70005:70008], 70008)
    assert (whole.seek(len(PLAIN) + 9), whole.read(1)) == (len(PLAIN) + 9, b"")
    for offset, whence in ((-1, os.SEEK_SET), (0, 7)):
        with pytest.raises(LocalError):
            whole.seek(offset, whence)
    whole.seek(0)
    assert whole.readall() == PLAIN


def test_an_object_that_does_not_start_its_file() -> None:
    file = BytesIO(b"before" + DATA)
    file.seek(6)
    assert SeekableOpening(file, [CLASSICAL]).read(7) == PLAIN[:7]


def test_header_and_record_are_there_at_once() -> None:
    record = opening().record(INDEX_KEY)
    assert record.size == len(PLAIN)
    with pytest.raises(NoIdentityMatches):
        SeekableOpening(BytesIO(DATA), [HYBRID])


def test_every_place_of_a_cut_is_known_before_a_byte_is_handed_out() -> None:
    borders = range(START, len(DATA), SEALED)
    around = {place + step for place in (*borders, len(DATA)) for step in (-17, -16, -15, -1, 0, 1, 15, 16, 17)}
    for size in sorted(place for place in around if place < len(DATA)):
        with pytest.raises(SealError) as refusal:
            opening(DATA[:size])
        assert type(refusal.value) in (PayloadTruncated, PayloadTampered) or size < START
    for border in borders:
        with pytest.raises(PayloadTruncated):
            opening(DATA[:border])


def test_what_follows_the_end_is_known() -> None:
    for junk in (1, 15, 16, 17, CHUNK, CHUNK + 16):
        with pytest.raises(PayloadTrailing):
            opening(of_size(CHUNK) + bytes(junk))
        for size in (0, 1, CHUNK - 1, CHUNK + 1):
            with pytest.raises((PayloadTampered, PayloadTruncated)):
                opening(of_size(size) + bytes(junk))


def test_an_empty_last_chunk_and_moved_chunks() -> None:
    chunks = [DATA[start:end] for start, end in pairwise([*range(START, len(DATA), SEALED), len(DATA)])]
    swapped = opening(DATA[:START] + chunks[1] + chunks[0] + b"".join(chunks[2:]))
    assert b"".join(bytes(piece) for piece in swapped.pieces(2 * CHUNK)) == PLAIN[2 * CHUNK :]
    with pytest.raises(PayloadTampered, match="chunk 0 "):
        swapped.read(1)
    with pytest.raises(FinalChunkEmpty):
        opening(Vector.read(FOLDER / "final_chunk_empty.txt").object)


def test_a_changed_chunk_is_refused_whenever_it_is_read_and_its_neighbours_are_not() -> None:
    data = bytearray(DATA)
    data[START + SEALED + 100] ^= 1
    whole = opening(bytes(data))
    for _ in range(2):
        assert next(whole.pieces(5, 9)) == PLAIN[5:9]
        for _ in range(2):
            with pytest.raises(PayloadTampered, match="chunk 1 "):
                list(whole.pieces(CHUNK, CHUNK + 1))
    assert bytes(next(whole.pieces(2 * CHUNK, 2 * CHUNK + 4))) == PLAIN[2 * CHUNK : 2 * CHUNK + 4]


def test_a_file_that_changes_under_the_reader_gives_nothing_that_was_not_sealed() -> None:
    file = BytesIO(DATA)
    whole = SeekableOpening(file, [CLASSICAL])
    file.truncate(START + 100)
    with pytest.raises(PayloadTampered):
        next(whole.pieces(0, 1))


def test_a_chunk_is_read_once_as_long_as_reading_stays_in_it() -> None:
    class Counting(BytesIO):
        reads = 0

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            self.reads += 1
            return super().readinto(buffer)

    file = Counting(DATA)
    whole = SeekableOpening(file, [CLASSICAL])
    for _ in range(1000):
        assert whole.read(100)
    assert file.reads == 1 + 2  # the last chunk, the first, the second


def test_memory_does_not_grow_with_the_object() -> None:
    file = BytesIO(sealed(bytes(16 << 20)))
    tracemalloc.start()
    try:
        whole = SeekableOpening(file, [CLASSICAL])
        assert sum(len(piece) for piece in whole.pieces()) == 16 << 20
        assert tracemalloc.get_traced_memory()[1] < 400_000
    finally:
        tracemalloc.stop()
