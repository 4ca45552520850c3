"""Deliveries that wait for their study to be complete: when nothing more of it came for a while."""

from __future__ import annotations

import pytest

from appliance.base import limits
from appliance.vault.deliveries import NEXT_STUDY, OLDEST, OLDEST_RIPE
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.gathering import DUE, LET_GO
from appliance.vault.ledger import Ledger
from tests.vault.samples import NOW, record

QUIET = 600.0
ROUTE = {"pacs": QUIET, "cloud": 0.0}


def come(ledger: Ledger, number: int, now: float, study: bytes = b"one", route: dict[str, float] = ROUTE) -> str:
    ledger.adopt(record(number, received=now, study_tag=study), route, now)
    return f"{number:032x}"


def leased(ledger: Ledger, now: float, destination: str = "pacs") -> set[str]:
    return {lease.object_id for lease in ledger.lease(destination, now, 1e9, 100)}


def test_a_study_goes_when_nothing_of_it_came_for_the_quiet_time(ledger: Ledger) -> None:
    first = come(ledger, 1, NOW)
    second = come(ledger, 2, NOW + 500)  # the quiet time begins anew
    assert leased(ledger, NOW + 1000) == set()
    assert ledger.next_due("pacs", NOW + 1000) == NOW + 500 + QUIET
    counts = ledger.counts()["pacs"]
    assert (counts.gathering, counts.waiting, counts.oldest) == (2, 0, None)
    assert leased(ledger, NOW + 500 + QUIET) == {first, second}
    assert ledger.counts()["pacs"].gathering == 0
    with ledger.reading() as sqlite:
        assert sqlite.execute("SELECT count(*) FROM study_quiet").fetchone() == (0,)


def test_another_destination_and_another_study_do_not_wait_for_it(ledger: Ledger) -> None:
    first = come(ledger, 1, NOW)
    other = come(ledger, 2, NOW + 550, study=b"two")
    assert leased(ledger, NOW + 560, "cloud") == {first, other}
    assert leased(ledger, NOW + QUIET) == {first}
    assert leased(ledger, NOW + 550 + QUIET) == {other}


def test_what_comes_late_gathers_anew(ledger: Ledger) -> None:
    first = come(ledger, 1, NOW)
    assert leased(ledger, NOW + QUIET) == {first}
    late = come(ledger, 2, NOW + 2 * QUIET)
    assert leased(ledger, NOW + 2 * QUIET) == set()
    assert leased(ledger, NOW + 3 * QUIET) == {late}


def test_a_study_that_never_rests_goes_all_the_same(ledger: Ledger) -> None:
    longest = limits.STUDY_LONGEST.default
    ids = {come(ledger, number, NOW + number * 300) for number in range(longest // 300)}
    assert leased(ledger, NOW + longest - 1) == set()
    assert leased(ledger, NOW + longest) == ids


def test_a_duplicate_does_not_keep_a_study_waiting(ledger: Ledger) -> None:
    first = come(ledger, 1, NOW)
    ledger.adopt(record(1, object_id="f" * 32, received=NOW + 500, study_tag=b"one"), ROUTE, NOW + 500)
    assert leased(ledger, NOW + QUIET) == {first}


def test_held_back_lost_and_let_go(ledger: Ledger) -> None:
    first, second = come(ledger, 1, NOW), come(ledger, 2, NOW)
    holds = DeliveryHolds(ledger)
    assert holds.hold([first], "pacs", NOW) == ([first], [])
    ledger.lost(second)
    assert leased(ledger, NOW + QUIET) == set()
    assert ledger.counts()["pacs"].held == 2
    assert holds.release([first], "pacs", NOW) == ([first], [])
    assert leased(ledger, NOW + QUIET) == {first}


def test_a_person_may_send_one_on_before_its_study_is_complete(ledger: Ledger) -> None:
    first, second = come(ledger, 1, NOW), come(ledger, 2, NOW)
    assert ledger.retry_held("pacs", NOW) == 0
    assert ledger.release(first, "pacs", NOW)
    assert leased(ledger, NOW) == {first}
    assert leased(ledger, NOW + QUIET) == {second}


def test_a_clock_that_was_ahead_makes_nobody_wait_longer_than_the_quiet_time(ledger: Ledger) -> None:
    first = come(ledger, 1, NOW + 365 * 86400)
    ledger.mend_quiet(NOW)
    assert ledger.next_due("pacs", NOW) == NOW + QUIET
    assert leased(ledger, NOW + QUIET) == {first}


def test_one_that_gathers_is_not_the_oldest_that_waits(ledger: Ledger) -> None:
    come(ledger, 1, NOW)
    come(ledger, 2, NOW + 50, route={"pacs": 0.0})
    assert ledger.counts()["pacs"].oldest == NOW + 50


def test_an_instance_costs_the_same_in_a_study_of_any_size(ledger: Ledger) -> None:
    """One row a study, however many instances: what is looked up and changed has an index."""
    for number in range(1, 200):
        come(ledger, number, NOW)
    with ledger.reading() as sqlite:
        assert sqlite.execute("SELECT count(*) FROM study_quiet").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (DUE, ("pacs", NOW)),
        (NEXT_STUDY, ("pacs",)),
        (LET_GO, (NOW, "pacs", b"one")),
        (OLDEST, ("pacs",)),
        (OLDEST_RIPE, ("pacs",)),
    ],
)
def test_nothing_is_scanned(ledger: Ledger, sql: str, values: tuple[object, ...]) -> None:
    come(ledger, 1, NOW)
    with ledger.reading() as sqlite:
        plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert plan
    assert not [step for step in plan if "SCAN" in step or "B-TREE" in step], plan
