from __future__ import annotations

from appliance.vault import departure
from appliance.vault.holds import Holds
from appliance.vault.ledger import Ledger
from tests.vault.samples import NOW, Vault, record


def proven(ledger: Ledger, count: int) -> list[str]:
    records = [record(number) for number in range(count)]
    for each in records:
        ledger.adopt(each, ["pacs"], NOW)
        ledger.delivered(each.object_id, "pacs", 0, NOW)
    return [each.object_id for each in records]


def test_an_object_on_hold_never_leaves_and_a_free_one_does(ledger: Ledger) -> None:
    first, second, third = proven(ledger, 3)
    holds = Holds(ledger)
    missing = "f" * 32
    assert holds.hold([first, second, missing], NOW) == ([first, second], [missing])
    assert holds.count() == 2
    assert ledger.evictable(NOW, 0, 9) == [third]
    assert ledger.leave([first, second, third]) == [third]
    assert holds.release([first, missing]) == ([first], [missing])
    assert ledger.leave([first, second]) == [first]


def test_a_hold_between_the_look_and_the_leaving_counts(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    vault.ledger.delivered(object_id, "pacs", 0, NOW)
    going = vault.ledger.evictable(NOW, 0, 9)
    Holds(vault.ledger).hold([object_id], NOW)
    assert vault.ledger.leave(going) == []
    assert departure.evict(vault.ledger, vault.objects, NOW + 1e9, 0, 9) == []
    assert vault.objects.holds(object_id)


def test_what_leaves_already_is_not_put_on_hold(ledger: Ledger) -> None:
    (object_id,) = proven(ledger, 1)
    ledger.leave([object_id])
    assert Holds(ledger).hold([object_id], NOW) == ([], [object_id])


def test_a_hold_keeps_its_time_and_survives_a_start(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    Holds(vault.ledger).hold([object_id], NOW)
    Holds(vault.ledger).hold([object_id], NOW + 5)
    vault.ledger.close()
    vault.ledger = Ledger(vault.layout.ledger)
    with vault.ledger.reading() as sqlite:
        assert sqlite.execute("SELECT hold FROM object").fetchall() == [(NOW,)]
