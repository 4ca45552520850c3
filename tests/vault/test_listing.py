from __future__ import annotations

import pytest

from appliance.vault import listing
from appliance.vault.holds import Holds
from appliance.vault.ledger import Ledger
from appliance.vault.listing import Listing, Selection
from tests.vault.samples import NOW, record


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    for number in range(20):
        ledger.adopt(record(number, peer="CT" if number % 2 else "MR"), ["pacs", "archive"], NOW)
    ledger.delivered(f"{3:032x}", "pacs", 0xB000, NOW)
    ledger.lost(f"{4:032x}")
    Holds(ledger).hold([f"{5:032x}"], NOW)
    return ledger


def every(ledger: Ledger, selection: Selection, limit: int = 7) -> list[int]:
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        page, after = Listing(ledger).page(selection, after, limit)
        assert len(page) <= limit
        found += [int(each.object_id, 16) for each in page]
    return found


@pytest.mark.parametrize("window", [1, 3, 7, 20, 5000])
@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), list(range(20))),
        (Selection(peer="CT"), list(range(1, 20, 2))),
        (Selection(since=NOW + 15), list(range(15, 20))),
        (Selection(destination="pacs", delivery_state="delivered"), [3]),
        (Selection(destination="archive", delivery_state="delivered"), []),
        (Selection(delivery_state="held"), [4]),
        (Selection(object_state="lost"), [4]),
        (Selection(destination="nowhere"), []),
        (Selection(on_hold=True), [5]),
        (Selection(peer="CT", on_hold=True, since=NOW + 6), []),
    ],
)
def test_pages_hold_what_was_chosen_once_each(
    filled: Ledger, selection: Selection, expected: list[int], window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", window)
    assert every(filled, selection) == expected


def test_one_object_with_what_became_of_it(filled: Ledger) -> None:
    found = Listing(filled).find(f"{3:032x}")
    assert found
    assert (found.peer, found.modality, found.size, found.state) == ("CT", "CT", 1000, "present")
    assert [(each.destination, each.state, each.status) for each in found.deliveries] == [
        ("archive", "waiting", None),
        ("pacs", "delivered", 0xB000),
    ]
    assert Listing(filled).find("0" * 31 + "x") is None


def test_an_empty_ledger_has_one_empty_page(ledger: Ledger) -> None:
    assert Listing(ledger).page(Selection(), 0, 5) == ([], None)
