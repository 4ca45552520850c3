from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal.digest import DIGEST, KeyedDigest
from tests.seal import stranger

# RFC 8439 2.5.2
KEY = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
MESSAGE = b"Cryptographic Forum Research Group"
TAG = bytes.fromhex("a8061dc1305136c6c22b8baf0c0127a9")
PRF = bytes(range(32))


def digest(*pieces: bytes, hash_key: bytes = KEY, prf_key: bytes = PRF) -> bytes:
    running = KeyedDigest(hash_key, prf_key)
    for piece in pieces:
        running.update(piece)
    return running.digest()


def test_is_hmac_over_poly1305_of_the_rfc() -> None:
    assert stranger.poly1305(KEY, MESSAGE) == TAG
    assert digest(MESSAGE) == hmac.digest(PRF, TAG, "sha256")
    assert len(digest(MESSAGE)) == DIGEST


def test_the_hash_itself_is_never_shown() -> None:
    assert TAG not in digest(MESSAGE)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_pieces_do_not_matter_and_a_second_reading_agrees(data: bytes, cut: int) -> None:
    assert digest(data[:cut], data[cut:]) == digest(data)
    assert digest(data) == hmac.digest(PRF, stranger.poly1305(KEY, data), "sha256")


def test_lengths_and_zeros_are_told_apart() -> None:
    zeros = [digest(bytes(length)) for length in range(100)]
    assert len(set(zeros)) == len(zeros)


def test_both_keys_count() -> None:
    assert len({digest(MESSAGE), digest(MESSAGE, hash_key=PRF), digest(MESSAGE, prf_key=KEY)}) == 3


def test_may_be_asked_twice() -> None:
    running = KeyedDigest(KEY, PRF)
    running.update(MESSAGE)
    assert running.digest() == running.digest() == digest(MESSAGE)


def test_takes_nothing_after_its_end() -> None:
    running = KeyedDigest(KEY, PRF)
    running.digest()
    with pytest.raises(Exception, match="finalized"):
        running.update(b"more")
