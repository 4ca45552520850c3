from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from appliance.seal.errors import RecipientsRefused, RecordFieldRefused
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening, verify
from appliance.vault.intake import Intake
from appliance.vault.refusals import DiskRefused
from appliance.vault.segments import Segments
from tests.vault.media import Recording
from tests.vault.samples import HEAD, IDENTITY, INDEX_KEY, Vault, facts, plaintext


@pytest.mark.parametrize("size", [0, 1, 13_000, 65_536 - len(HEAD), 65_536, 300_001])
def test_what_was_written_is_what_opens(vault: Vault, size: int) -> None:
    data_set = os.urandom(size)
    with vault.intake.begin(HEAD) as instance:
        for start in range(0, size, 16_384):
            instance.write(memoryview(data_set)[start : start + 16_384])
        object_id = instance.commit(facts(instance.object_id, "1.2.3"))
    with vault.objects.open_waiting(object_id) as file:
        assert plaintext(file) == HEAD + data_set
    with vault.objects.open_waiting(object_id) as file:
        record = verify(file, INDEX_KEY)
    assert (record.object_id, record.size) == (object_id, size)
    assert record.instance_tag == INDEX_KEY.tag("instance", "1.2.3")


def test_hybrid_recipients_and_several_of_them(vault: Vault) -> None:
    identities = [generate_identity("hybrid"), generate_identity("hybrid")]
    intake = Intake(vault.incoming, [identity.recipient for identity in identities], INDEX_KEY)
    with intake.begin(HEAD) as instance:
        instance.write(b"data set")
        object_id = instance.commit(facts(instance.object_id))
    for identity in identities:
        with vault.objects.open_waiting(object_id) as file:
            assert b"".join(map(bytes, Opening(file, [identity]))) == HEAD + b"data set"


def test_no_recipient_no_intake(vault: Vault) -> None:
    with pytest.raises(RecipientsRefused):
        Intake(vault.incoming, [], INDEX_KEY)


def test_what_is_not_committed_leaves_nothing(vault: Vault) -> None:
    with vault.intake.begin(HEAD) as instance:
        instance.write(bytes(200_000))
    assert vault.files() == set()


def test_facts_that_do_not_fit_are_refused_and_leave_nothing(vault: Vault) -> None:
    for change in ({"calling_ae": "x" * 17}, {"object_id": "../../etc/passwd"}):
        instance = vault.intake.begin(HEAD)
        with pytest.raises(RecordFieldRefused):
            instance.commit(facts(**{"object_id": instance.object_id} | change))
    assert vault.files() == set()


def test_memory_does_not_grow_with_the_instance(vault: Vault) -> None:
    piece = memoryview(bytes(131_072))

    def peak(pieces: int) -> int:
        tracemalloc.start()
        with vault.intake.begin(HEAD) as instance:
            for _ in range(pieces):
                instance.write(piece)
            instance.commit(facts(instance.object_id))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(160) < peak(2) + 65_536  # 20 MB against 256 kB


def test_threads_commit_side_by_side(vault: Vault) -> None:
    stored: dict[str, bytes] = {}

    def associate(number: int) -> None:
        for instance in range(10):
            data_set = f"{number} {instance} ".encode() * 3000
            stored[vault.store(data_set)] = data_set

    threads = [threading.Thread(target=associate, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(vault.objects.waiting()) == set(stored)
    for object_id, data_set in stored.items():
        with vault.objects.open_waiting(object_id) as file:
            assert plaintext(file) == HEAD + data_set


@pytest.mark.parametrize(
    ("size", "how"), [(0, "segment"), (13_000, "segment"), (65_000, "file"), (131_072, "file"), (300_000, "file")]
)
def test_small_ones_go_into_a_segment_where_there_is_one(tmp_path: Path, size: int, how: str) -> None:
    vault = Vault(tmp_path / "state", Recording(), segment=1 << 20)
    data_set = os.urandom(size)
    with vault.intake.begin(HEAD) as instance:
        for start in range(0, size, 16_384):
            instance.write(memoryview(data_set)[start : start + 16_384])
        object_id = instance.commit(facts(instance.object_id, "1.2.3"))
    assert vault.layout.incoming_file(object_id).exists() is (how == "file")
    assert vault.objects.waiting() == [object_id]
    vault.adopt()
    assert vault.plaintext(object_id) == HEAD + data_set
    vault.close()


def test_without_a_segment_a_small_one_is_a_file_of_one_write(tmp_path: Path) -> None:
    disk = Recording()
    vault = Vault(tmp_path / "state", disk)
    vault.incoming.segments = Segments(vault.layout, disk, quiet=3600, room=lambda _: False)
    disk.transcript.clear()
    object_id = vault.store()
    assert [operation for operation, _ in disk.transcript] == [
        *("create", "write", "write", "sync data", "link", "sync directory")
    ]
    assert vault.layout.incoming_file(object_id).exists()
    vault.close()


def test_what_is_not_committed_leaves_nothing_in_a_segment(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "state", segment=1 << 20)
    with vault.intake.begin(HEAD) as instance:
        instance.write(bytes(10_000))
    assert vault.objects.waiting() == []
    vault.close()


def test_a_flush_of_a_segment_that_fails_is_heard_of_and_the_next_is_a_file(tmp_path: Path) -> None:
    disk = Recording()
    vault = Vault(tmp_path / "state", disk, segment=1 << 20)
    disk.fail("sync data")
    with pytest.raises(DiskRefused):
        vault.store()
    disk.failing.clear()
    assert vault.layout.incoming_file(vault.store()).exists()
    vault.close()


def test_ids_of_instances_that_come_together_begin_alike(vault: Vault) -> None:
    ids = [vault.intake.object_id() for _ in range(100_000)]
    assert len(set(ids)) == len(ids)
    assert all(len(object_id) == 32 for object_id in ids)
    assert len({object_id[:4] for object_id in ids[:512]}) == 1
    assert len({object_id[:8] for object_id in ids[:512]}) > 500
    assert 100 < len({object_id[:2] for object_id in ids}) <= 196


def test_receiving_needs_no_identity(vault: Vault) -> None:
    """What `receive` holds does not open what it wrote."""
    assert IDENTITY not in vars(vault.intake).values()
    assert all(not hasattr(recipient, "export") for recipient in vault.intake.recipients)
