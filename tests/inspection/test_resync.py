"""Finding headers again."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.resync import Search, find_header
from tests.inspection.wire import associate, p_data, pdv, store

LIMIT = 1 << 24


def test_a_header_in_the_middle_of_bulk_data_is_found() -> None:
    bulk = random.Random(3).randbytes(5000)
    assert find_header(bulk + p_data(pdv(1, 2, bytes(500))), LIMIT) == (5000, False)
    assert find_header(bulk + associate(), LIMIT) == (5000, True)


def test_the_first_of_several_counts() -> None:
    assert find_header(b"xx" + p_data(pdv(1, 0, b"abcdef")) + associate(), LIMIT) == (2, False)
    assert find_header(b"xx" + associate() + p_data(pdv(1, 0, b"abcdef")), LIMIT) == (2, True)


def test_pixels_are_no_headers() -> None:
    """Dark 16-bit pixels, zeros, ramps, and 4 MiB of noise."""
    ramp = b"".join(value.to_bytes(2, "little") for value in range(65536))
    noise = random.Random(5).randbytes(4 << 20)
    for pixels in (b"\x04\0" * 20000, bytes(40000), b"\x04\0\0\0" * 10000, ramp, noise):
        assert find_header(pixels, LIMIT) is None


def test_a_header_longer_than_believed_is_none() -> None:
    assert find_header(p_data(pdv(1, 2, bytes(500))), 400) is None


def test_a_split_header_is_found() -> None:
    whole = random.Random(9).randbytes(300) + store(40000)[200:]
    wanted = find_header(whole, LIMIT)
    assert wanted is not None
    for step in (1, 5, 41, 100):
        search, found = Search(), None
        for at in range(0, len(whole), step):
            found = search.feed(whole[at : at + step], LIMIT)
            if found:
                break
        assert found is not None
        assert whole[wanted[0] :].startswith(found[0])


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_a_search_keeps_little(pieces: list[bytes]) -> None:
    search = Search()
    for piece in pieces:
        search.feed(piece, LIMIT)
        assert len(search._carry) < 42
