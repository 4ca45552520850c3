"""The table of commitment requests: what is owed, and what is remembered."""

from __future__ import annotations

import pytest

from appliance.vault.commitments import Candidate, Commitments, Entry
from appliance.vault.ledger import Ledger
from tests.vault.samples import CT, INDEX_KEY, NOW, Vault, record
from tests.vault.test_commitment_requests import UID, request

DUPLICATE = 0x0131


@pytest.fixture
def commitments(ledger: Ledger) -> Commitments:
    return Commitments(ledger, INDEX_KEY)


def enter(commitments: Commitments, number: int = 1, now: float = NOW, **changes: object) -> Entry:
    return commitments.enter(request(number, **changes), b"sealed", now, DUPLICATE)


def test_the_way_of_a_request(commitments: Commitments) -> None:
    assert commitments.next_due() is None
    assert enter(commitments) is Entry.NEW
    (asked,) = commitments.asked(NOW, 10)
    assert (asked.request_id, asked.peer, asked.sealed, asked.reasons) == (f"{1:032x}", "CT suite 2", b"sealed", None)
    commitments.postpone(asked.request_id, NOW + 5)
    assert commitments.asked(NOW + 4, 10) == []
    assert commitments.next_due() == NOW + 5
    commitments.decide(asked.request_id, [0, 0x0112], NOW + 5)
    assert commitments.asked(NOW + 9, 10) == []
    assert commitments.peers_due(NOW + 5) == ["CT suite 2"]
    (decided,) = commitments.decided("CT suite 2", NOW + 5, 10)
    assert decided.reasons == (0, 0x0112)
    assert commitments.counts() == {"asked": 0, "decided": 1}
    commitments.reported(asked.request_id, NOW + 6)
    assert commitments.peers_due(NOW + 9) == []
    assert commitments.next_due() is None
    assert commitments.counts() == {"asked": 0, "decided": 0}


def test_a_decision_is_not_taken_twice(commitments: Commitments) -> None:
    enter(commitments)
    commitments.decide(f"{1:032x}", [0, 0], NOW)
    commitments.decide(f"{1:032x}", [1, 1], NOW)
    assert commitments.decided("CT suite 2", NOW, 1)[0].reasons == (0, 0)


def test_a_file_that_came_back_is_known(commitments: Commitments) -> None:
    enter(commitments)
    assert enter(commitments) is Entry.KNOWN
    commitments.reported(f"{1:032x}", NOW)
    assert enter(commitments) is Entry.KNOWN


def test_the_same_request_again_is_answered_once(commitments: Commitments) -> None:
    enter(commitments)
    assert enter(commitments, 2, transaction=request(1).transaction) is Entry.REPEATED
    assert commitments.counts() == {"asked": 1, "decided": 0}


def test_a_transaction_uid_is_used_once(commitments: Commitments) -> None:
    enter(commitments)
    other = ((CT, f"{UID}.9"),)
    assert enter(commitments, 2, transaction=request(1).transaction, references=other) is Entry.DUPLICATE
    (decided,) = commitments.decided("CT suite 2", NOW, 10)
    assert decided.reasons == (DUPLICATE,)
    commitments.reported(f"{1:032x}", NOW)
    assert enter(commitments, 3, transaction=request(1).transaction) is Entry.DUPLICATE, "it is dead afterwards"
    assert enter(commitments, 4, transaction=request(1).transaction, peer="MR") is Entry.NEW, "of another device"


def test_what_was_given_up_may_be_asked_again(commitments: Commitments) -> None:
    enter(commitments)
    commitments.give_up(f"{1:032x}", "too long", NOW)
    assert enter(commitments) is Entry.KNOWN, "the file that came back"
    assert enter(commitments, 2, transaction=request(1).transaction) is Entry.NEW
    other = ((CT, f"{UID}.9"),)
    assert enter(commitments, 3, transaction=request(1).transaction, references=other) is Entry.DUPLICATE


def test_a_failure_delays_all_that_a_peer_is_owed_and_nobody_else(commitments: Commitments) -> None:
    for number, peer in ((1, "CT"), (2, "CT"), (3, "MR")):
        enter(commitments, number, peer=peer)
        commitments.decide(f"{number:032x}", [0], NOW)
    commitments.failed("CT", "cannot connect", NOW + 60)
    assert commitments.peers_due(NOW + 59) == ["MR"]
    assert [each.attempts for each in commitments.decided("CT", NOW + 60, 10)] == [1, 1]


def test_one_that_is_not_taken_waits_alone_and_comes_last(commitments: Commitments) -> None:
    for number in (1, 2, 3):
        enter(commitments, number, peer="CT")
        commitments.decide(f"{number:032x}", [0], NOW)
    commitments.not_taken(f"{1:032x}", "it answered 0x0110", NOW + 5)
    assert [each.request_id for each in commitments.decided("CT", NOW + 4, 10)] == [f"{2:032x}", f"{3:032x}"]
    assert [each.attempts for each in commitments.decided("CT", NOW + 5, 10)] == [0, 0, 1]
    commitments.failed("CT", "cannot connect", NOW + 60)
    assert [each.request_id for each in commitments.decided("CT", NOW + 60, 2)] == [f"{2:032x}", f"{3:032x}"]
    commitments.reported(f"{1:032x}", NOW)
    commitments.not_taken(f"{1:032x}", "it answered 0x0110", NOW + 5)
    assert commitments.counts() == {"asked": 0, "decided": 2}


def test_what_is_kept_is_due_when_its_peer_comes(commitments: Commitments) -> None:
    for number, peer in ((1, "CT"), (2, "CT"), (3, "MR")):
        enter(commitments, number, peer=peer)
        commitments.decide(f"{number:032x}", [0], NOW)
        commitments.keep(f"{number:032x}")
    enter(commitments, 4, peer="CT")
    commitments.keep(f"{4:032x}")  # is not decided yet
    assert commitments.kept_peers() == ["CT", "MR"]
    assert commitments.peers_due(NOW + 1e9) == []
    assert commitments.next_due() == NOW, "of the one that was asked"
    assert commitments.counts() == {"asked": 1, "decided": 3}
    commitments.failed("CT", "cannot connect", NOW + 60)
    assert commitments.recall("CT", NOW + 5) == 2
    assert [each.request_id for each in commitments.decided("CT", NOW + 5, 10)] == [f"{1:032x}", f"{2:032x}"]
    assert commitments.kept_peers() == ["MR"]
    assert [each.peer for each in commitments.kept_since(NOW + 1, 10)] == ["MR"]
    assert commitments.kept_since(NOW, 10) == []
    commitments.reported(f"{3:032x}", NOW)
    assert commitments.recall("MR", NOW) == 0


def test_what_is_kept_is_open_for_the_same_request_and_the_next_start(commitments: Commitments) -> None:
    enter(commitments)
    commitments.decide(f"{1:032x}", [0], NOW)
    commitments.keep(f"{1:032x}")
    again = request(2, transaction=request(1).transaction)
    assert enter(commitments, 2, transaction=request(1).transaction) is Entry.REPEATED
    assert commitments.again(again, NOW + 3) == f"{1:032x}"
    assert [each.due for each in commitments.decided("CT suite 2", NOW + 3, 10)] == [NOW]
    assert commitments.again(request(3), NOW) is None
    assert commitments.again(request(4, transaction=request(1).transaction, peer="MR"), NOW) is None


def test_whose_report_it_is(commitments: Commitments) -> None:
    enter(commitments)
    assert not commitments.decided_for("CT suite 2", f"{1:032x}"), "nothing is decided"
    commitments.decide(f"{1:032x}", [0], NOW)
    assert commitments.decided_for("CT suite 2", f"{1:032x}")
    assert not commitments.decided_for("MR", f"{1:032x}")
    commitments.keep(f"{1:032x}")
    assert commitments.decided_for("CT suite 2", f"{1:032x}")
    commitments.reported(f"{1:032x}", NOW)
    assert not commitments.decided_for("CT suite 2", f"{1:032x}")


def test_what_is_over_keeps_no_uid_not_even_sealed(ledger: Ledger, commitments: Commitments) -> None:
    for number, end in ((1, commitments.reported), (2, lambda each, now: commitments.give_up(each, "too long", now))):
        enter(commitments, number)
        commitments.decide(f"{number:032x}", [0, 0], NOW)
        end(f"{number:032x}", NOW)
    with ledger.reading() as sqlite:
        assert sqlite.execute("SELECT state, request, reasons FROM commitment ORDER BY id").fetchall() == [
            ("reported", None, None),
            ("given up", None, None),
        ]


def test_transactions_are_forgotten_after_a_time(commitments: Commitments) -> None:
    enter(commitments)
    enter(commitments, 2)
    commitments.reported(f"{1:032x}", NOW)
    assert commitments.forget(NOW) == 0
    assert commitments.forget(NOW + 1) == 1
    assert enter(commitments) is Entry.NEW
    assert commitments.counts()["asked"] == 2


def test_holders_are_found_by_tag(ledger: Ledger, commitments: Commitments) -> None:
    tag = INDEX_KEY.tag("instance", "1.2.3")
    ledger.adopt(record(1, instance_tag=tag), ["pacs"], NOW)
    ledger.adopt(record(2, instance_tag=tag, sop_class="1.2"), ["pacs"], NOW)
    ledger.quarantine(record(2).object_id)
    assert commitments.holders("1.2.3") == [
        Candidate(record(1).object_id, CT, "present"),
        Candidate(record(2).object_id, "1.2", "quarantined"),
    ]
    assert commitments.holders("1.2.4") == []


def test_it_survives_the_process(vault: Vault) -> None:
    commitments = Commitments(vault.ledger, INDEX_KEY)
    enter(commitments)
    commitments.decide(f"{1:032x}", [0, 0x0119], NOW)
    vault.ledger.close()
    vault.ledger = Ledger(vault.layout.ledger)
    (decided,) = Commitments(vault.ledger, INDEX_KEY).decided("CT suite 2", NOW, 10)
    assert decided.reasons == (0, 0x0119)
