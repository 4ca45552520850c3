"""What a person holds back: destinations and single deliveries, across a start and across a ledger that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.ledger import Ledger
from appliance.vault.standing import standing
from tests.vault.samples import NOW, record
from tests.vault.test_rebuild import LATER, Site

SOON = NOW + 1000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    made.close()


def filled(ledger: Ledger, count: int) -> list[str]:
    ids = []
    for number in range(1, count + 1):
        ledger.adopt(record(number), ["pacs", "cloud"], SOON)
        ids.append(f"{number:032x}")
    return ids


def leased(ledger: Ledger, destination: str = "pacs") -> set[str]:
    return {lease.object_id for lease in ledger.lease(destination, SOON, 60, 100)}


def test_a_destination_is_held_back_since_it_was_first_and_let_go_once(ledger: Ledger) -> None:
    holds = DeliveryHolds(ledger)
    assert holds.destinations() == {}
    assert holds.hold_destination("CT store (2)", 5.5) == 5.5
    assert holds.hold_destination("CT store (2)", 9.0) == 5.5
    assert holds.destinations() == {"CT store (2)": 5.5}
    assert holds.release_destination("CT store (2)")
    assert not holds.release_destination("CT store (2)")
    assert holds.destinations() == {}


def test_a_delivery_is_held_back_for_one_destination_and_no_other(ledger: Ledger) -> None:
    first, second, third = filled(ledger, 3)
    ledger.delivered(third, "pacs", 0, SOON)
    assert DeliveryHolds(ledger).hold([first, third, "f" * 32], "pacs", SOON) == ([first], [third, "f" * 32])
    assert leased(ledger) == {second}
    assert leased(ledger, "cloud") == {first, second, third}
    (held,) = ledger.held("pacs")
    assert (held.object_id, held.error) == (first, "a person holds it back")


def test_a_retry_of_all_leaves_it_and_letting_it_go_sends_it(ledger: Ledger) -> None:
    first, second = filled(ledger, 2)
    holds = DeliveryHolds(ledger)
    ledger.lease("pacs", SOON, 60, 9)
    ledger.hold(second, "pacs", "status 0xC000, cannot understand")
    holds.hold([first], "pacs", SOON)
    assert ledger.retry_held("pacs", SOON) == 1
    assert leased(ledger) == {second}
    assert holds.release([first, second], "pacs", SOON) == ([first], [second])
    assert leased(ledger) == {first}


def test_what_was_held_for_a_failure_may_be_held_back_too_so_that_no_retry_sends_it(ledger: Ledger) -> None:
    (first,) = filled(ledger, 1)
    ledger.lease("pacs", SOON, 60, 9)
    ledger.hold(first, "pacs", "status 0xC000, cannot understand")
    DeliveryHolds(ledger).hold([first], "pacs", SOON)
    assert ledger.retry_held("pacs", SOON) == 0


@pytest.mark.parametrize("end", ["retry", "hold", "give_back", "delivered"])
def test_one_that_is_on_its_way_ends_as_it_ends_and_is_not_tried_again(ledger: Ledger, end: str) -> None:
    (first,) = filled(ledger, 1)
    ledger.lease("pacs", SOON, 60, 9)
    DeliveryHolds(ledger).hold([first], "pacs", SOON)
    arguments = {"retry": (SOON, "x"), "hold": ("x",), "give_back": (SOON,), "delivered": (0, SOON)}[end]
    getattr(ledger, end)(first, "pacs", *arguments)
    counts = ledger.counts()["pacs"]
    assert (counts.delivered, counts.held) == ((1, 0) if end == "delivered" else (0, 1))
    assert leased(ledger) == set()


def test_an_object_that_is_not_there_is_not_let_go(ledger: Ledger) -> None:
    (first,) = filled(ledger, 1)
    holds = DeliveryHolds(ledger)
    holds.hold([first], "pacs", SOON)
    ledger.lost(first)
    assert holds.release([first], "pacs", SOON) == ([], [first])


@pytest.mark.parametrize("written_anew", [False, True])
def test_a_lost_ledger_loses_nothing_that_is_held_back(site: Site, written_anew: bool) -> None:
    first, second, third = (site.store() for _ in range(3))
    site.adopt()
    holds = DeliveryHolds(site.ledger)
    holds.hold_destination("pacs", NOW)
    holds.hold_destination("cloud", NOW)
    holds.release_destination("cloud")
    holds.hold([first, second], "pacs", NOW)
    holds.release([second], "pacs", NOW)
    if written_anew:
        site.journal.write_anew(standing(site.ledger))
    site.lose_the_ledger()
    assert DeliveryHolds(site.ledger).destinations() == {"pacs": NOW}
    assert site.owed() == {second, third}
    assert DeliveryHolds(site.ledger).release([first], "pacs", LATER) == ([first], [])
    assert site.owed() == {first}
