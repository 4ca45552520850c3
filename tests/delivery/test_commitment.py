"""The way of a request through `forward`: taken over, decided in time, reported until it was taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import UpstreamError
from appliance.delivery.commitment import Committer
from appliance.delivery.commitment_decision import Decision
from appliance.delivery.open_associations import OpenAssociations
from appliance.delivery.report_ways import Ways
from appliance.host.report_channel import Answered, Here
from appliance.routing.retry import Backoff
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.index_key import IndexKey
from appliance.upper_layer.commitment import DUPLICATE_TRANSACTION, NO_SUCH_INSTANCE
from appliance.vault.adoption import Adoption
from appliance.vault.commitment_requests import WaitingRequests, keep
from appliance.vault.commitments import Commitments
from appliance.vault.incoming import Incoming
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.far_end import FarEnd
from tests.delivery.upstream import until
from tests.delivery.vaults import CT, State
from tests.vault.media import BadSector

A, B = "1.2.3.400500", "1.2.3.400501"


class Modality:
    """The far end of reports, without a network."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, str, tuple[int, ...]]] = []
        self.associations = 0
        self.open = 0
        self.up = True
        self.calling_ae = ""

    def __call__(self, peer: str, calling_ae: str) -> Modality:
        if not self.up:
            raise UpstreamError("cannot connect to 10.20.0.11:104: Connection refused")
        self.associations += 1
        self.open += 1
        self.calling_ae = calling_ae
        return self

    def report(self, request: CommitmentRequest, reasons: tuple[int, ...]) -> None:
        if not self.up:
            raise UpstreamError("it closed the connection")
        self.reports.append((request.transaction, self.calling_ae, reasons))

    def end(self) -> None:
        self.open = 0


class Scene:
    def __init__(self, root: Path) -> None:
        self.state = State(root / "state")
        self.incoming = Incoming(self.state.layout)
        self.objects = Objects(self.state.layout)
        self.medium = BadSector()
        self.modality = Modality()
        self.time = time.time()
        self.number = 0
        self.unaddressed: set[str] = set()
        self.open()

    def open(self, **more: float) -> None:
        """As `forward` starts."""
        self.ledger = Ledger(self.state.layout.ledger)
        self.adoption = Adoption(self.objects, self.ledger, self.state.index_key, lambda _: ("pacs",))
        self.runtime_dir = self.state.root.parent
        self.associations = OpenAssociations(self.runtime_dir)
        self.ways = Ways(self.associations, self.modality, lambda peer: peer not in self.unaddressed)
        self.commitments = Commitments(self.ledger, self.state.index_key)
        self.committer = Committer(
            WaitingRequests(self.state.layout, self.state.index_key, self.medium),
            self.commitments,
            self.objects,
            Decision(self.adoption, self.commitments, lambda _: None),
            self.ways,
            now=lambda: self.time,
            draw=lambda: 1.0,
            backoff=Backoff(8, 60),
            **more,
        )

    def adopt(self) -> None:
        self.adoption.adopt(self.objects.waiting(), self.time)

    def ask(self, *uids: str, transaction: str = "", called_ae: str = "PACS", peer: str = "CT") -> str:
        self.number += 1
        request = CommitmentRequest(
            request_id=f"{self.number:032x}",
            received=self.time + self.number / 1000,
            peer=peer,
            calling_ae="CT1",
            called_ae=called_ae,
            transaction=transaction or f"1.2.7.{self.number}",
            references=tuple((CT, uid) for uid in uids),
        )
        keep(self.incoming, request, self.state.index_key)
        return request.transaction

    def step(self) -> None:
        """What the threads do, in turn."""
        self.committer.take_over()
        self.committer.decide()
        for peer in self.commitments.peers_due(self.time):
            self.committer.reporting.report(peer)

    def close(self) -> None:
        """As `forward` ends, by whatever."""
        self.associations.stop()
        self.ledger.close()

    @property
    def reports(self) -> list[tuple[str, str, tuple[int, ...]]]:
        return self.modality.reports


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def test_what_is_held_is_reported_under_the_title_that_was_called(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    transaction = scene.ask(A)
    scene.step()
    assert scene.reports == [(transaction, "PACS", (0,))]
    assert not list(scene.state.layout.incoming.iterdir())
    assert scene.committer.counts() == {"asked": 0, "decided": 0}
    assert scene.modality.open == 0
    logged = capsys.readouterr().err
    assert "COMMITMENT-DECIDED" in logged
    assert "COMMITMENT-REPORTED" in logged
    assert "400500" not in logged and transaction not in logged


def test_an_instance_that_comes_late_is_waited_for(scene: Scene) -> None:
    transaction = scene.ask(A)
    scene.step()
    assert scene.reports == []
    scene.time += 2
    scene.state.put(uid=A)
    scene.adopt()
    scene.step()
    assert scene.reports == [(transaction, "PACS", (0,))]


def test_an_instance_that_never_comes_is_waited_for_so_long(scene: Scene) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    transaction = scene.ask(A, B)
    for _ in range(9):
        scene.step()
        scene.time += 1
    assert scene.reports == []
    scene.time += 2
    scene.step()
    assert scene.reports == [(transaction, "PACS", (0, NO_SUCH_INSTANCE))]


def test_what_was_received_before_the_request_is_adopted_first(scene: Scene) -> None:
    scene.state.put(uid=A)
    transaction = scene.ask(A)
    scene.step()
    scene.time += 60  # the grace is over, adoption lags behind
    scene.state.put(uid=B)
    scene.step()
    assert scene.reports == []
    scene.adopt()
    scene.time += 1
    scene.step()
    assert scene.reports == [(transaction, "PACS", (0,))]


def test_adoption_that_never_comes_ends_the_patience(scene: Scene) -> None:
    scene.state.put(uid=A)
    transaction = scene.ask(A)
    scene.step()
    scene.time += 601
    scene.step()
    assert scene.reports == [(transaction, "PACS", (NO_SUCH_INSTANCE,))]


def test_the_same_request_twice_has_one_report_and_another_content_is_refused(scene: Scene) -> None:
    for uid in (A, B):
        scene.state.put(uid=uid)
    scene.adopt()
    scene.ask(A, transaction="1.2.9")
    scene.ask(A, transaction="1.2.9")
    scene.ask(B, transaction="1.2.9")
    scene.step()
    assert sorted(scene.reports) == [("1.2.9", "PACS", (0,)), ("1.2.9", "PACS", (DUPLICATE_TRANSACTION,))]
    scene.ask(A, transaction="1.2.9")
    scene.step()
    assert scene.reports[2:] == [("1.2.9", "PACS", (DUPLICATE_TRANSACTION,))]


def test_a_report_is_tried_until_it_is_taken(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    transactions = [scene.ask(A), scene.ask(A)]
    scene.modality.up = False
    scene.step()
    assert "COMMITMENT-UNREPORTED" in capsys.readouterr().err
    scene.modality.up = True
    scene.step()
    assert scene.reports == [], "not before the pause is over"
    scene.time += 8
    scene.step()
    assert [transaction for transaction, *_ in scene.reports] == transactions
    assert scene.modality.associations == 1


def test_a_decision_stays_what_it_was_and_outlives_the_program(scene: Scene) -> None:
    object_id = scene.state.put(uid=A)
    scene.adopt()
    transaction = scene.ask(A)
    scene.modality.up = False
    scene.step()
    scene.close()
    scene.modality.up = True
    scene.open()
    scene.state.layout.object_file(object_id).unlink()
    scene.time += 60
    scene.step()
    assert scene.reports == [(transaction, "PACS", (0,))]


def test_a_request_that_was_entered_and_not_removed_is_not_asked_twice(scene: Scene) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    scene.ask(A)
    path = scene.state.layout.incoming_request(f"{1:032x}")
    kept = path.read_bytes()
    scene.step()
    path.write_bytes(kept)
    scene.step()
    assert len(scene.reports) == 1
    assert not path.exists()


def test_a_report_that_nobody_takes_is_given_up(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    scene.ask(A)
    scene.modality.up = False
    for _ in range(3):
        scene.step()
        scene.time += 40 * 3600
    assert scene.committer.counts() == {"asked": 0, "decided": 0}
    assert "COMMITMENT-GIVEN-UP" in capsys.readouterr().err


def test_titles_that_were_called_have_associations_of_their_own(scene: Scene) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    for title in ("PACS", "EDGE01"):
        scene.ask(A, called_ae=title)
    scene.step()
    assert [title for _, title, _ in scene.reports] == ["PACS", "EDGE01"]
    assert scene.modality.associations == 2


def test_a_request_that_does_not_open_is_kept_aside(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    request = CommitmentRequest("e" * 32, 1.0, "CT", "CT1", "PACS", "1.2.3", ((CT, A),))
    keep(scene.incoming, request, IndexKey(bytes(32)))
    scene.state.put(uid=A)
    scene.adopt()
    scene.ask(A)
    scene.step()
    assert len(scene.reports) == 1
    assert "COMMITMENT-UNREADABLE" in capsys.readouterr().err
    assert len(scene.objects.quarantined()) == 1


def test_a_request_that_the_disk_does_not_give_keeps_no_other_waiting(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    spoilt = scene.ask(A)
    scene.medium.spoilt = scene.state.layout.incoming_request(f"{scene.number:032x}")
    other = scene.ask(A)
    scene.committer.start()
    until(lambda: [transaction for transaction, *_ in scene.reports] == [other])
    until(lambda: "DISK-REFUSED" in capsys.readouterr().err)
    scene.medium.spoilt = None
    scene.committer.wake()
    until(lambda: {transaction for transaction, *_ in scene.reports} == {spoilt, other})
    assert scene.committer.stop()


def test_its_threads_do_the_same_and_end(scene: Scene) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    scene.committer.start()
    transactions = {scene.ask(A, peer=peer) for peer in ("CT", "MR", "US")}
    scene.committer.wake()
    until(lambda: {transaction for transaction, *_ in scene.reports} == transactions)
    until(lambda: scene.committer.counts() == {"asked": 0, "decided": 0})
    assert scene.committer.is_alive()
    assert scene.committer.stop()
    assert not scene.committer.is_alive()


HERE = Here("CT", "CT1", "PACS")


def keep_one(scene: Scene) -> str:
    """A peer without an address asks for what is here, and leaves: the Transaction UID."""
    scene.unaddressed.add("CT")
    scene.state.put(uid=A)
    scene.adopt()
    transaction = scene.ask(A)
    scene.step()
    return transaction


def test_what_leads_nowhere_is_kept_and_nobody_looks_at_it(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep_one(scene)
    assert scene.committer.counts() == {"asked": 0, "decided": 1}
    assert scene.commitments.next_due() is None
    assert scene.commitments.peers_due(scene.time + 1e6) == []
    assert "COMMITMENT-KEPT" in capsys.readouterr().err


def test_it_comes_back_and_gets_what_was_kept_once(scene: Scene) -> None:
    transaction = keep_one(scene)
    scene.committer.start()
    other = FarEnd(scene.runtime_dir, scene.state.index_key, Here("CT", "CT2", "PACS"))
    back = FarEnd(scene.runtime_dir, scene.state.index_key, HERE)
    until(lambda: scene.committer.counts() == {"asked": 0, "decided": 0})
    assert scene.committer.stop()
    for each in (other, back):
        each.end()
    assert other.reports == []
    assert [each[1:] for each in back.reports] == [(transaction, (0,))]


def test_what_was_kept_outlives_the_program(scene: Scene) -> None:
    transaction = keep_one(scene)
    scene.close()
    scene.open()
    scene.committer.start()
    back = FarEnd(scene.runtime_dir, scene.state.index_key, HERE)
    until(lambda: back.reports)
    until(lambda: scene.committer.counts() == {"asked": 0, "decided": 0})
    assert scene.committer.stop()
    back.end()
    assert [each[1:] for each in back.reports] == [(transaction, (0,))]


def test_a_peer_that_got_an_address_meanwhile_gets_what_was_kept_there(scene: Scene) -> None:
    transaction = keep_one(scene)
    scene.close()
    scene.unaddressed.clear()
    scene.open()
    scene.committer.start()
    until(lambda: scene.reports == [(transaction, "PACS", (0,))])
    assert scene.committer.stop()


def test_what_was_kept_too_long_is_given_up(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep_one(scene)
    scene.time += 72 * 3600 - 60
    scene.committer.reporting.clean()
    assert scene.committer.counts()["decided"] == 1
    scene.time += 120
    scene.committer.reporting.clean()
    assert scene.committer.counts()["decided"] == 0
    assert "COMMITMENT-GIVEN-UP" in capsys.readouterr().err


def test_who_asks_for_the_same_again_hears_over_that_association(scene: Scene) -> None:
    scene.state.put(uid=A)
    scene.adopt()
    scene.modality.up = False
    transaction = scene.ask(A)
    scene.step()
    scene.committer.start()
    back = FarEnd(scene.runtime_dir, scene.state.index_key, HERE, f"{2:032x}")
    until(lambda: scene.associations.that_asked(f"{2:032x}"))
    scene.ask(A, transaction=transaction)
    scene.committer.wake()
    until(lambda: scene.committer.counts() == {"asked": 0, "decided": 0})
    assert scene.committer.stop()
    back.end()
    assert back.reports == [(f"{1:032x}", transaction, (0,))]


def test_an_answer_that_came_after_forward_died_ends_it(scene: Scene) -> None:
    keep_one(scene)
    scene.committer.start()
    for peer, status, left in (("MR", 0, 1), ("CT", 0x0110, 1), ("CT", 0, 0)):
        far = FarEnd(scene.runtime_dir, scene.state.index_key, Here(peer, "CT9", "PACS"))
        far.say(Answered(f"{1:032x}", status))
        far.end()
        if left:
            asked = CommitmentRequest("f" * 32, 1, peer, "CT9", "PACS", "1", ())
            until(lambda asked=asked: not scene.associations.of(asked))
            scene.committer.reporting.look()
            assert scene.committer.counts()["decided"] == left
    until(lambda: scene.committer.counts()["decided"] == 0)
    assert scene.committer.stop()


def test_a_decision_is_not_over_before_the_answer_is_in_the_ledger(scene: Scene) -> None:
    transaction = keep_one(scene)
    scene.committer.start()
    ended = FarEnd(scene.runtime_dir, scene.state.index_key, HERE, answers=(-1,))
    until(lambda: ended.reports)
    ended.end()
    until(lambda: (scene.commitments.next_due() or 0) > scene.time)
    assert scene.committer.counts()["decided"] == 1
    scene.time += 8
    back = FarEnd(scene.runtime_dir, scene.state.index_key, HERE)
    scene.committer.wake()
    until(lambda: scene.committer.counts()["decided"] == 0)
    assert scene.committer.stop()
    back.end()
    assert [each[1] for each in back.reports] == [transaction]


def test_a_device_that_ends_its_associations_is_given_up(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep_one(scene)
    for _ in range(8):
        scene.ways.went("CT", taken=False)
    scene.committer.start()
    ended = FarEnd(scene.runtime_dir, scene.state.index_key, HERE, answers=(-1,))
    until(lambda: scene.committer.counts()["decided"] == 0)
    assert scene.committer.stop()
    ended.end()
    assert "COMMITMENT-GIVEN-UP" in capsys.readouterr().err


def test_one_that_comes_while_its_report_is_being_kept_is_not_missed(scene: Scene) -> None:
    scene.unaddressed.add("CT")
    scene.committer.reporting.start(lambda: None)
    came: list[FarEnd] = []

    class Commitment(Commitments):
        def keep(self, request_id: str) -> None:
            came.append(FarEnd(scene.runtime_dir, scene.state.index_key, HERE))
            until(lambda: scene.associations.of(CommitmentRequest("f" * 32, 1, "CT", "CT1", "PACS", "1", ())))
            scene.committer.reporting.look()
            super().keep(request_id)

    scene.committer.reporting._commitments = Commitment(scene.ledger, scene.state.index_key)
    scene.state.put(uid=A)
    scene.adopt()
    scene.ask(A)
    scene.committer.take_over()
    scene.committer.decide()
    scene.committer.reporting.look()
    until(lambda: scene.committer.counts()["decided"] == 0)
    assert scene.committer.reporting.stop(5)
    (far,) = came
    far.end()
    assert len(far.reports) == 1


def test_one_that_comes_no_further_is_told_from_one_that_rests(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENGINE_STEP", replace(limits.ENGINE_STEP, default=0))
    goes_on = threading.Event()
    look = scene.committer.take_over
    monkeypatch.setattr(scene.committer, "take_over", lambda: goes_on.wait() and look())
    scene.committer.start()
    until(lambda: not scene.committer.is_alive())
    goes_on.set()
    until(scene.committer.is_alive)
    assert scene.committer.stop()
