from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from appliance.seal.errors import FinalChunkEmpty, PayloadTampered, PayloadTrailing, PayloadTruncated, SealError
from appliance.seal.stream import CHUNK, SEALED_CHUNK, PayloadReader, chunk_nonce, payload_cipher

FILE_KEY, NONCE = bytes(range(16)), bytes(range(16, 32))
CIPHER = payload_cipher(FILE_KEY, NONCE)


def chunk(counter: int, final: bool, plaintext: bytes) -> bytes:
    return CIPHER.encrypt(chunk_nonce(counter, final), plaintext, None)


FULL = bytes(CHUNK)
FIRST, LAST = chunk(0, False, FULL), chunk(1, True, b"end")


def read(payload: bytes) -> tuple[bytes, SealError | None]:
    """Everything that was handed out, and what was raised then."""
    plaintext = b""
    try:
        reader = PayloadReader(BytesIO(payload), FILE_KEY)
        while data := reader.read_chunk():
            plaintext += data
        assert reader.whole
    except SealError as error:
        return plaintext, error
    return plaintext, None


def test_counts_big_endian_and_marks_the_last() -> None:
    assert chunk_nonce(0, False) == bytes(12)
    assert chunk_nonce(258, True) == bytes(9) + b"\1\2\1"


@pytest.mark.parametrize(
    ("chunks", "plaintext"),
    [
        ([chunk(0, True, b"")], b""),
        ([chunk(0, True, b"x")], b"x"),
        ([chunk(0, True, FULL)], FULL),
        ([FIRST, LAST], FULL + b"end"),
        ([FIRST, chunk(1, True, FULL)], FULL + FULL),
    ],
)
def test_reads_a_whole_payload(chunks: list[bytes], plaintext: bytes) -> None:
    assert read(NONCE + b"".join(chunks)) == (plaintext, None)


@pytest.mark.parametrize(
    ("payload", "error", "handed_out"),
    [
        (b"", PayloadTruncated, 0),
        (NONCE[:15], PayloadTruncated, 0),
        (NONCE, PayloadTruncated, 0),
        (NONCE + LAST[:15], PayloadTruncated, 0),
        (NONCE + FIRST, PayloadTruncated, 1),
        (NONCE + FIRST + LAST[:15], PayloadTruncated, 1),
        (NONCE + FIRST + LAST[:-1], PayloadTampered, 1),
        (NONCE + chunk(0, False, b"short"), PayloadTruncated, 0),
        (NONCE + chunk(0, True, FULL) + b"x", PayloadTrailing, 1),
        (NONCE + chunk(0, True, FULL) + LAST, PayloadTrailing, 1),
        (NONCE + chunk(0, True, b"short") + b"x", PayloadTampered, 0),
        (NONCE + FIRST + chunk(1, True, b""), FinalChunkEmpty, 1),
        (NONCE + FIRST + chunk(1, False, b""), PayloadTruncated, 1),
        (NONCE + LAST, PayloadTampered, 0),
        (NONCE + FIRST + FIRST + LAST, PayloadTampered, 1),
        (NONCE + FIRST + chunk(2, True, b"end"), PayloadTampered, 1),
        (NONCE + FIRST[:-1] + bytes([FIRST[-1] ^ 1]) + LAST, PayloadTampered, 0),
        (bytes(16) + FIRST + LAST, PayloadTampered, 0),
    ],
)
def test_says_what_is_wrong_and_hands_out_authentic_chunks_only(
    payload: bytes, error: type[SealError], handed_out: int
) -> None:
    plaintext, raised = read(payload)
    assert type(raised) is error
    assert plaintext == FULL * handed_out


def test_a_failed_reader_stays_failed() -> None:
    reader = PayloadReader(BytesIO(NONCE + FIRST + b"junk" * 10 + LAST), FILE_KEY)
    assert len(reader.read_chunk()) == CHUNK
    for _ in range(3):
        with pytest.raises(PayloadTampered):
            reader.read_chunk()
    assert not reader.whole


def test_the_end_stays_the_end() -> None:
    reader = PayloadReader(BytesIO(NONCE + chunk(0, True, b"x")), FILE_KEY)
    assert not reader.whole
    assert [bytes(reader.read_chunk()) for _ in range(3)] == [b"x", b"", b""]
    assert reader.whole


class Dribbling(BytesIO):
    """A file that gives a few bytes at a time, and can't seek."""

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(memoryview(buffer)[:1000])

    def seek(self, *_: Any) -> int:
        raise AssertionError("no seeking")


def test_needs_neither_full_reads_nor_seeking() -> None:
    reader = PayloadReader(Dribbling(NONCE + FIRST + LAST), FILE_KEY)
    assert (len(reader.read_chunk()), bytes(reader.read_chunk())) == (CHUNK, b"end")


def test_sizes_are_those_of_age() -> None:
    assert (CHUNK, SEALED_CHUNK) == (64 * 1024, 64 * 1024 + 16)
