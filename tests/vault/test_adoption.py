from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError
from appliance.seal.index_key import IndexKey
from appliance.vault.adoption import Adoption, Fate
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.refusals import DiskRefused
from tests.vault.media import Recording
from tests.vault.samples import HEAD, INDEX_KEY, NOW, Vault, to_pacs

OTHER_KEY = IndexKey(b"another index key, 32 bytes long")


def _files(*object_ids: str) -> set[str]:
    return {f"objects/{object_id[:2]}/{object_id}.dcm.age" for object_id in object_ids}


def test_adopted_means_file_row_and_nothing_waiting(vault: Vault) -> None:
    object_id = vault.store(b"data set", "1.2.3")
    (adopted,) = vault.adopt()
    assert (adopted.object_id, adopted.fate, adopted.destinations, adopted.peer) == (
        object_id,
        Fate.ADOPTED,
        ("pacs",),
        "CT suite 2",
    )
    assert vault.files() == _files(object_id)
    assert vault.plaintext(object_id) == HEAD + b"data set"
    record = vault.ledger.record(object_id)
    assert record is not None
    assert record.size == len(b"data set")
    assert [lease.object_id for lease in vault.ledger.lease("pacs", NOW, 60, 10)] == [object_id]
    assert vault.adopt() == []


def test_the_order_of_an_adoption(vault: Vault) -> None:
    """Second name durable, row durable, and only then does the waiting name go."""
    vault.store()
    rows: list[int] = []

    class Watching(Recording):
        def unlink(self, path: Path | str) -> None:
            rows.append(vault.ledger.holdings()["present"].objects)
            super().unlink(path)

    disk = Watching()
    adoption = Adoption(Objects(vault.layout, disk), vault.ledger, INDEX_KEY, to_pacs)
    adoption.adopt(vault.objects.waiting(), NOW)
    assert disk.transcript == [("link", "objects"), ("sync directory", "objects"), ("unlink", "incoming")]
    assert rows == [1]


@pytest.mark.parametrize("operation", ["link", "sync directory", "unlink"])
def test_a_medium_that_fails_loses_nothing(vault: Vault, operation: str) -> None:
    object_ids = {vault.store() for _ in range(3)}
    disk = Recording()
    disk.fail(operation)
    adoption = Adoption(Objects(vault.layout, disk), vault.ledger, INDEX_KEY, to_pacs)
    if operation == "link":
        assert {adopted.fate for adopted in adoption.adopt(object_ids, NOW)} == {Fate.LEFT}
    else:
        with pytest.raises(DiskRefused):
            adoption.adopt(object_ids, NOW)
    assert set(vault.objects.waiting()) == object_ids
    disk.failing.clear()
    assert {adopted.fate for adopted in adoption.adopt(object_ids, NOW)} <= {Fate.ADOPTED, Fate.KNOWN}
    assert vault.files() == _files(*object_ids)
    assert vault.ledger.counts()["pacs"].waiting == 3


def test_a_duplicate_is_dropped(vault: Vault) -> None:
    first = vault.store(b"same", "1.2.3")
    vault.adopt()
    second = vault.store(b"same", "1.2.3")
    (adopted,) = vault.adopt()
    assert (adopted.fate, adopted.object_id, adopted.other) == (Fate.DUPLICATE, second, first)
    assert vault.files() == _files(first)


def test_within_one_batch_the_first_received_stays(vault: Vault) -> None:
    late = vault.store(b"same", "1.2.3", received=NOW + 5)
    early = vault.store(b"same", "1.2.3", received=NOW)
    assert {adopted.object_id: adopted.fate for adopted in vault.adopt()} == {
        early: Fate.ADOPTED,
        late: Fate.DUPLICATE,
    }
    assert vault.files() == _files(early)


def test_a_duplicate_of_what_has_gone_is_kept(vault: Vault) -> None:
    first = vault.store(b"same", "1.2.3")
    vault.adopt()
    vault.layout.object_file(first).unlink()
    second = vault.store(b"same", "1.2.3")
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.ADOPTED]
    assert vault.files() == _files(second)
    assert vault.ledger.state(first) == "lost"


def test_a_conflict_keeps_both(vault: Vault) -> None:
    first = vault.store(b"one", "1.2.3")
    vault.adopt()
    second = vault.store(b"two", "1.2.3")
    (adopted,) = vault.adopt()
    assert (adopted.fate, adopted.other) == (Fate.CONFLICT, first)
    assert vault.files() == _files(first, second)


def test_what_cannot_be_read_is_set_aside_and_harms_no_other(vault: Vault) -> None:
    good = vault.store()
    damaged, renamed, junk = vault.store(), vault.store(), "ab" * 16
    path = vault.layout.incoming_file(damaged)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    vault.layout.incoming_file(renamed).rename(vault.layout.incoming_file("cd" * 16))
    vault.layout.incoming_file(junk).write_bytes(b"")
    fates = {adopted.object_id: adopted.fate for adopted in vault.adopt()}
    assert fates == {
        good: Fate.ADOPTED,
        damaged: Fate.SET_ASIDE,
        "cd" * 16: Fate.SET_ASIDE,
        junk: Fate.SET_ASIDE,
    }
    assert vault.files() == _files(good) | {f"quarantine/{each}.dcm.age" for each in (damaged, "cd" * 16, junk)}
    assert (vault.layout.quarantine / f"{damaged}.dcm.age").read_bytes() == bytes(content)


def test_links_and_pipes_in_incoming_are_not_followed(vault: Vault) -> None:
    good = vault.store()
    vault.layout.incoming_file("ab" * 16).symlink_to("/etc/hostname")
    os.mkfifo(vault.layout.incoming_file("cd" * 16))
    fates = {adopted.object_id: adopted.fate for adopted in vault.adopt()}
    assert fates == {good: Fate.ADOPTED, "ab" * 16: Fate.SET_ASIDE, "cd" * 16: Fate.SET_ASIDE}
    assert vault.objects.waiting() == []


def test_an_id_that_is_taken_by_another_file_is_set_aside(vault: Vault) -> None:
    object_id = vault.store(b"data set")
    vault.layout.object_file(object_id).write_bytes(b"taken")
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.SET_ASIDE]
    assert vault.layout.object_file(object_id).read_bytes() == b"taken"


def test_a_wrong_index_key_stops_instead_of_emptying_the_vault(vault: Vault) -> None:
    object_ids = {vault.store() for _ in range(3)}
    wrong = Adoption(vault.objects, vault.ledger, OTHER_KEY, to_pacs)
    with pytest.raises(CryptoError) as caught:
        wrong.adopt(object_ids, NOW)
    assert "recovery kit" in caught.value.fix
    assert set(vault.objects.waiting()) == object_ids
    vault.adopt()
    with pytest.raises(CryptoError):
        Adoption(vault.objects, vault.ledger, OTHER_KEY, to_pacs)


def test_a_name_that_comes_back_after_a_cut_is_dropped(vault: Vault) -> None:
    object_id = vault.store()
    sealed = vault.layout.incoming_file(object_id).read_bytes()
    vault.adopt()
    vault.layout.incoming_file(object_id).hardlink_to(vault.layout.object_file(object_id))
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.KNOWN]
    assert vault.files() == _files(object_id)
    vault.ledger.delivered(object_id, "pacs", 0, NOW)
    vault.ledger.leave([object_id])
    vault.layout.incoming_file(object_id).write_bytes(sealed)
    assert [adopted.fate for adopted in vault.adopt()] == [Fate.KNOWN]
    assert vault.objects.waiting() == []


def test_more_than_one_batch(vault: Vault) -> None:
    object_ids = {vault.store(b"x", str(number)) for number in range(150)}
    assert len(vault.adopt()) == 150
    assert vault.files() == _files(*object_ids)
    assert vault.ledger.counts()["pacs"].waiting == 150


def test_one_that_has_gone_meanwhile_is_passed_over(vault: Vault) -> None:
    assert vault.adoption.adopt(["ab" * 16], NOW) == []


def test_without_a_route_it_is_kept_and_owed_to_nobody(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "state", route=lambda _: ())
    object_id = vault.store()
    assert [adopted.destinations for adopted in vault.adopt()] == [()]
    assert vault.files() == _files(object_id)
    assert vault.ledger.evictable(NOW * 2, 0, 10) == []
    vault.close()


def test_the_ledger_of_this_key_opens_again(vault: Vault) -> None:
    vault.store()
    vault.adopt()
    vault.ledger.close()
    vault.ledger = Ledger(vault.layout.ledger)
    assert Adoption(vault.objects, vault.ledger, INDEX_KEY, to_pacs).adopt([], NOW) == []
