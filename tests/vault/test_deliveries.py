from __future__ import annotations

import threading
import time

import pytest

from appliance.vault.deliveries import LATELY_DUE, LONGEST_DUE, NEXT_DUE, OLDEST, Queue
from appliance.vault.ledger import Ledger
from tests.vault.samples import CT, EXPLICIT, NOW, record


def _fill(ledger: Ledger, numbers: range, *destinations: str) -> None:
    with ledger.transaction():
        for number in numbers:
            ledger.adopt(record(number), destinations or ("pacs",), NOW + 1_000_000)


def _ids(numbers: list[int]) -> list[str]:
    return [f"{number:032x}" for number in numbers]


LATER = NOW + 1_000_000


def test_a_lease_tells_what_a_delivery_needs(ledger: Ledger) -> None:
    _fill(ledger, range(1, 2))
    (lease,) = ledger.lease("pacs", LATER, 60, 10)
    assert (lease.object_id, lease.destination, lease.attempts) == (f"{1:032x}", "pacs", 1)
    assert (lease.sop_class, lease.transfer_syntax, lease.modality, lease.size) == (CT, EXPLICIT, "CT", 1000)
    assert (lease.peer, lease.calling_ae, lease.called_ae) == ("CT suite 2", "CT1", "EDGE01")
    assert (lease.received, lease.expires) == (NOW + 1, LATER + 60)


def test_the_longest_due_come_first_and_nothing_is_leased_twice(ledger: Ledger) -> None:
    _fill(ledger, range(9, 0, -1))
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 4)] == _ids([1, 2, 3, 4])
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 100)] == _ids([5, 6, 7, 8, 9])
    assert ledger.lease("pacs", LATER, 60, 100) == []
    assert ledger.lease("research", LATER, 60, 100) == []


def test_a_lease_ends_where_it_would_have_too_many_bytes_but_has_one_row_at_least(ledger: Ledger) -> None:
    _fill(ledger, range(1, 6))  # of 1000 bytes each
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 4, 0, 2999)] == _ids([1, 2])
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 4, 0, 10)] == _ids([3])
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 4, 1, 10)] == _ids([4, 5])


def test_nothing_is_leased_before_it_is_due(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs"], NOW + 1)
    assert ledger.lease("pacs", NOW + 0.5, 60, 10) == []
    assert ledger.next_due("pacs", NOW) == NOW + 1
    assert len(ledger.lease("pacs", NOW + 1, 60, 10)) == 1


def test_a_clock_that_was_ahead_delays_nothing(ledger: Ledger) -> None:
    ledger.adopt(record(1, received=NOW + 86_400), ["pacs"], NOW)
    assert len(ledger.lease("pacs", NOW, 60, 10)) == 1


def test_a_lease_that_ends_is_given_to_the_next(ledger: Ledger) -> None:
    _fill(ledger, range(1, 2))
    ledger.lease("pacs", LATER, 60, 10)
    assert ledger.next_due("pacs", LATER) == LATER + 60
    assert ledger.lease("pacs", LATER + 59, 60, 10) == []
    assert [lease.attempts for lease in ledger.lease("pacs", LATER + 60, 60, 10)] == [2]


def test_retry_waits_and_counts(ledger: Ledger) -> None:
    _fill(ledger, range(1, 3))
    ledger.lease("pacs", LATER, 60, 1)
    ledger.retry(f"{1:032x}", "pacs", LATER + 300, "connection refused")
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 10)] == _ids([2])
    assert ledger.lease("pacs", LATER + 59, 60, 10) == []
    assert [lease.attempts for lease in ledger.lease("pacs", LATER + 300, 60, 10)] == [2, 2]


def test_a_hold_waits_for_a_person(ledger: Ledger) -> None:
    _fill(ledger, range(1, 4))
    ledger.lease("pacs", LATER, 60, 10)
    for number in (1, 2):
        ledger.hold(f"{number:032x}", "pacs", "status 0x0122, SOP class not supported")
    assert ledger.next_due("pacs", LATER + 1000) == LATER + 1000  # the third's lease is over
    assert [(held.object_id, held.error) for held in ledger.held("pacs")] == [
        (object_id, "status 0x0122, SOP class not supported") for object_id in _ids([1, 2])
    ]
    assert ledger.release(f"{1:032x}", "pacs", LATER)
    assert not ledger.release(f"{1:032x}", "pacs", LATER)
    assert ledger.retry_held("research", LATER) == 0
    assert ledger.retry_held("pacs", LATER) == 1
    assert ledger.held() == []
    assert [lease.attempts for lease in ledger.lease("pacs", LATER, 60, 10)] == [1, 1]


def test_giving_back_keeps_the_place_in_the_queue(ledger: Ledger) -> None:
    _fill(ledger, range(1, 4))
    ledger.lease("pacs", LATER, 60, 1)
    ledger.give_back(f"{1:032x}", "pacs", LATER)
    (lease,) = ledger.lease("pacs", LATER, 60, 1)
    assert (lease.object_id, lease.attempts) == (f"{1:032x}", 1)


@pytest.mark.parametrize("late", ["retry", "hold", "give_back"])
def test_what_is_delivered_stays_delivered(ledger: Ledger, late: str) -> None:
    """A worker whose lease ran out reports late, when another has delivered."""
    _fill(ledger, range(1, 2))
    ledger.lease("pacs", LATER, 60, 1)
    ledger.lease("pacs", LATER + 60, 60, 1)
    assert ledger.delivered(f"{1:032x}", "pacs", 0xB000, LATER + 61)
    arguments = {"retry": (LATER, "x"), "hold": ("x",), "give_back": (LATER,)}[late]
    getattr(ledger, late)(f"{1:032x}", "pacs", *arguments)
    assert ledger.counts()["pacs"] == Queue(delivered=1)


def test_proof_comes_with_the_last_destination(ledger: Ledger) -> None:
    _fill(ledger, range(1, 2), "pacs", "research")
    assert not ledger.delivered(f"{1:032x}", "pacs", 0, LATER)
    assert ledger.delivered(f"{1:032x}", "research", 0, LATER)
    assert not ledger.delivered(f"{1:032x}", "research", 0, LATER)


def test_counts_follow_every_change(ledger: Ledger) -> None:
    _fill(ledger, range(1, 11), "pacs", "research")
    assert ledger.counts()["pacs"] == Queue(waiting=10, oldest=NOW + 1)
    ledger.lease("pacs", LATER, 60, 4)
    ledger.delivered(f"{1:032x}", "pacs", 0, LATER)
    ledger.hold(f"{2:032x}", "pacs", "x")
    ledger.retry(f"{3:032x}", "pacs", LATER, "x")
    assert ledger.counts() == {
        "pacs": Queue(waiting=7, leased=1, held=1, delivered=1, oldest=NOW + 2),
        "research": Queue(waiting=10, oldest=NOW + 1),
    }
    with ledger.reading() as sqlite:
        counted = sqlite.execute("SELECT destination, state, count(*), 0 FROM delivery GROUP BY 1, 2").fetchall()
        kept = sqlite.execute("SELECT * FROM delivery_tally WHERE rows > 0").fetchall()
    assert sorted(counted) == sorted(kept)


def test_leases_of_the_dead_are_taken_back(ledger: Ledger) -> None:
    _fill(ledger, range(1, 6))
    ledger.lease("pacs", LATER, 3600, 3)
    assert ledger.take_back_leases(LATER) == 3
    assert ledger.counts()["pacs"].waiting == 5
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 10)] == _ids([1, 2, 3, 4, 5])


def test_leases_are_exclusive_among_threads(ledger: Ledger) -> None:
    _fill(ledger, range(400))
    taken: list[list[str]] = [[] for _ in range(8)]

    def work(mine: list[str]) -> None:
        while leases := ledger.lease("pacs", LATER, 3600, 7):
            for lease in leases:
                mine.append(lease.object_id)
                ledger.delivered(lease.object_id, "pacs", 0, LATER)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [object_id for mine in taken for object_id in mine]
    assert sorted(everything) == _ids(list(range(400)))
    assert ledger.counts()["pacs"] == Queue(delivered=400)


def test_no_identifier_gets_into_an_error(ledger: Ledger) -> None:
    _fill(ledger, range(1, 2))
    ledger.lease("pacs", LATER, 60, 1)
    ledger.hold(f"{1:032x}", "pacs", "10.0.0.7:104 said 0xC001 about 1.2.826.0.1.3680043 of 19700101\n" + "x" * 500)
    (held,) = ledger.held()
    assert held.error.startswith("10.0.0.7:104 said 0xC001 about # of #\\x0a")
    assert len(held.error) <= 200


def test_the_cost_of_a_lease_does_not_grow(ledger: Ledger) -> None:
    """20,000 rows, most of them delivered: the plan reads the index of what is due, and the time shows it."""

    def cost() -> float:
        best = 1.0
        for _ in range(20):
            start = time.perf_counter()
            with pytest.raises(_RolledBack), ledger.transaction():
                assert len(ledger.lease("pacs", LATER, 60, 8)) == 8
                raise _RolledBack
            best = min(best, time.perf_counter() - start)
        return best

    _fill(ledger, range(1_000_000, 1_000_100))
    small = cost()
    _fill(ledger, range(20_000))
    with ledger.transaction():
        for number in range(15_000):
            ledger.delivered(f"{number:032x}", "pacs", 0, LATER)
    assert cost() < 3 * small + 0.001


@pytest.mark.parametrize(
    ("sql", "values", "steps"),
    [
        (LONGEST_DUE, ("pacs", LATER, 16), ["SEARCH d USING INDEX delivery_due (destination=? AND due<?)"]),
        (LATELY_DUE, ("pacs", LATER, 16), ["SEARCH d USING INDEX delivery_due (destination=? AND due<?)"]),
        (NEXT_DUE, ("pacs",), ["SEARCH delivery USING INDEX delivery_due (destination=?)"]),
        (OLDEST, ("pacs",), ["SEARCH delivery USING INDEX delivery_since (destination=?)"]),
    ],
)
def test_what_a_queue_asks_all_the_time_reads_an_index_and_sorts_nothing(
    ledger: Ledger, sql: str, values: tuple[object, ...], steps: list[str]
) -> None:
    _fill(ledger, range(1, 5))
    with ledger.reading() as sqlite:
        plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert plan[: len(steps)] == steps
    assert not [step for step in plan if "SCAN" in step or "B-TREE" in step]
    assert [step for step in plan[len(steps) :] if "SEARCH o USING INTEGER PRIMARY KEY" not in step] == []


def test_the_last_of_a_batch_are_those_that_became_due_last(ledger: Ledger) -> None:
    _fill(ledger, range(1, 11))
    leases = ledger.lease("pacs", LATER, 60, 4, fresh=1)
    assert [lease.object_id for lease in leases] == _ids([1, 2, 3, 10])
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 16, fresh=4)] == _ids([4, 5, 6, 7, 8, 9])


def test_waits_from_a_clock_that_was_ahead_end_at_the_next_start(ledger: Ledger) -> None:
    _fill(ledger, range(1, 4))
    ledger.lease("pacs", LATER, 60, 2)
    ledger.retry(f"{1:032x}", "pacs", LATER + 86_400, "connection refused")  # a day ahead
    ledger.retry(f"{2:032x}", "pacs", LATER + 50, "connection refused")
    assert ledger.mend_waits(LATER, 60, 0.1) == 1
    assert [lease.object_id for lease in ledger.lease("pacs", LATER, 60, 10)] == _ids([1, 3])
    assert ledger.next_due("pacs", LATER) == LATER + 50


def test_a_redelivery_that_is_spread_over_time_stays_spread(ledger: Ledger) -> None:
    _fill(ledger, range(1, 101))
    with ledger.transaction() as sqlite:
        sqlite.execute("UPDATE delivery SET due = ? + object * 10", (LATER,))
    assert ledger.mend_waits(LATER, 60, 10) == 0


def test_leases_and_rows_from_the_future_are_taken_back_to_now(ledger: Ledger) -> None:
    ledger.adopt(record(1, received=LATER + 86_400), ["pacs"], LATER)
    ledger.lease("pacs", LATER, 3600, 1)
    ledger.give_back(f"{1:032x}", "pacs", LATER)
    assert len(ledger.lease("pacs", LATER, 3600, 1)) == 1
    assert ledger.take_back_leases(LATER) == 1
    assert len(ledger.lease("pacs", LATER, 3600, 1)) == 1


class _RolledBack(Exception):
    pass
