"""What `appliance queue` asks of `forward`, on a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ApplianceError
from appliance.delivery.outcome import judge
from appliance.delivery.queue import DestinationQueue
from appliance.delivery.queue_desk import QueueDesk
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.vaults import ROOT, State

NOW = 4e9


class Site:
    """Two queues over three objects."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.ids = [self.state.put(pixels=10) for _ in range(3)]
        adoption = Adoption(Objects(self.state.layout), self.ledger, self.state.index_key, lambda _: ("pacs", "cloud"))
        adoption.adopt(self.ids, NOW)
        self.open()

    def open(self) -> None:
        self.queues = {name: DestinationQueue(name, self.ledger, now=lambda: NOW) for name in ("pacs", "cloud")}
        self.desk = QueueDesk(self.ledger, lambda: self.queues, self.said, now=lambda: NOW, wall=lambda: 1000.0)

    def said(self) -> dict[str, Any]:
        counts = self.ledger.counts()
        return {"destinations": {name: each.snapshot(counts.get(name, Queue())) for name, each in self.queues.items()}}

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.desk.operations[operation](request)

    def fail(self, status: int = 0xC000) -> list[str]:
        leases = self.queues["pacs"].take(0)
        assert leases
        for lease in leases:
            self.queues["pacs"].not_delivered(lease, judge(status))
        return [lease.object_id for lease in leases]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    made.ledger.close()


def test_a_destination_stays_held_back_over_a_start_until_it_is_let_go(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.ask("hold-back", destination="pacs")
    assert site.queues["pacs"].take(0) == []
    assert site.queues["cloud"].take(0)
    site.open()
    assert site.queues["pacs"].take(0) == []
    assert site.ask("queue")["destinations"]["pacs"]["paused"] == 1000.0
    assert site.ask("let-go", destination="pacs")["was_held"]
    assert len(site.queues["pacs"].take(0) or []) == 3
    assert not site.ask("let-go", destination="pacs")["was_held"]
    log = capfd.readouterr().err
    assert "DELIVERIES-STOPPED" in log
    assert log.count("DELIVERIES-RELEASED") == 1


def test_single_deliveries_are_held_back_and_let_go(site: Site) -> None:
    first, second, third = site.ids
    assert site.ask("hold-back", destination="pacs", objects=[first]) == {"changed": [first], "others": []}
    assert {lease.object_id for lease in site.queues["pacs"].take(0) or []} == {second, third}
    answer = site.ask("let-go", destination="pacs", objects=[first, second])
    assert (answer["changed"], answer["others"]) == ([first], [second])
    assert {lease.object_id for lease in site.queues["pacs"].take(0) or []} == {first}


def test_held_deliveries_show_the_words_of_the_standard(site: Site) -> None:
    ids = site.fail(0xA900)
    held = site.ask("held")["held"]
    assert {each["object"] for each in held} == set(ids)
    assert {each["reason"] for each in held} == {"status 0xA900, data set does not match SOP class"}
    assert site.ask("retry", destination="pacs", objects=[ids[0], "f" * 32]) == {"released": 1, "others": ["f" * 32]}
    assert site.ask("retry")["released"] == 2


def test_what_is_next_and_what_became_of_one(site: Site) -> None:
    (first, *_) = site.fail(0x0110)
    answer = site.ask("deliveries", destination="cloud")
    assert {each["object"] for each in answer["deliveries"]} == set(site.ids)
    assert answer["destination"]["waiting"] == 3
    cloud, pacs = site.ask("deliveries", object=first)["deliveries"]
    assert (cloud["state"], cloud["attempts"], cloud["due_in"]) == ("waiting", 0, 0.0)
    assert (pacs["reason"], pacs["attempts"]) == ("status 0x0110, processing failure", 1)
    assert ROOT not in str(answer) + str(cloud)
    assert site.ask("deliveries", object="f" * 32) == {"deliveries": []}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("hold-back", {}),
        ("hold-back", {"destination": "nobody"}),
        ("let-go", {"destination": ["pacs"]}),
        ("deliveries", {}),
        ("deliveries", {"object": "../../etc/passwd"}),
        ("retry", {"destination": "pacs", "objects": "x"}),
        ("retry", {"objects": ["f" * 32]}),
        ("hold-back", {"destination": "pacs", "objects": ["f" * 32] * 501}),
    ],
)
def test_what_nobody_should_ask_is_refused_with_what_is_known(
    site: Site, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ApplianceError) as refused:
        site.ask(operation, **request_)
    assert refused.value.fix


def test_what_is_named_goes_on_whoever_holds_it_and_the_journal_knows(site: Site) -> None:
    written: list[list[Any]] = []
    site.ledger.mirror = lambda entries: written.extend(entries)
    first, second, third = site.ids
    site.ask("hold-back", destination="pacs", objects=[first])
    assert site.ask("retry", destination="pacs")["released"] == 0
    assert site.ask("retry", destination="pacs", objects=[first, second]) == {"released": 1, "others": [second]}
    assert [entry[0] for entry in written] == ["keep-back", "let-go"]
    assert {lease.object_id for lease in site.queues["pacs"].take(0) or []} == {first, second, third}
