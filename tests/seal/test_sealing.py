from __future__ import annotations

import hashlib
import hmac
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.base.errors import LocalError
from appliance.seal.errors import RecipientsRefused, RecordFieldRefused
from appliance.seal.keys import Recipient, generate_identity
from appliance.seal.opening import open_record, read_header
from appliance.seal.sealing import AHEAD, BLOCK, INLINE, Lane, Sealing, Workspace
from tests.seal.objects import CHUNK, CLASSICAL, FACTS, HYBRID, INDEX_KEY, drawn, opened, sealed

LARGE = (INLINE + 3) * BLOCK
EDGES = [0, 1, 15, 16, 65520, 65535, 65536, 65537, 131071, 131072, 131073, 200000]


def pattern(size: int) -> bytes:
    """Bytes that do not repeat at chunk borders."""
    return hashlib.shake_128(b"pattern").digest(size)


@pytest.mark.parametrize("size", EDGES)
def test_round_trips_at_the_edges_of_chunks(size: int) -> None:
    data_set = pattern(size)
    for head in (b"", b"head", pattern(CHUNK)):
        assert opened(sealed(data_set, head=head)) == head + data_set


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("piece", [16384, 65535, 65536, 65537, 150000])
def test_the_pieces_of_writing_do_not_show(size: int, piece: int) -> None:
    data = pattern(size)
    whole = sealed(data, random=drawn("same"))
    assert sealed(data, random=drawn("same"), cuts=range(piece, size, piece)) == whole


@settings(max_examples=40)
@given(st.sampled_from(EDGES), st.lists(st.integers(0, 200000), max_size=8), st.integers(0, 70000))
def test_any_division_into_writes_gives_the_same_object(size: int, cuts: list[int], head: int) -> None:
    data = pattern(size)
    cuts = [cut for cut in cuts if cut <= size]
    whole = sealed(data, head=pattern(head), random=drawn("same"))
    assert sealed(data, head=pattern(head), random=drawn("same"), cuts=cuts) == whole


def test_memory_that_is_used_anew_after_a_write_does_not_matter() -> None:
    payload = bytearray()
    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, payload.extend)
    buffer = bytearray(1000)
    for value in range(200):
        buffer[:] = bytes([value]) * 1000
        sealing.write(memoryview(buffer))
    buffer[:] = bytes(1000)
    data = sealing.finish(FACTS) + bytes(payload)
    assert opened(data) == b"".join(bytes([value]) * 1000 for value in range(200))


@pytest.mark.parametrize("kind", ["classical", "hybrid"])
@pytest.mark.parametrize("count", [1, 2, 3, 32])
def test_header_size_is_known_before_anything_is_written(kind: str, count: int) -> None:
    identity = CLASSICAL if kind == "classical" else HYBRID
    recipients: list[Recipient] = [generate_identity(identity.kind).recipient] * (count - 1)
    data = sealed(b"x" * 1000, recipients=[*recipients, identity.recipient])
    assert opened(data, identity) == b"x" * 1000
    assert read_header(BytesIO(data)).size == len(data) - 1000 - 32


def test_header_size_does_not_depend_on_what_the_record_says() -> None:
    bare = replace(FACTS, peer="", calling_ae="", called_ae="", modality="", study_tag=b"", series_tag=b"")
    assert len(sealed(b"x", facts=bare)) == len(sealed(b"x", facts=replace(FACTS, peer="ü" * 64)))


def test_the_record_says_what_was_sealed() -> None:
    data_set = pattern(100001)
    data = sealed(data_set, head=b"file meta", cuts=[5, 70000])
    header = read_header(BytesIO(data))
    record = open_record(header, INDEX_KEY)
    digest, payload = INDEX_KEY.data_set_digest(), INDEX_KEY.payload_digest()
    digest.update(data_set)
    payload.update(data[header.size :])
    assert {name: getattr(record, name) for name in FACTS.__dataclass_fields__} == {
        name: getattr(FACTS, name) for name in FACTS.__dataclass_fields__
    }
    assert record.size == 100001
    assert hmac.compare_digest(record.data_set_digest, digest.digest())
    assert record.payload_digest == payload.digest()


def test_equal_data_sets_have_equal_digests_and_unequal_objects() -> None:
    one, two = sealed(b"same", head=b"a"), sealed(b"same", head=b"b")
    first, second = (open_record(read_header(BytesIO(data)), INDEX_KEY) for data in (one, two))
    assert first.data_set_digest == second.data_set_digest
    assert first.payload_digest != second.payload_digest
    assert sealed(b"same") != sealed(b"same")


def test_without_a_data_set_its_size_is_zero() -> None:
    payload = bytearray()
    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, payload.extend)
    sealing.write(b"a commitment request")
    header = sealing.finish(FACTS)
    record = open_record(read_header(BytesIO(header)), INDEX_KEY)
    assert (record.size, record.data_set_digest) == (0, INDEX_KEY.data_set_digest().digest())
    assert opened(header + bytes(payload)) == b"a commitment request"


def test_nothing_of_the_plaintext_or_the_record_is_in_the_object() -> None:
    data = sealed(b"1.2.840.99999.1 DOE^JANE " * 20000, head=b"DICM file meta")
    plain = (b"DOE^JANE", b"DICM file", b"1.2.840.99999")
    for word in (*plain, b"CT_SOMATOM1", b"EDGE01", FACTS.object_id.encode(), FACTS.study_tag):
        assert word not in data


def test_the_sink_is_called_once_a_block_and_gets_the_nonce_first() -> None:
    sizes: list[int] = []
    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, lambda piece: sizes.append(len(piece)))
    sealing.write(pattern(2 * BLOCK))
    assert sizes == [16 + 2 * (CHUNK + 16)], "the second block may still hold the final chunk"
    sealing.write(b"x")
    sealing.finish(FACTS)
    assert sizes == [16 + 2 * (CHUNK + 16), 2 * (CHUNK + 16), 17]


class Late:
    """A lane that does nothing before it must: what was given is done when there is more than AHEAD of it, or in
    `wait`."""

    def __init__(self) -> None:
        self.given: list[Callable[[], None]] = []
        self.had = False

    def run(self, work: Callable[[], None]) -> None:
        self.had = True
        self.given.append(work)
        if len(self.given) > AHEAD:
            self.given.pop(0)()

    def wait(self) -> None:
        while self.given:
            self.given.pop(0)()


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK, LARGE, LARGE + 1, LARGE + 4 * BLOCK + 5])
@pytest.mark.parametrize("head", [b"", b"head", pattern(BLOCK), pattern(2 * BLOCK + 1)])
def test_a_lane_that_lags_changes_nothing(size: int, head: bytes) -> None:
    def seal(lane: Lane | None, workspace: Workspace | None) -> bytes:
        payload = bytearray()
        sealing = Sealing(
            [CLASSICAL.recipient], INDEX_KEY, payload.extend, drawn("same"), workspace=workspace, lane=lane
        )
        sealing.write(head)
        sealing.begin_data_set()
        sealing.write(pattern(size))
        return sealing.finish(FACTS) + bytes(payload)

    used, late = Workspace(), Late()
    whole = seal(None, used)
    assert opened(whole) == head + pattern(size)
    assert seal(late, used) == whole
    assert late.had == (len(head) + size > (INLINE + 1) * BLOCK)


def test_an_error_of_the_sink_passes_through() -> None:
    def full(_: memoryview) -> None:
        raise OSError(28, "No space left on device")

    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, full)
    sealing.write(pattern(BLOCK))
    with pytest.raises(OSError, match="No space left"):
        sealing.write(b"more")


def test_memory_does_not_grow_with_the_object() -> None:
    sealing = Sealing([HYBRID.recipient], INDEX_KEY, len)
    sealing.begin_data_set()
    block = bytes(1 << 20)
    tracemalloc.start()
    try:
        for _ in range(16):
            sealing.write(block)
        sealing.finish(FACTS)
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


def test_a_field_that_does_not_fit_refuses_the_object() -> None:
    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, len)
    with pytest.raises(RecordFieldRefused, match="modality"):
        sealing.finish(replace(FACTS, modality="MODALITY TOO LONG"))


def test_is_finished_once() -> None:
    sealing = Sealing([CLASSICAL.recipient], INDEX_KEY, len)
    sealing.begin_data_set()
    with pytest.raises(LocalError):
        sealing.begin_data_set()
    sealing.finish(FACTS)
    for act in (lambda: sealing.write(b""), lambda: sealing.finish(FACTS), sealing.begin_data_set):
        with pytest.raises(LocalError):
            act()


@pytest.mark.parametrize("recipients", [[], [CLASSICAL.recipient, HYBRID.recipient]])
def test_refuses_recipients_before_anything_is_written(recipients: list[Recipient]) -> None:
    with pytest.raises(RecipientsRefused):
        Sealing(recipients, INDEX_KEY, len)
