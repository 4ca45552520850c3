"""What destinations stored and have not proven: requests, reports, and what each comes to, in the ledger alone."""

from __future__ import annotations

import pytest

from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.proofs import Proofs, Sequel
from tests.vault.samples import CT, INDEX_KEY, NOW, record

TRANSACTION = "2.25.1"


def never(reason: int, missed: int) -> tuple[Sequel, str]:
    raise AssertionError(f"asked about {reason} after {missed}")


class Bench:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.proofs = Proofs(ledger, INDEX_KEY)
        self.ids: list[str] = []

    def stored(self, count: int, due: float = NOW, destination: str = "pacs") -> list[str]:
        """So many that the destination has answered success to, each with a tag of its number."""
        first = len(self.ids)
        ids = []
        for number in range(first, first + count):
            entry = record(number, instance_tag=INDEX_KEY.tag("instance", str(number)))
            self.ledger.adopt(entry, [destination], NOW)
            ids.append(entry.object_id)
        self.ledger.lease(destination, NOW + 1e6, 3600, count)
        with self.ledger.transaction():
            for number, object_id in enumerate(ids):
                self.ledger.stored(object_id, destination, 0xB000, NOW, due + number)
        self.ids += ids
        return ids

    def ask(self, ids: list[str], transaction: str = TRANSACTION, due: float = NOW + 900) -> int:
        return self.proofs.ask("pacs", transaction, dict.fromkeys(ids, due), NOW)

    def report(self, reasons: dict[int, int], transaction: str = TRANSACTION, judge=never):  # type: ignore[no-untyped-def]
        """A report on instances by their numbers."""
        tag, tags = self.proofs.tags(transaction, {(CT, str(number)): reason for number, reason in reasons.items()})
        return self.proofs.report("pacs", tag, tags, judge, NOW + 5, NOW + 6)

    @property
    def counts(self) -> Queue:
        return self.ledger.counts()["pacs"]


@pytest.fixture
def bench(ledger: Ledger) -> Bench:
    return Bench(ledger)


def test_what_is_due_comes_in_order_and_not_before_its_time(bench: Bench) -> None:
    assert bench.proofs.next_due("pacs") is None
    ids = bench.stored(5)
    assert bench.proofs.next_due("pacs") == NOW
    assert bench.proofs.next_due("other") is None
    assert [each.object_id for each in bench.proofs.due("pacs", NOW + 2, 100)] == ids[:3]
    assert [each.object_id for each in bench.proofs.due("pacs", NOW + 99, 2)] == ids[:2]
    assert bench.proofs.due("other", NOW + 99, 100) == []


def test_what_was_asked_for_is_due_again_later_and_counts_its_requests(bench: Bench) -> None:
    ids = bench.stored(3)
    bench.ask(ids[:2])
    assert [each.object_id for each in bench.proofs.due("pacs", NOW + 99, 100)] == ids[2:]
    assert bench.proofs.open_requests("pacs", NOW) == 1
    assert bench.proofs.open_requests("pacs", NOW + 1) == 0, "it is too old to be waited for"
    assert bench.proofs.overdue("pacs") == 0
    bench.ask(ids[:1], "2.25.2")
    assert bench.proofs.overdue("pacs") == 1
    assert {each.object_id: each.asks for each in bench.proofs.due("pacs", NOW + 9e9, 100)} == dict(
        zip(ids, (2, 1, 0), strict=True)
    )


def test_a_request_that_was_not_heard_costs_nothing_and_its_report_counts(bench: Bench) -> None:
    ids = bench.stored(2)
    request = bench.ask(ids)
    bench.proofs.not_asked(request, NOW + 3)
    assert bench.proofs.open_requests("pacs", NOW) == 0
    assert [(each.object_id, each.asks) for each in bench.proofs.due("pacs", NOW + 3, 100)] == [
        (each, 0) for each in ids
    ]
    assert bench.report({0: 0, 1: 0}).proven == ids


def test_a_request_that_was_refused_counts_and_is_not_open(bench: Bench) -> None:
    ids = bench.stored(1)
    bench.proofs.refused(bench.ask(ids))
    assert bench.proofs.open_requests("pacs", NOW) == 0
    assert [each.asks for each in bench.proofs.due("pacs", NOW + 9e9, 100)] == [1]


def test_a_report_proves_what_it_commits_to_with_the_status_of_the_store(bench: Bench) -> None:
    ids = bench.stored(3)
    request = bench.ask(ids)
    reported = bench.report({0: 0, 2: 0, 77: 0})
    assert (reported.request, reported.proven) == (request, [ids[0], ids[2]])
    assert (reported.strange, reported.unmentioned) == (1, 1)
    assert (bench.counts.delivered, bench.counts.stored) == (2, 1)
    with bench.ledger.reading() as sqlite:
        assert (
            sqlite.execute("SELECT status, done FROM delivery WHERE state = 'delivered'").fetchall()
            == [(0xB000, NOW + 6)] * 2
        )
    again = bench.report({0: 0, 1: 0, 2: 0})
    assert (again.again, again.proven, bench.counts.stored) == (True, [], 1)


def test_a_report_of_another_destination_or_transaction_is_nobodys(bench: Bench) -> None:
    bench.ask(bench.stored(1))
    tag, tags = bench.proofs.tags(TRANSACTION, {(CT, "0"): 0})
    assert bench.proofs.report("other", tag, tags, never, NOW, NOW).request is None
    assert bench.report({0: 0}, "2.25.9").request is None
    assert bench.counts.stored == 1


@pytest.mark.parametrize(
    ("sequel", "state"), [(Sequel.RESEND, "waiting"), (Sequel.ASK, "stored"), (Sequel.HOLD, "held")]
)
def test_each_failure_has_its_sequel(bench: Bench, sequel: Sequel, state: str) -> None:
    ids = bench.stored(1)
    bench.ask(ids)
    asked: list[tuple[int, int]] = []

    def judge(reason: int, missed: int) -> tuple[Sequel, str]:
        asked.append((reason, missed))
        return sequel, "why"

    reported = bench.report({0: 0x0112}, judge=judge)
    assert asked == [(0x0112, 0)]
    with bench.ledger.reading() as sqlite:
        found = sqlite.execute("SELECT state, missed, error FROM delivery").fetchall()
    assert found == [(state, int(sequel is Sequel.RESEND), "why" if sequel is Sequel.HOLD else "")]
    assert reported.resent == (ids if sequel is Sequel.RESEND else [])
    assert reported.asked_again == (sequel is Sequel.ASK)
    assert reported.held == ([(ids[0], "why")] if sequel is Sequel.HOLD else [])


def test_an_older_failure_says_nothing_and_an_older_success_counts(bench: Bench) -> None:
    ids = bench.stored(2)
    bench.ask(ids, "2.25.1")
    bench.ask(ids, "2.25.2")
    first = bench.report({0: 0, 1: 0x0110}, "2.25.1")  # `never` would be asked
    assert (first.proven, first.held, first.resent) == ([ids[0]], [], [])
    assert bench.counts.stored == 1


def test_a_hold_is_for_what_is_not_proven(bench: Bench) -> None:
    ids = bench.stored(2)
    bench.ask(ids)
    bench.report({0: 0})
    assert not bench.proofs.hold(ids[0], "pacs", "why")
    assert bench.proofs.hold(ids[1], "pacs", "why")
    assert (bench.counts.delivered, bench.counts.held) == (1, 1)


def test_where_the_status_is_proof_all_is_settled(bench: Bench) -> None:
    bench.stored(1203)
    assert bench.proofs.settle("other", NOW) == 0
    assert bench.proofs.settle("pacs", NOW) == 1203
    assert (bench.counts.delivered, bench.counts.stored) == (1203, 0)


def test_old_requests_are_forgotten_so_many_at_a_time(bench: Bench) -> None:
    ids = bench.stored(1)
    for number in range(5):
        bench.ask(ids, f"2.25.{number}")
    assert bench.proofs.forget(NOW) == 0
    assert bench.proofs.forget(NOW + 1, limit=3) == 3
    assert bench.proofs.forget(NOW + 1) == 2
    assert bench.report({0: 0}, "2.25.4").request is None
    assert bench.counts.stored == 1


def test_no_uid_is_in_the_ledger(bench: Bench) -> None:
    bench.ask(bench.stored(1), "1.2.826.0.1.3680043.8.498.4711")
    with bench.ledger.reading() as sqlite:
        dump = "\n".join(sqlite.iterdump()) if hasattr(sqlite, "iterdump") else ""
    assert dump
    assert "3680043.8.498.4711" not in dump
