from __future__ import annotations

import io

import pytest

from appliance.seal.index_key import IndexKey
from appliance.seal.journal import HEAD, MAGIC, SALT, FrameReader, FrameSealer

KEY = IndexKey(bytes(range(32)))
CONTENTS = [b"", b"x", b"y" * 70_000]


def sealed(number: int = 7) -> bytes:
    sealer = FrameSealer(KEY, number, bytes(SALT))
    return sealer.head + b"".join(sealer.seal(content) for content in CONTENTS)


def read(content: bytes, number: int = 7, key: IndexKey = KEY) -> tuple[list[bytes], bool, bool]:
    reader = FrameReader(io.BufferedReader(io.BytesIO(content)), key, number)  # type: ignore[type-var]
    found = list(reader)
    return found, reader.torn, reader.damaged


def test_frames_come_back_in_order() -> None:
    assert sealed().startswith(MAGIC)
    assert read(sealed()) == (CONTENTS, False, False)


def test_a_file_under_another_number_or_key_is_none_of_ours() -> None:
    assert read(sealed(), number=8) == ([], False, True)
    assert read(sealed(), key=IndexKey(bytes(32))) == ([], False, True)
    assert read(b"") == ([], False, True)
    assert read(sealed()[:HEAD]) == ([], False, True)


def test_frames_cannot_be_swapped_or_left_out() -> None:
    sealer = FrameSealer(KEY, 7, bytes(SALT))
    first, second, third = (sealer.seal(content) for content in (b"1", b"2", b"3"))
    assert read(sealer.head + first + third) == ([b"1"], True, False)
    assert read(sealer.head + first + third + second) == ([b"1"], True, False)


@pytest.mark.parametrize("junk", [b"\0", bytes(4), b"\xff" * 100, b"\0\0\0\x10" + bytes(16)])
def test_junk_behind_is_a_torn_end(junk: bytes) -> None:
    assert read(sealed() + junk) == (CONTENTS, True, False)


def test_every_cut_gives_the_whole_frames_before_it() -> None:
    sealer = FrameSealer(KEY, 7, bytes(SALT))
    frames = [sealer.seal(content) for content in (b"", b"one", b"three")]
    content = sealer.head + b"".join(frames)
    ends = [HEAD + sum(map(len, frames[:count])) for count in range(4)]
    for end in range(len(content) + 1):
        found, torn, damaged = read(content[:end])
        whole = sum(end >= each for each in ends[1:])
        assert len(found) == whole
        assert damaged == (whole == 0)
        assert torn == (end > HEAD and end not in ends)
