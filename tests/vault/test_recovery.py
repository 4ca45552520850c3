from __future__ import annotations

from pathlib import Path

import pytest

from appliance.base.errors import CryptoError
from appliance.seal.index_key import IndexKey
from appliance.vault.adoption import Adopted, Adoption, Fate
from appliance.vault.connection import LedgerTaken
from appliance.vault.ledger import Ledger
from appliance.vault.recovery import open_ledger, recover, verify
from tests.vault.samples import NOW, Vault, to_pacs


def _recover(vault: Vault, *, compare: bool = False) -> dict[str, Fate]:
    steps = list(recover(vault.adoption, NOW, compare=compare))
    for step in steps:
        assert 0 < step.done <= step.total
    return {adopted.object_id: adopted.fate for step in steps for adopted in step.fates}


def _restart(vault: Vault) -> Vault:
    vault.close()
    return Vault(vault.root)


def _lose_the_ledger(vault: Vault) -> Vault:
    vault.close()
    for path in vault.layout.ledger.parent.iterdir():
        path.unlink()
    return Vault(vault.root)


def test_what_waits_is_adopted(vault: Vault) -> None:
    object_ids = {vault.store() for _ in range(70)}
    assert _recover(vault) == dict.fromkeys(object_ids, Fate.ADOPTED)
    assert vault.ledger.counts()["pacs"].waiting == 70
    assert _recover(vault) == {}


def test_what_waits_in_segments_is_adopted_and_they_are_freed(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "other", segment=1 << 20)
    object_ids = {vault.store() for _ in range(70)}
    assert _recover(vault) == dict.fromkeys(object_ids, Fate.ADOPTED)
    assert [path.suffix for path in vault.layout.incoming.iterdir()] == [".segment"]  # its worker lives
    late = vault.store()
    vault.close()
    again = Vault(vault.root)
    assert _recover(again) == {late: Fate.ADOPTED}
    assert [path.suffix for path in again.layout.incoming.iterdir()] == [".free"]
    again.close()


def test_a_lost_ledger_is_rebuilt_while_a_segment_is_in_use(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "other", segment=1 << 20)
    adopted = {vault.store(b"x", str(number)) for number in range(5)}
    vault.adopt()
    waiting = vault.store(b"x", "waiting")
    segments, vault.incoming.segments = vault.incoming.segments, None
    again = _lose_the_ledger(vault)
    assert _recover(again) == dict.fromkeys({*adopted, waiting}, Fate.ADOPTED)
    assert again.ledger.counts()["pacs"].waiting == 6
    assert again.objects.quarantined() == []
    again.close()
    assert segments
    segments.close()


def test_leases_are_taken_back(vault: Vault) -> None:
    vault.store()
    vault.adopt()
    vault.ledger.lease("pacs", NOW, 3600, 1)
    again = _restart(vault)
    _recover(again)
    assert again.ledger.counts()["pacs"].waiting == 1
    again.close()


def test_a_cut_after_the_link_and_one_after_the_row(vault: Vault) -> None:
    linked, entered = vault.store(), vault.store()
    for object_id in (linked, entered):
        with vault.objects.open_waiting(object_id) as file:
            vault.objects.link(object_id, file)
    vault.adopt()
    vault.layout.incoming_file(entered).hardlink_to(vault.layout.object_file(entered))
    vault.ledger.forget(linked)
    vault.layout.incoming_file(linked).hardlink_to(vault.layout.object_file(linked))
    assert _recover(vault) == {linked: Fate.ADOPTED, entered: Fate.KNOWN}
    assert vault.objects.waiting() == []
    assert vault.ledger.counts()["pacs"].waiting == 2


def test_departures_that_were_cut_are_finished(vault: Vault) -> None:
    proven, damaged = vault.store(b"x", "1"), vault.store(b"x", "2")
    _recover(vault)
    vault.ledger.delivered(proven, "pacs", 0, NOW)
    assert vault.ledger.leave([proven]) == [proven]
    vault.ledger.quarantine(damaged)
    assert _recover(vault, compare=True) == {}
    assert vault.ledger.state(proven) is None
    assert vault.files() == {f"quarantine/{damaged}.dcm.age"}


def test_a_lost_ledger_is_rebuilt_from_the_sealed_records(vault: Vault) -> None:
    object_ids = {vault.store(b"x", str(number)) for number in range(20)}
    vault.adopt()
    waiting = vault.store(b"x", "waiting")
    records = {object_id: vault.ledger.record(object_id) for object_id in object_ids}
    again = _lose_the_ledger(vault)
    assert _recover(again) == dict.fromkeys({*object_ids, waiting}, Fate.ADOPTED)
    assert {object_id: again.ledger.record(object_id) for object_id in object_ids} == records
    assert again.ledger.counts()["pacs"].waiting == 21
    assert _recover(again, compare=True) == {}
    again.close()


def test_a_damaged_ledger_is_set_aside_and_rebuilt(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    vault.close()
    vault.layout.ledger.write_bytes(b"zeroes and ones " * 4096)
    ledger, damaged = open_ledger(vault.layout)
    assert damaged
    assert "ledger.0.sqlite" in vault.objects.quarantined()
    adoption = Adoption(vault.objects, ledger, vault.intake.index_key, to_pacs)
    fates = [adopted for step in recover(adoption, NOW) for adopted in step.fates]
    assert [(adopted.object_id, adopted.fate) for adopted in fates] == [(object_id, Fate.ADOPTED)]
    ledger.close()
    ledger, damaged = open_ledger(vault.layout)
    assert not damaged
    ledger.close()


def test_a_rebuild_that_was_cut_starts_again(vault: Vault) -> None:
    object_ids = {vault.store() for _ in range(20)}
    vault.adopt()
    again = _lose_the_ledger(vault)
    steps = recover(again.adoption, NOW)
    for _ in range(100):
        next(steps)
    steps.close()
    third = _restart(again)
    _recover(third)
    assert all(third.ledger.state(object_id) == "present" for object_id in object_ids)
    third.close()


def test_objects_are_not_compared_without_a_reason(vault: Vault) -> None:
    """A start costs what waits, not what is stored."""
    vault.store()
    assert {step.phase for step in recover(vault.adoption, NOW)} == {"adopting", "comparing", "verifying"}
    assert {step.phase for step in recover(vault.adoption, NOW)} == {"verifying"}


def test_rows_without_a_file_are_reported_and_held(vault: Vault) -> None:
    gone, there = vault.store(b"x", "1"), vault.store(b"x", "2")
    _recover(vault)
    vault.layout.object_file(gone).rename(vault.root / "elsewhere")
    assert _recover(vault, compare=True) == {gone: Fate.LOST}
    assert [held.object_id for held in vault.ledger.held()] == [gone]
    assert vault.ledger.state(there) == "present"
    (vault.root / "elsewhere").rename(vault.layout.object_file(gone))
    assert _recover(vault, compare=True) == {gone: Fate.KNOWN}
    assert vault.ledger.counts()["pacs"].waiting == 2


def test_a_wrong_index_key_rebuilds_nothing(vault: Vault) -> None:
    object_ids = {vault.store(received=NOW + number) for number in range(60)}
    vault.adopt()
    files = vault.files()
    again = _lose_the_ledger(vault)
    again.adoption = Adoption(again.objects, again.ledger, IndexKey(bytes(32)), to_pacs)
    with pytest.raises(CryptoError):
        _recover(again)
    assert len(again.objects.quarantined()) <= 2
    assert len(again.files()) == len(files)
    assert all(again.ledger.state(object_id) is None for object_id in object_ids)
    again.close()


def test_a_damaged_object_is_found_at_start(vault: Vault) -> None:
    whole, damaged = vault.store(), vault.store()
    _recover(vault)
    path = vault.layout.object_file(damaged)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert _recover(vault) == {damaged: Fate.SET_ASIDE}
    assert vault.ledger.state(damaged) == "quarantined"
    assert vault.ledger.state(whole) == "present"
    assert verify(vault.adoption, whole) == []


def test_verifying_what_is_missing_says_so(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    vault.layout.object_file(object_id).unlink()
    assert [adopted.fate for adopted in verify(vault.adoption, object_id)] == [Fate.LOST]
    assert vault.ledger.state(object_id) == "lost"


def test_a_ledger_in_use_is_not_taken_for_a_damaged_one(vault: Vault) -> None:
    with pytest.raises(LedgerTaken):
        open_ledger(vault.layout)
    assert vault.layout.ledger.exists()


def test_fates_are_fit_for_the_log(vault: Vault, tmp_path: Path) -> None:
    vault.store(b"x", "1.2.826.0.1.3680043.8.498.1")
    (adopted,) = vault.adopt()
    assert isinstance(adopted, Adopted)
    assert "1.2.826" not in repr(adopted)
    assert str(tmp_path) not in repr(adopted)
    assert isinstance(vault.ledger, Ledger)


def test_a_wal_that_was_left_alone_follows_its_ledger(vault: Vault) -> None:
    """A start that set a damaged ledger aside was cut off between the two."""
    object_id = vault.store()
    vault.adopt()
    wal = vault.layout.ledger.with_name(vault.layout.ledger.name + "-wal")
    committed = wal.read_bytes()
    vault.close()
    vault.layout.ledger.rename(vault.layout.quarantine / "ledger.0.sqlite")
    wal.write_bytes(committed)
    ledger, begun = open_ledger(vault.layout)
    assert begun and ledger.new
    ledger.close()
    assert vault.objects.quarantined() == ["ledger.0.sqlite", "ledger.0.sqlite-wal"]
    assert (vault.layout.quarantine / "ledger.0.sqlite-wal").read_bytes() == committed
    again = Vault(vault.root)
    assert _recover(again) == {object_id: Fate.ADOPTED}
    again.close()
