"""From a segment into `objects/` and the ledger: once, durably, in batches, whatever ends it in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.vault import departure
from appliance.vault.adoption import Fate
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.recovery import recover
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.segment_record import BLOCK, encode
from tests.vault.media import Recording
from tests.vault.samples import HEAD, NOW, Vault


class Stopped(BaseException):
    """The process ends here."""


@pytest.fixture
def disk() -> Recording:
    return Recording()


@pytest.fixture
def vault(tmp_path: Path, disk: Recording) -> Iterator[Vault]:
    made = Vault(tmp_path / "state", disk, segment=1 << 20)
    disk.transcript.clear()
    yield made
    made.close()


def _restart(vault: Vault) -> Vault:
    """Another `forward` in the place of one that ended somewhere; the worker goes on."""
    vault.ledger.close()
    again = Vault(vault.root, vault.medium)
    again.incoming, again.intake = vault.incoming, vault.intake
    return again


def _recover(vault: Vault) -> dict[str, Fate]:
    return {adopted.object_id: adopted.fate for step in recover(vault.adoption, NOW) for adopted in step.fates}


def _segments(layout: StateLayout) -> list[str]:
    return sorted(path.suffix for path in layout.incoming.iterdir())


def test_small_ones_go_into_the_segment_and_are_adopted_from_there(vault: Vault) -> None:
    small = {vault.store(os.urandom(size)): size for size in (1, 13_000, 60_000)}
    large = vault.store(os.urandom(70_000))
    assert [path.name for path in vault.layout.incoming.iterdir() if path.suffix == ".age"] == [f"{large}.dcm.age"]
    assert sorted(vault.objects.waiting()) == sorted([*small, large])
    assert {adopted.fate for adopted in vault.adopt()} == {Fate.ADOPTED}
    assert vault.objects.waiting() == []
    for object_id, size in small.items():
        assert len(vault.plaintext(object_id)) == len(HEAD) + size
        record = vault.ledger.record(object_id)
        assert record is not None
        assert record.size == size
        assert vault.adoption.verify(object_id) == record
    assert vault.ledger.counts()["pacs"].waiting == 4
    assert vault.adopt() == []


def test_a_batch_writes_all_then_flushes_each_then_the_names_once(vault: Vault, disk: Recording) -> None:
    vault.intake.random = lambda size: bytes(size) if size == 2 else os.urandom(size)  # all in one directory
    for _ in range(3):
        vault.store()
    disk.transcript.clear()
    vault.adopt()
    assert [(operation, what) for operation, what in disk.transcript if operation != "start writing"] == [
        ("create", "00"),
        ("write", "header"),
        ("create", "00"),
        ("write", "header"),
        ("create", "00"),
        ("write", "header"),
        ("sync data", ""),
        ("sync data", ""),
        ("sync data", ""),
        ("link", "objects"),
        ("link", "objects"),
        ("link", "objects"),
        ("sync directory", "objects"),
    ]
    assert [operation for operation, _ in disk.transcript].count("start writing") == 3


def test_nothing_is_entered_before_names_and_content_are_durable(
    vault: Vault, disk: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.store()
    disk.transcript.clear()
    adopt = Ledger.adopt

    def watched(self: Ledger, *arguments: Any) -> Any:
        disk.transcript.append(("row", ""))
        return adopt(self, *arguments)

    monkeypatch.setattr(Ledger, "adopt", watched)
    vault.adopt()
    order = [operation for operation, _ in disk.transcript]
    assert order.index("sync data") < order.index("link") < order.index("sync directory") < order.index("row")
    assert order[-1] == "row"  # nothing is undone in the segment afterwards: the mark came with the row


@pytest.mark.parametrize("operation", ["create", "write", "sync data", "link"])
def test_what_the_medium_refuses_waits_on_and_is_taken_later(vault: Vault, disk: Recording, operation: str) -> None:
    object_ids = {vault.store() for _ in range(3)}
    disk.fail(operation)
    assert {(adopted.object_id, adopted.fate) for adopted in vault.adopt()} == {
        (object_id, Fate.LEFT) for object_id in object_ids
    }
    assert not any(vault.objects.holds(object_id) for object_id in object_ids)
    disk.failing.clear()
    assert set(vault.objects.waiting()) == object_ids
    assert {adopted.fate for adopted in vault.adopt()} == {Fate.ADOPTED}


def test_a_flush_that_failed_is_not_asked_again_of_the_same_file(vault: Vault, disk: Recording) -> None:
    vault.store()
    disk.fail("sync data")
    vault.adopt()
    disk.failing.clear()
    disk.transcript.clear()
    vault.adopt()
    assert [operation for operation, _ in disk.transcript][:2] == ["create", "write"]  # a new one, written anew


def _places(vault: Vault) -> list[tuple[Any, str]]:
    """Where a `forward` can end between two steps of an adoption."""
    return [
        (vault.medium, "create"),
        (vault.medium, "sync_data"),
        (vault.medium, "link"),
        (vault.medium, "sync_directory"),
        (vault.ledger, "transaction"),
        (vault.objects, "leave_incoming"),
        (vault.objects, "remove"),
    ]


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_ends_each_object_is_there_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, place: int, after: bool
) -> None:
    object_ids = {vault.store() for _ in range(3)}
    where, name = _places(vault)[place]
    asked: Callable[..., Any] = getattr(where, name)

    def stop(*arguments: Any) -> Any:
        if after:
            asked(*arguments)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(where, name, stop)
        with pytest.raises(Stopped):
            vault.adopt()
    again = _restart(vault)
    fates = _recover(again)
    assert set(fates.values()) <= {Fate.ADOPTED, Fate.KNOWN}
    assert again.objects.waiting() == []
    assert set(again.ledger.ids("")) == object_ids
    assert again.ledger.counts()["pacs"].waiting == 3
    assert again.objects.quarantined() == []
    for object_id in object_ids:
        assert again.plaintext(object_id)
    assert _recover(again) == {}
    again.close()


def test_what_was_adopted_and_forgotten_does_not_come_back(vault: Vault) -> None:
    """Its record lies in a segment that is still in use; its row and its file are gone."""
    first, second = vault.store(), vault.store()
    vault.adopt()
    vault.ledger.delivered(first, "pacs", 0, NOW)
    assert departure.evict(vault.ledger, vault.objects, NOW, 0, 10) == [first]
    third = vault.store()
    again = _restart(vault)
    assert _recover(again) == {third: Fate.ADOPTED}
    assert again.ledger.state(first) is None
    assert again.ledger.state(second) == "present"
    assert not again.objects.holds(first)
    again.close()


def test_mark_and_rows_are_committed_together(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.store()
    vault.adopt()
    before = vault.ledger.facts("segment ")
    assert len(before) == 1
    vault.store()

    def refuse(*_: Any) -> None:
        raise DiskRefused("told to fail", Condition.FULL)

    with monkeypatch.context() as patched:
        patched.setattr(vault.ledger, "note_fact", refuse)
        with pytest.raises(DiskRefused):
            vault.adopt()
    assert vault.ledger.facts("segment ") == before
    assert len(vault.ledger.ids("")) == 1
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.ADOPTED]
    assert vault.ledger.facts("segment ") != before


def test_a_segment_of_a_worker_that_is_gone_is_used_again(vault: Vault, disk: Recording) -> None:
    assert vault.incoming.segments
    vault.store()
    vault.adopt()
    assert vault.adoption.retire_segments() == []
    assert _segments(vault.layout) == [".segment"]
    vault.incoming.segments.close()
    vault.adopt()
    disk.transcript.clear()
    assert vault.adoption.retire_segments() == []
    assert _segments(vault.layout) == [".free"]
    assert disk.transcript == [("rename", "incoming to incoming"), ("sync directory", "incoming")]
    assert vault.ledger.facts("segment ") == {}
    assert vault.adoption.retire_segments() == []
    assert vault.adopt() == []


def test_the_mark_outlives_a_name_that_may_come_back(vault: Vault, disk: Recording) -> None:
    assert vault.incoming.segments
    vault.store()
    vault.adopt()
    vault.incoming.segments.close()
    vault.adopt()
    disk.fail("sync directory")
    with pytest.raises(DiskRefused):
        vault.adoption.retire_segments()
    disk.failing.clear()
    assert len(vault.ledger.facts("segment ")) == 1


def test_free_ones_do_not_pile_up(vault: Vault) -> None:
    for number in range(6):
        vault.layout.segment(f"{number:032x}").write_bytes(bytes(BLOCK))
    vault.adopt()
    vault.adoption.retire_segments()
    assert _segments(vault.layout) == [".free"] * 4 + [".segment"]


def test_a_damaged_segment_goes_to_quarantine_when_the_rest_was_adopted(vault: Vault) -> None:
    assert vault.incoming.segments
    first, damaged, third = (vault.store(os.urandom(500)) for _ in range(3))  # a block each
    (path,) = vault.layout.incoming.iterdir()
    vault.incoming.segments.close()
    content = bytearray(path.read_bytes())
    content[BLOCK + 200] ^= 1
    path.write_bytes(content)
    fates = _recover(vault)
    segment_id = path.name.removesuffix(".segment")
    assert fates == {first: Fate.ADOPTED, third: Fate.ADOPTED, segment_id: Fate.SET_ASIDE}
    assert vault.objects.quarantined() == [path.name]
    assert (vault.layout.quarantine / path.name).read_bytes() == content
    assert vault.ledger.state(damaged) is None
    assert _segments(vault.layout) == []


def test_a_record_whose_object_cannot_be_read_goes_to_quarantine_alone(vault: Vault, disk: Recording) -> None:
    good = vault.store()
    segment_id, object_id = "77" * 16, "ab" * 16
    vault.layout.segment(segment_id).write_bytes(encode(segment_id, object_id, 0, b"not an object", b""))
    disk.transcript.clear()
    fates = {adopted.object_id: adopted.fate for adopted in vault.adopt()}
    assert fates == {good: Fate.ADOPTED, object_id: Fate.SET_ASIDE}
    assert (vault.layout.quarantine / f"{object_id}.dcm.age").read_bytes() == b"not an object"
    start = disk.transcript.index(("create", "quarantine"))
    steps = [operation for operation, _ in disk.transcript[start:]]
    assert steps[:6] == ["create", "write", "start writing", "sync data", "link", "sync directory"]
    assert disk.transcript[start + 5] == ("sync directory", "quarantine")
    vault.adoption.retire_segments()
    assert vault.layout.free_segment(segment_id).exists()


def test_another_objects_name_does_not_get_it_replaced(vault: Vault) -> None:
    """`receive` faces the network: what it writes under the id of an adopted object is put aside."""
    object_id = vault.store()
    vault.adopt()
    whole = vault.layout.object_file(object_id).read_bytes()
    segment_id = "77" * 16
    forged = bytearray(whole)
    forged[-1] ^= 1
    vault.layout.segment(segment_id).write_bytes(encode(segment_id, object_id, 0, bytes(forged), b""))
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.SET_ASIDE]
    assert vault.layout.object_file(object_id).read_bytes() == whole
    assert vault.objects.quarantined() == [f"{object_id}.dcm.age"]


def test_the_same_instance_again_is_dropped(vault: Vault) -> None:
    first = vault.store(b"the same", "1.2.3")
    vault.adopt()
    second = vault.store(b"the same", "1.2.3")
    (fate,) = vault.adopt()
    assert (fate.fate, fate.other) == (Fate.DUPLICATE, first)
    assert not vault.objects.holds(second)
    again = _restart(vault)
    assert _recover(again) == {}
    again.close()


def test_a_segment_that_cannot_be_read_is_told_and_left(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.store()
    (path,) = vault.layout.incoming.iterdir()
    opener = vault.medium.open

    def broken(which: Path) -> Any:
        if which == path:
            raise DiskRefused("told to fail", Condition.BROKEN)
        return opener(which)

    monkeypatch.setattr(vault.medium, "open", broken)
    assert vault.adopt() == []
    (fate,) = vault.adoption.retire_segments()
    assert (fate.object_id, fate.fate, fate.reason) == (path.stem, Fate.LEFT, "told to fail")
    monkeypatch.undo()
    assert len(vault.adopt()) == 1


def test_descriptors_are_given_back(vault: Vault) -> None:
    vault.store()
    vault.adopt()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        vault.store()
    vault.adopt()
    vault.adoption.retire_segments()
    assert len(os.listdir("/proc/self/fd")) == before
