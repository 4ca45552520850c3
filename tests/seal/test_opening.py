from __future__ import annotations

import os
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.seal.armor import armor
from appliance.seal.errors import NoIdentityMatches, PayloadTruncated, SealError
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening, open_object, open_record, read_header, verify
from tests.seal.objects import CHUNK, CLASSICAL, FACTS, HYBRID, INDEX_KEY, opened, sealed

SMALL = sealed(b"data set", head=b"head")


def test_every_flipped_bit_is_refused_with_an_identity_and_with_the_index_key() -> None:
    for place in range(len(SMALL)):
        for bit in range(8):
            data = bytearray(SMALL)
            data[place] ^= 1 << bit
            with pytest.raises(SealError):
                opened(bytes(data))
            with pytest.raises(SealError):
                verify(BytesIO(data), INDEX_KEY)


def test_every_truncation_is_refused() -> None:
    for size in range(len(SMALL)):
        with pytest.raises(SealError):
            opened(SMALL[:size])
        with pytest.raises(SealError):
            verify(BytesIO(SMALL[:size]), INDEX_KEY)


def test_anything_behind_is_refused() -> None:
    for junk in (b"\0", SMALL, bytes(CHUNK + 16)):
        with pytest.raises(SealError):
            opened(SMALL + junk)
        with pytest.raises(SealError):
            verify(BytesIO(SMALL + junk), INDEX_KEY)


def test_truncation_around_the_borders_of_chunks_is_refused() -> None:
    data = sealed(bytes(3 * CHUNK))
    start = read_header(BytesIO(data)).size + 16
    for border in range(start, len(data), CHUNK + 16):
        for size in (border - 1, border, border + 1, border + 16):
            with pytest.raises(SealError):
                opened(data[:size])


def test_takes_the_identity_that_fits() -> None:
    others = [generate_identity("classical"), HYBRID]
    opening = Opening(BytesIO(SMALL), [*others, CLASSICAL])
    assert b"".join(bytes(chunk) for chunk in opening) == b"headdata set"
    with pytest.raises(NoIdentityMatches):
        Opening(BytesIO(SMALL), others)
    with pytest.raises(NoIdentityMatches):
        Opening(BytesIO(SMALL), [])


def test_reads_the_record_with_and_without_an_identity() -> None:
    opening = Opening(BytesIO(SMALL), [CLASSICAL])
    record = open_record(read_header(BytesIO(SMALL)), INDEX_KEY)
    assert opening.record(INDEX_KEY) == record == verify(BytesIO(SMALL), INDEX_KEY)
    assert (record.object_id, record.size) == (FACTS.object_id, 8)


def test_chunks_come_one_by_one_and_the_end_is_marked() -> None:
    opening = Opening(BytesIO(sealed(bytes(CHUNK + 1))), [CLASSICAL])
    assert [len(opening.read_chunk()), opening.whole] == [CHUNK, False]
    assert [len(opening.read_chunk()), opening.whole] == [1, True]
    assert len(opening.read_chunk()) == 0


def test_reads_into_buffers_of_any_size() -> None:
    data_set = bytes(range(256)) * 600
    opening = Opening(BytesIO(sealed(data_set)), [CLASSICAL])
    assert opening.read_into(bytearray()) == 0
    found = b""
    buffer = bytearray(16384 + 1)
    while count := opening.read_into(buffer):
        found += buffer[:count]
    assert found == data_set
    assert opening.whole


def test_reading_into_a_buffer_and_by_chunk_go_together() -> None:
    opening = Opening(BytesIO(sealed(b"abcdef")), [CLASSICAL])
    buffer = bytearray(2)
    assert (opening.read_into(buffer), buffer) == (2, b"ab")
    assert bytes(opening.read_chunk()) == b"cdef"
    assert opening.read_into(buffer) == 0


def test_needs_no_seeking() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, SMALL)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        assert b"".join(bytes(chunk) for chunk in Opening(file, [CLASSICAL])) == b"headdata set"


def test_memory_does_not_grow_with_the_object() -> None:
    file = BytesIO(sealed(bytes(16 << 20)))
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in Opening(file, [CLASSICAL])) == 16 << 20
        file.seek(0)
        verify(file, INDEX_KEY)
        assert tracemalloc.get_traced_memory()[1] < 400_000
    finally:
        tracemalloc.stop()


def test_opens_a_file_into_another(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm.age"
    path.write_bytes(sealed(bytes(100000), head=b"head", recipients=[HYBRID.recipient]))
    with (tmp_path / "plain").open("wb") as out:
        assert open_object(path, [HYBRID], out) == 100004
    assert (tmp_path / "plain").read_bytes() == b"head" + bytes(100000)


def test_a_file_that_is_cut_raises_and_hands_out_whole_chunks_only(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm.age"
    data = sealed(bytes(CHUNK) + b"end")
    path.write_bytes(data[: -3 - 16])
    out = BytesIO()
    with pytest.raises(PayloadTruncated):
        open_object(path, [CLASSICAL], out)
    assert out.getvalue() == bytes(CHUNK)


def test_a_file_that_cannot_be_read_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        open_object(tmp_path / "missing", [CLASSICAL], BytesIO())


def test_opens_an_armored_file(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm.age"
    path.write_bytes(b"".join(armor([SMALL])))
    out = BytesIO()
    assert (open_object(path, [CLASSICAL], out), out.getvalue()) == (12, b"headdata set")
