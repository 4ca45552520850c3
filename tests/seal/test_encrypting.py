from __future__ import annotations

import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal.encrypting import encrypt
from appliance.seal.errors import RecipientsRefused
from appliance.seal.header import read_header
from appliance.seal.keys import Identity
from appliance.seal.opening import Opening
from appliance.seal.scrypt import ScryptIdentity, ScryptRecipient
from tests.seal.objects import CHUNK, CLASSICAL, HYBRID, drawn, opened


@pytest.mark.parametrize("identity", [CLASSICAL, HYBRID], ids=["classical", "hybrid"])
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_opens_again(identity: Identity, size: int) -> None:
    assert opened(b"".join(encrypt([bytes(size)], [identity.recipient])), identity) == bytes(size)


@given(st.lists(st.integers(0, CHUNK + 9), max_size=4))
def test_pieces_of_any_size_make_the_same_file(sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    recipients = [CLASSICAL.recipient]
    whole = b"".join(encrypt([b"".join(pieces)], recipients, drawn("x")))
    assert b"".join(encrypt(map(memoryview, pieces), recipients, drawn("x"))) == whole
    assert opened(whole) == b"".join(pieces)


def test_to_a_passphrase() -> None:
    data = b"".join(encrypt([b"plain"], ScryptRecipient("passphrase", 10)))
    assert [stanza.type for stanza in read_header(BytesIO(data)).stanzas] == ["scrypt"]
    opening = Opening(BytesIO(data), [CLASSICAL, ScryptIdentity("another"), ScryptIdentity("passphrase")])
    assert bytes(opening.read_chunk()) == b"plain"


def test_recipients_are_refused_before_anything_is_taken() -> None:
    with pytest.raises(RecipientsRefused):
        encrypt(iter(()), [])
    with pytest.raises(RecipientsRefused):
        encrypt(iter(()), [CLASSICAL.recipient, HYBRID.recipient])


def test_memory_does_not_grow_with_the_plaintext() -> None:
    piece = bytes(1 << 20)
    tracemalloc.start()
    try:
        assert sum(map(len, encrypt((piece for _ in range(16)), [CLASSICAL.recipient]))) > 16 << 20
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
