"""What a commitment report is said to have come to, and who is woken by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.delivery.proof_reports import ProofReports
from appliance.vault.adoption import Adoption
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.proofs import Proofs
from tests.delivery.vaults import CT, ROOT, State

TRANSACTION = "2.25.4711"
NOW = 2e9


class Desk:
    """Instances that the destination stored and was asked to commit to."""

    def __init__(self, root: Path, count: int) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.proofs = Proofs(self.ledger, self.state.index_key)
        self.ids = [self.state.put() for _ in range(count)]
        self.uids = list(self.state.sent)
        adoption = Adoption(Objects(self.state.layout), self.ledger, self.state.index_key, lambda _: ("pacs",))
        adoption.adopt(self.ids, NOW)
        self.ledger.lease("pacs", NOW, 3600, count)
        with self.ledger.transaction():
            for object_id in self.ids:
                self.ledger.stored(object_id, "pacs", 0, NOW, NOW)
        self.request = self.proofs.ask("pacs", TRANSACTION, dict.fromkeys(self.ids, NOW + 900), NOW)
        self.calls: list[str] = []
        self.reports = ProofReports(
            "pacs",
            self.proofs,
            on_change=lambda: self.calls.append("change"),
            on_resend=lambda: self.calls.append("resend"),
            now=lambda: NOW + 1,
            wall=lambda: NOW + 7,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state", 5)
    yield desk
    desk.ledger.close()


def test_each_instance_has_its_own_sequel_and_all_is_said(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    committed, lost, refused, again, _ = desk.uids
    reported = desk.reports.take(
        TRANSACTION,
        {
            (CT, committed): 0,
            (CT, lost): 0x0112,
            (CT, refused): 0x0110,
            (CT, again): 0x0131,
            (CT, f"{ROOT}.98"): 0,
        },
    )
    assert reported.request == desk.request
    assert (reported.proven, reported.resent) == ([desk.ids[0]], [desk.ids[1]])
    assert [object_id for object_id, _ in reported.held] == [desk.ids[2]]
    assert (reported.asked_again, reported.strange, reported.unmentioned) == (1, 1, 1)
    assert desk.calls == ["change", "resend"]
    counts = desk.ledger.counts()["pacs"]
    assert (counts.delivered, counts.waiting, counts.held, counts.stored) == (1, 1, 1, 2)
    log = capfd.readouterr().err
    assert "pacs committed to 1 " in log
    for words in ("1 not there, sent again", "1 to be asked for again", "1 held", "1 not mentioned", "1 not asked for"):
        assert words in log
    assert desk.ids[2] in log
    assert "does not commit to it: 0x0110" in log
    assert ROOT not in log


def test_the_same_report_again_and_one_of_nobodys_request_change_nothing(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    reasons = dict.fromkeys(((CT, uid) for uid in desk.uids), 0)
    assert len(desk.reports.take(TRANSACTION, reasons).proven) == 5
    before = desk.ledger.counts()["pacs"]
    again = desk.reports.take(TRANSACTION, dict.fromkeys(reasons, 0x0110))
    assert (again.again, again.proven, again.held) == (True, [], [])
    nobodys = desk.reports.take("2.25.1", dict.fromkeys(reasons, 0x0112))
    assert (nobodys.request, nobodys.strange) == (None, 5)
    assert desk.ledger.counts()["pacs"] == before
    assert "resend" not in desk.calls
    log = capfd.readouterr().err
    assert "PROOF-REPORTED-AGAIN" in log
    assert "PROOF-REPORT-UNKNOWN" in log


def test_the_log_is_not_flooded(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(1000):
        desk.reports.take(f"2.25.{number}", {(CT, desk.uids[0]): 0})
    assert capfd.readouterr().err.count("PROOF-REPORT-UNKNOWN") < 20


def test_by_its_tags_a_report_is_the_same(desk: Desk) -> None:
    tags = desk.proofs.tags(TRANSACTION, {(CT, uid): 0 for uid in desk.uids})
    assert len(desk.reports.take_tags(*tags).proven) == 5
    assert desk.reports.take(TRANSACTION, {}).again


def test_what_the_ledger_does_not_take_was_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DiskError("the medium is full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.proofs, "report", fail)
        with pytest.raises(DiskError):
            desk.reports.take(TRANSACTION, {(CT, desk.uids[0]): 0})
    assert desk.calls == []
    assert desk.reports.take(TRANSACTION, {(CT, desk.uids[0]): 0}).proven == [desk.ids[0]]
