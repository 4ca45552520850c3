from __future__ import annotations

from pathlib import Path

import pytest

from appliance.vault.ledger import AdoptResult, Holding, Kind, Ledger
from tests.vault.samples import NOW, record

NEW = AdoptResult(Kind.NEW)


def _deliver(ledger: Ledger, number: int, now: float, destination: str = "pacs") -> None:
    ledger.delivered(f"{number:032x}", destination, 0, now)


def test_a_record_survives_the_ledger(ledger: Ledger) -> None:
    one = record(1)
    assert ledger.adopt(one, ["pacs"], NOW) == NEW
    assert ledger.record(one.object_id) == one
    assert ledger.state(one.object_id) == "present"
    assert ledger.record("f" * 32) is None
    assert ledger.state("f" * 32) is None


def test_entered_twice_is_known(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs"], NOW)
    assert ledger.adopt(record(1), ["pacs"], NOW) == AdoptResult(Kind.KNOWN)
    assert ledger.holdings() == {"present": Holding(1, 1000)}


def test_same_instance_same_bytes_is_a_duplicate(ledger: Ledger) -> None:
    first, second = record(1), record(2, instance_tag=record(1).instance_tag, data_set_digest=record(1).data_set_digest)
    ledger.adopt(first, ["pacs"], NOW)
    assert ledger.adopt(second, ["pacs"], NOW) == AdoptResult(Kind.DUPLICATE, first.object_id)
    assert ledger.holdings() == {"present": Holding(1, 1000)}
    assert ledger.counts()["pacs"].waiting == 1


def test_a_duplicate_that_is_owed_elsewhere_adds_to_what_the_first_owes(ledger: Ledger) -> None:
    first, second = record(1), record(2, instance_tag=record(1).instance_tag, data_set_digest=record(1).data_set_digest)
    ledger.adopt(first, ["pacs"], NOW)
    _deliver(ledger, 1, NOW)
    assert ledger.evictable(NOW, 0, 10) == [first.object_id]
    ledger.adopt(second, ["pacs", "research"], NOW)
    assert ledger.evictable(NOW, 0, 10) == []
    assert [lease.object_id for lease in ledger.lease("research", NOW + 10, 60, 10)] == [first.object_id]
    assert ledger.lease("pacs", NOW + 10, 60, 10) == []


@pytest.mark.parametrize(
    "difference", [{"data_set_digest": b"other" * 6 + b"!!"}, {"transfer_syntax": "1.2.840.10008.1.2"}, {"size": 999}]
)
def test_same_instance_other_content_is_a_conflict_and_both_stay(ledger: Ledger, difference: dict[str, object]) -> None:
    same = {"instance_tag": record(1).instance_tag, "data_set_digest": record(1).data_set_digest}
    ledger.adopt(record(1), ["pacs"], NOW)
    found = ledger.adopt(record(2, **same | difference), ["pacs"], NOW)
    assert found == AdoptResult(Kind.CONFLICT, record(1).object_id)
    assert ledger.holdings()["present"].objects == 2
    assert ledger.counts()["pacs"].waiting == 2


def test_a_copy_of_one_of_two_in_conflict_is_a_duplicate_of_that_one(ledger: Ledger) -> None:
    tag = record(1).instance_tag
    ledger.adopt(record(1), ["pacs"], NOW)
    ledger.adopt(record(2, instance_tag=tag), ["pacs"], NOW)
    again = record(3, instance_tag=tag, data_set_digest=record(2).data_set_digest)
    assert ledger.adopt(again, ["pacs"], NOW) == AdoptResult(Kind.DUPLICATE, record(2).object_id)


def test_without_the_older_file_there_is_no_duplicate(ledger: Ledger) -> None:
    first, second = record(1), record(2, instance_tag=record(1).instance_tag, data_set_digest=record(1).data_set_digest)
    ledger.adopt(first, ["pacs"], NOW)
    assert ledger.adopt(second, ["pacs"], NOW, present=lambda object_id: object_id != first.object_id) == NEW
    assert ledger.state(first.object_id) == "lost"
    assert ledger.counts()["pacs"].held == 1
    assert ledger.counts()["pacs"].waiting == 1


def test_what_is_leaving_makes_no_duplicate(ledger: Ledger) -> None:
    first, second = record(1), record(2, instance_tag=record(1).instance_tag, data_set_digest=record(1).data_set_digest)
    ledger.adopt(first, ["pacs"], NOW)
    _deliver(ledger, 1, NOW)
    ledger.leave([first.object_id])
    assert ledger.adopt(second, ["pacs"], NOW) == NEW


def test_instances_without_a_tag_are_never_compared(ledger: Ledger) -> None:
    for number in (1, 2):
        assert ledger.adopt(record(number, instance_tag=b"", data_set_digest=bytes(32)), [], NOW) == NEW


def test_only_what_all_proved_long_enough_ago_may_go(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs", "research"], NOW)
    ledger.adopt(record(2), ["pacs"], NOW)
    ledger.adopt(record(3), [], NOW)  # owed to nobody: proven by nobody
    _deliver(ledger, 1, NOW + 1)
    assert ledger.evictable(NOW + 1000, 100, 10) == []
    _deliver(ledger, 1, NOW + 3, "research")
    _deliver(ledger, 2, NOW + 2)
    assert ledger.evictable(NOW + 101, 100, 10) == []
    assert ledger.evictable(NOW + 102, 100, 10) == [record(2).object_id]
    assert ledger.evictable(NOW + 1000, 100, 10) == [record(2).object_id, record(1).object_id]
    assert ledger.evictable(NOW + 1000, 100, 1) == [record(2).object_id]


def test_leaving_then_forgotten(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs"], NOW)
    _deliver(ledger, 1, NOW)
    assert ledger.leave([record(1).object_id]) == [record(1).object_id]
    assert ledger.leave([record(1).object_id]) == []
    assert ledger.evictable(NOW, 0, 10) == []
    assert ledger.exceptional("leaving") == [record(1).object_id]
    ledger.forget(record(1).object_id)
    assert ledger.record(record(1).object_id) is None
    assert ledger.holdings()["leaving"] == Holding(0, 0)
    assert ledger.counts()["pacs"].delivered == 0


def test_what_became_owed_again_does_not_leave(ledger: Ledger) -> None:
    """A duplicate with another destination may be adopted between the question what may go and the going."""
    first, second = record(1), record(2, instance_tag=record(1).instance_tag, data_set_digest=record(1).data_set_digest)
    ledger.adopt(first, ["pacs"], NOW)
    _deliver(ledger, 1, NOW)
    going = ledger.evictable(NOW, 0, 10)
    ledger.adopt(second, ["pacs", "research"], NOW)
    assert ledger.leave(going) == []
    assert ledger.state(first.object_id) == "present"


def test_a_lost_object_holds_its_deliveries_until_it_is_found(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs", "research"], NOW)
    _deliver(ledger, 1, NOW)
    ledger.lost(record(1).object_id)
    assert [held.destination for held in ledger.held()] == ["research"]
    assert ledger.retry_held(None, NOW) == 0  # there is nothing to send
    assert ledger.adopt(record(1), ["pacs", "research"], NOW) == AdoptResult(Kind.KNOWN)
    assert ledger.state(record(1).object_id) == "present"
    assert ledger.counts()["research"].waiting == 1
    assert ledger.counts()["pacs"].delivered == 1


def test_ids_by_prefix(ledger: Ledger) -> None:
    for object_id in ("00" * 16, "0f" * 16, "0fff" + "0" * 28, "10" * 16):
        ledger.adopt(record(int(object_id[:4], 16), object_id=object_id), [], NOW)
    assert ledger.ids("0f") == ["0f" * 16, "0fff" + "0" * 28]
    assert ledger.ids("00") == ["00" * 16]
    assert ledger.ids("ff") == []


def test_the_newest_within_bounds(ledger: Ledger) -> None:
    for number in range(1, 6):
        ledger.adopt(record(number, size=100), [], NOW)
    assert ledger.newest(2, 10_000) == [record(5).object_id, record(4).object_id]
    assert ledger.newest(5, 250) == [record(5).object_id, record(4).object_id]


def test_accepted_pairs_are_learned_and_unlearned(ledger: Ledger) -> None:
    ledger.note_accepted("pacs", [("ct", "jpeg"), ("ct", "plain")], [("mr", "jpeg")], NOW)
    ledger.note_accepted("research", [("mr", "jpeg")], [], NOW)
    assert ledger.accepted("pacs") == {("ct", "jpeg"), ("ct", "plain")}
    ledger.note_accepted("pacs", [("ct", "plain")], [("ct", "jpeg")], NOW + 1)
    assert ledger.accepted("pacs") == {("ct", "plain")}
    assert ledger.accepted("nobody") == frozenset()


def test_facts_are_kept(tmp_path: Path) -> None:
    for value in (None, b"1", b"2"):
        ledger = Ledger(tmp_path / "l.sqlite")
        assert ledger.fact("x") == value
        ledger.note_fact("x", b"2" if value else b"1")
        ledger.close()


def test_a_batch_commits_together(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.transaction():
        ledger.adopt(record(1), ["pacs"], NOW)
        raise RuntimeError
    assert ledger.state(record(1).object_id) is None
    assert ledger.counts() == {}


def test_facts_of_one_kind_are_listed_and_dropped(ledger: Ledger) -> None:
    assert ledger.facts("segment ") == {}
    ledger.note_fact("segment a", b"1")
    ledger.note_fact("segment b", b"2")
    ledger.note_fact("segment b", b"3")
    ledger.note_fact("index key", b"4")
    assert ledger.facts("segment ") == {"a": b"1", "b": b"3"}
    ledger.drop_fact("segment a")
    ledger.drop_fact("segment a")
    assert ledger.facts("segment ") == {"b": b"3"}
    assert ledger.fact("index key") == b"4"


def test_a_fact_is_kept_or_not_with_the_transaction_it_is_in(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.transaction():
        ledger.note_fact("segment a", b"1")
        raise RuntimeError
    assert ledger.fact("segment a") is None
