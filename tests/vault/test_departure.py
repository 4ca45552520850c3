from __future__ import annotations

import pytest

from appliance.vault import departure
from appliance.vault.objects import Objects
from appliance.vault.refusals import DiskRefused
from tests.vault.media import Recording
from tests.vault.samples import NOW, Vault


def _proven(vault: Vault, count: int) -> list[str]:
    object_ids = [vault.store(received=NOW + number) for number in range(count)]
    vault.adopt()
    for number, object_id in enumerate(object_ids):
        vault.ledger.delivered(object_id, "pacs", 0, NOW + number)
    return object_ids


def test_only_what_is_due_goes_and_all_of_it(vault: Vault) -> None:
    object_ids = _proven(vault, 3)
    owed = vault.store()
    vault.adopt()
    assert departure.evict(vault.ledger, vault.objects, NOW + 101, 100, 10) == object_ids[:2]
    assert vault.files() == {f"objects/{each[:2]}/{each}.dcm.age" for each in (object_ids[2], owed)}
    assert [vault.ledger.state(each) for each in object_ids] == [None, None, "present"]
    assert departure.evict(vault.ledger, vault.objects, NOW + 101, 100, 10) == []


def test_the_order_of_a_departure(vault: Vault) -> None:
    (object_id,) = _proven(vault, 1)
    states: list[str | None] = []

    class Watching(Recording):
        def _did(self, operation: str, what: str = "") -> None:
            states.append(vault.ledger.state(object_id))
            super()._did(operation, what)

    disk = Watching()
    departure.evict(vault.ledger, Objects(vault.layout, disk), NOW, 0, 10)
    assert disk.transcript == [
        ("unlink", "objects"),
        ("sync directory", "objects"),
        ("unlink", "incoming"),
        ("sync directory", "incoming"),
    ]
    assert states == ["leaving"] * 4
    assert vault.ledger.state(object_id) is None


@pytest.mark.parametrize("operation", ["unlink", "sync directory"])
def test_a_departure_that_was_cut_is_finished_at_start(vault: Vault, operation: str) -> None:
    (object_id,) = _proven(vault, 1)
    disk = Recording()
    disk.fail(operation)
    with pytest.raises(DiskRefused):
        departure.evict(vault.ledger, Objects(vault.layout, disk), NOW, 0, 10)
    assert vault.ledger.state(object_id) == "leaving"
    departure.finish(vault.ledger, vault.objects)
    assert vault.ledger.state(object_id) is None
    assert vault.files() == set()


def test_setting_aside_holds_what_is_owed(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    vault.ledger.lease("pacs", NOW, 60, 1)
    departure.set_aside(vault.ledger, vault.objects, object_id)
    assert vault.files() == {f"quarantine/{object_id}.dcm.age"}
    assert [held.error for held in vault.ledger.held("pacs")] == ["the object is in quarantine"]
    assert vault.ledger.retry_held(None, NOW) == 0
    assert not vault.ledger.release(object_id, "pacs", NOW)
    departure.finish(vault.ledger, vault.objects)
    assert vault.files() == {f"quarantine/{object_id}.dcm.age"}


def test_setting_aside_that_was_cut_is_finished_at_start(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    vault.ledger.quarantine(object_id)
    departure.finish(vault.ledger, vault.objects)
    assert vault.files() == {f"quarantine/{object_id}.dcm.age"}
