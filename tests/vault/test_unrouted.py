"""What is owed to nobody is owed when the routes say so, once, and survives the loss of the ledger."""

from __future__ import annotations

from appliance.seal.record import Record
from appliance.vault.unrouted import looked_at, owe_unrouted
from tests.vault.samples import NOW, Vault


def test_only_what_is_owed_to_nobody_is_owed_anew(vault: Vault) -> None:
    vault.adoption.destinations_for = lambda record: () if record.modality == "MR" else ("pacs",)
    routed = vault.store(modality="CT")
    stray = [vault.store(modality="MR") for _ in range(3)]
    vault.adopt()
    assert set(vault.ledger.unrouted(0, 1000)) == set(stray)
    entered: list[object] = []
    vault.ledger.mirror = entered.extend
    assert not looked_at(vault.ledger, "new")

    def destinations(record: Record) -> tuple[str, ...]:
        return ("mr-archive",) if record.object_id != stray[2] else ()

    assert owe_unrouted(vault.ledger, destinations, "new", NOW) == {"mr-archive": 2}
    assert vault.ledger.unrouted(0, 1000) == stray[2:]
    assert len(entered) == 2  # the journal has them, for a ledger that is rebuilt
    assert looked_at(vault.ledger, "new") and not looked_at(vault.ledger, "old")
    assert owe_unrouted(vault.ledger, destinations, "new", NOW) == {}
    counts = vault.ledger.counts()
    assert (counts["mr-archive"].waiting, counts["pacs"].waiting) == (2, 1)
    assert vault.ledger.state(routed) == "present"


def test_an_empty_ledger(vault: Vault) -> None:
    assert owe_unrouted(vault.ledger, lambda _: ("pacs",), "x", NOW) == {}
