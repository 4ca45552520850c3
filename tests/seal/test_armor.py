from __future__ import annotations

import os
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader, BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal.armor import ArmorReader, armor, unarmored
from appliance.seal.errors import ArmorMalformed, ArmorTruncated
from appliance.seal.opening import Opening
from tests.seal.objects import CHUNK, CLASSICAL, opened, sealed

SMALL = sealed(b"data set", head=b"head")
TEXT = b"".join(armor([SMALL]))


def read(text: bytes) -> bytes:
    return BufferedReader(ArmorReader(BytesIO(text))).read()


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)), st.integers(1, 100))
def test_there_and_back_in_pieces_of_any_size(data: bytes, cuts: list[int], step: int) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    text = b"".join(armor(pieces))
    assert text == b"".join(armor([data]))
    lines = text.split(b"\n")
    assert (lines[0], lines[-2:]) == (b"-----BEGIN AGE ENCRYPTED FILE-----", [b"-----END AGE ENCRYPTED FILE-----", b""])
    assert b"".join(lines[1:-2]) == b64encode(data)
    assert {len(line) for line in lines[1:-3]} <= {64}
    reader = ArmorReader(BytesIO(text))
    found = b""
    while piece := reader.read(step):
        found += piece
    assert found == data


@given(st.binary(max_size=200))
def test_what_is_read_is_what_would_be_written(junk: bytes) -> None:
    """The other way round: text that is armor is the one text of what is in it, but for line ends and whitespace."""
    for text in (junk, TEXT[:36] + junk + TEXT[-34:], TEXT[: 35 + 65] + junk + TEXT[35 + 65 :]):
        try:
            data = read(text)
        except ArmorMalformed:
            continue
        assert b"".join(armor([data])) == text.replace(b"\r\n", b"\n").strip(b" \t\r\n") + b"\n"


def test_every_flipped_bit_and_every_truncation_is_refused_or_changes_nothing() -> None:
    for place in range(len(TEXT)):
        for bit in range(8):
            data = bytearray(TEXT)
            data[place] ^= 1 << bit
            try:
                assert read(bytes(data)) != SMALL or bytes(data).strip() == TEXT.strip()
            except ArmorMalformed:
                continue
    for size in range(len(TEXT) - 1):
        with pytest.raises(ArmorMalformed):
            read(TEXT[:size])
    assert read(TEXT[:-1]) == SMALL


def test_a_cut_is_told_from_a_mistake() -> None:
    with pytest.raises(ArmorTruncated, match="ends within"):
        read(TEXT[:-2])
    for size in (500, 34, 35):
        with pytest.raises(ArmorTruncated):
            read(TEXT[:size])
    with pytest.raises(ArmorMalformed) as refusal:
        read(TEXT[:500] + b"*" + TEXT[501:])
    assert type(refusal.value) is ArmorMalformed


@pytest.mark.parametrize("before", [b"", b"\n", b" \n", b"\r\n\t\r\n", b"\n" * 1024, b" " * 1023 + b"\n"])
def test_whitespace_before(before: bytes) -> None:
    assert read(before + TEXT) == SMALL


@pytest.mark.parametrize(
    "before", [b" ", b" " * 66, b" " * 1024, b"\n" * 1025, b" " * 1024 + b"\n", b"\x0b\n", b"\0\n"]
)
def test_whitespace_before_that_is_not_taken(before: bytes) -> None:
    with pytest.raises(ArmorMalformed):
        read(before + TEXT)


@pytest.mark.parametrize("text", [b"", b" ", b"\n" * 5000, b"-----BEGIN", TEXT[:34]])
def test_no_armor_at_all(text: bytes) -> None:
    with pytest.raises(ArmorMalformed):
        read(text)


def test_a_mistake_is_raised_again_and_after_what_came_before_it() -> None:
    reader = ArmorReader(BytesIO(TEXT[: 35 + 65] + b"*\n"))
    assert reader.read(1000) == SMALL[:48]
    for _ in range(2):
        with pytest.raises(ArmorMalformed):
            reader.read(1000)


def test_an_object_in_armor_and_one_that_is_not() -> None:
    for file in (BytesIO(TEXT), BytesIO(SMALL), BufferedReader(BytesIO(b"\n" + TEXT))):  # type: ignore[arg-type]
        assert b"".join(bytes(chunk) for chunk in Opening(unarmored(file), [CLASSICAL])) == b"headdata set"
    assert unarmored(BytesIO(b"")).read() == b""


def test_needs_no_seeking() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, TEXT)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        assert unarmored(file).read() == SMALL


def test_memory_does_not_grow_with_the_file() -> None:
    size = 6 << 20
    data = sealed(bytes(size))

    class Endless(BufferedIOBase):
        """The text of `data`, made while it is read."""

        def __init__(self) -> None:
            self._pieces: Iterator[bytes] = armor(data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
            self._left = BytesIO()

        def readline(self, limit: int | None = -1) -> bytes:  # type: ignore[override]
            line = self._left.readline(limit)
            if not line and (piece := next(self._pieces, b"")):
                self._left = BytesIO(piece)
                return self.readline(limit)
            return line

        def read(self, _size: int | None = -1) -> bytes:
            return b""

    tracemalloc.start()
    try:
        opening = Opening(BufferedReader(ArmorReader(Endless())), [CLASSICAL])
        assert sum(len(chunk) for chunk in opening) == size
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert opened(SMALL) == b"headdata set"
