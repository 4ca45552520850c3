from __future__ import annotations

from pathlib import Path

import pytest

from appliance.delivery.file_meta import NotPart10
from appliance.delivery.keyring import Locked
from appliance.delivery.source import Source
from appliance.seal.errors import NoIdentityMatches, PayloadTruncated, SealError
from appliance.seal.keys import Identity, generate_identity
from tests.delivery.vaults import CT, EXPLICIT, MR, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def pieces(state: State, object_id: str) -> list[tuple[bytes, bool]]:
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], (CT, EXPLICIT))
        return [(bytes(piece), last) for piece, last in source.data_set()]


# Around the end of a 64 KiB chunk, whose first part is the File Meta Information.
@pytest.mark.parametrize("size", [0, 1, 2, 1000, 65000, *range(65152, 65168), 65536, 131072, 200_001])
def test_the_data_set_comes_whole_with_one_last_piece(state: State, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    got = pieces(state, state.put(content))
    assert b"".join(piece for piece, _ in got) == content
    assert [last for _, last in got] == [False] * (len(got) - 1) + [True]


def test_the_uids_are_those_of_the_file(state: State) -> None:
    object_id = state.put(uid="1.2.3.4")
    with state.layout.incoming_file(object_id).open("rb") as file:
        meta = Source(file, [state.identity], (CT, EXPLICIT)).meta
    assert (meta.sop_class, meta.sop_instance, meta.transfer_syntax) == (CT, "1.2.3.4", EXPLICIT)


def test_another_class_than_the_ledger_says_is_damage(state: State) -> None:
    object_id = state.put()
    with state.layout.incoming_file(object_id).open("rb") as file, pytest.raises(NotPart10, match="contradicts"):
        assert Source(file, [state.identity], (MR, EXPLICIT)).meta


def test_another_identity_opens_nothing(state: State) -> None:
    object_id = state.put()
    with state.layout.incoming_file(object_id).open("rb") as file, pytest.raises(NoIdentityMatches):
        assert Source(file, [generate_identity("classical")], (CT, EXPLICIT)).meta


@pytest.mark.parametrize("cut", [1, 100, 65552, 100_000])
def test_a_cut_object_never_gives_a_last_piece(state: State, cut: int) -> None:
    object_id = state.put(bytes(200_000))
    path = state.layout.incoming_file(object_id)
    path.write_bytes(path.read_bytes()[:-cut])
    given: list[bool] = []
    with path.open("rb") as file, pytest.raises((SealError, PayloadTruncated)):
        given.extend(last for _, last in Source(file, [state.identity], (CT, EXPLICIT)).data_set())
    assert not any(given)


@pytest.mark.parametrize("size", [0, 1, 2, 1000, 65000, *range(65152, 65168), 65536, 131072, 200_001])
def test_the_whole_file_has_the_size_that_was_said(state: State, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    with state.layout.incoming_file(state.put(content)).open("rb") as file:
        source = Source(file, [state.identity], (CT, EXPLICIT))
        whole = b"".join(bytes(piece) for piece in source.part10())
        assert source.size == len(whole)
        assert whole[source.meta.data_set_offset :] == content


def test_an_object_is_opened_when_it_is_asked_for_what_is_in_it(state: State) -> None:
    def locked() -> list[Identity]:
        raise Locked("locked")

    object_id = state.put()
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, locked, (CT, EXPLICIT), object_id)
        assert source.sealed.read() == state.layout.incoming_file(object_id).read_bytes()
        with pytest.raises(Locked):
            assert source.meta


@pytest.mark.parametrize("how", ["data_set", "part10", "outgoing"])
def test_every_byte_that_goes_out_is_held_to_the_bandwidth_before_it_goes(state: State, how: str) -> None:
    object_id = state.put(bytes(300_000))
    spent: list[int] = []
    out = 0
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], (CT, EXPLICIT), object_id, spent.append)
        if how == "outgoing":
            out = len(source.outgoing().read())
        for piece in getattr(source, how)() if how != "outgoing" else ():
            out += len(piece[0] if how == "data_set" else piece)
            assert sum(spent) == out
    assert sum(spent) == out >= 300_000
    assert max(spent) <= 1 << 17


def test_without_a_limit_the_sealed_file_goes_as_it_is(state: State) -> None:
    with state.layout.incoming_file(state.put()).open("rb") as file:
        assert Source(file, [state.identity], None).outgoing() is file
