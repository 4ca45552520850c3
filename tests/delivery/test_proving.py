"""Proof by commitment of the destination, step by step: a real vault, ledger and journal; the clock stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.keyring import Keyring
from appliance.delivery.proof_reports import ProofReports
from appliance.delivery.proof_session import Take
from appliance.delivery.proving import Instances, Prover, Terms
from appliance.delivery.queue import DestinationQueue
from appliance.routing.retry import Backoff
from appliance.upper_layer.commitment import NO_SUCH_INSTANCE, Reference
from appliance.vault import departure
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.journal import Journal
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.proofs import Proofs
from tests.delivery.vaults import CT, ROOT, State

TERMS = Terms(gather=5, batch=4, open_requests=3, wait=10, deadline=900, longest=3600, asks=3, backoff=Backoff(8, 60))


class Pacs:
    """The far end, without a network. What it reports while somebody listens is in `says`."""

    def __init__(self) -> None:
        self.take: Take | None = None
        self.asked: list[tuple[str, list[Reference]]] = []
        self.says: list[Callable[[Take], None]] = []
        self.commits = False
        self.status = 0x0000
        self.up = True
        self.breaks_in_request = False
        self.associations = 0
        self.usable = True

    def __call__(self, take: Take) -> Pacs:
        if not self.up:
            raise UpstreamError("cannot connect to pacs: Connection refused")
        self.take = take
        self.associations += 1
        return self

    def ask(self, transaction: str, references: list[Reference]) -> int:
        self.asked.append((transaction, references))
        if self.breaks_in_request:
            raise UpstreamError("it closed the connection")
        if self.commits:
            self.says.append(lambda take: take(transaction, dict.fromkeys(references, 0)))
        return self.status

    def listen(self, seconds: float, enough: Callable[[], bool]) -> None:
        assert self.take
        said, self.says = self.says, []
        for each in said:
            each(self.take)

    def cut(self) -> None: ...
    def end(self) -> None: ...


class Scene:
    def __init__(self, root: Path) -> None:
        self.state = State(root / "state")
        self.objects = Objects(self.state.layout)
        self.pacs = Pacs()
        self.time = time.time()
        self.woken = 0
        self.open()

    def open(self) -> None:
        """As `forward` starts."""
        self.ledger = Ledger(self.state.layout.ledger)
        self.journal = Journal(self.state.layout, self.state.index_key)
        self.ledger.mirror = self.journal.append
        self.ledger.take_back_leases(self.time)
        self.proofs = Proofs(self.ledger, self.state.index_key)
        now = lambda: self.time  # noqa: E731
        self.queue = DestinationQueue("pacs", self.ledger, gather=TERMS.gather, now=now, wall=now)
        self.queue.prove(lambda: None)
        self.reports = ProofReports("pacs", self.proofs, on_resend=self._wake, now=now, wall=now)
        keyring = Keyring([str(self.state.identity.recipient)], [self.state.identity], lockable=True)
        self.keyring = keyring
        self.prover = Prover(
            self.reports,
            self.proofs,
            self.queue.sessions,
            self.pacs,
            Instances(self.objects, keyring),
            terms=TERMS,
            now=now,
            draw=lambda: 1.0,
        )

    def restart(self) -> None:
        self.close()
        self.open()

    def close(self) -> None:
        self.ledger.close()
        self.journal.close()

    def _wake(self) -> None:
        self.woken += 1

    def put(self, count: int = 1) -> list[str]:
        """Instances that are in the vault and that the courier has stored upstream."""
        ids = [self.state.put() for _ in range(count)]
        Adoption(self.objects, self.ledger, self.state.index_key, lambda _: ("pacs",)).adopt(ids, self.time)
        self.store()
        return ids

    def store(self) -> list[str]:
        """What a courier does with all that waits."""
        leases = self.ledger.lease("pacs", self.time, 3600, 100)
        for lease in leases:
            self.queue.delivered(lease, 0)
        self.queue.write_proofs()
        return [lease.object_id for lease in leases]

    def later(self, seconds: float) -> None:
        """Time passes, and the prover looks."""
        self.time += seconds
        self.prover.look()

    def uids(self, number: int = -1) -> set[str]:
        return {uid for _, uid in self.pacs.asked[number][1]}

    @property
    def counts(self) -> Queue:
        return self.ledger.counts()["pacs"]

    def evict(self) -> list[str]:
        return departure.evict(self.ledger, self.objects, self.time, 0, 100)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def uid(number: int) -> str:
    return f"{ROOT}.2.{number}"


def test_stored_is_not_delivered_and_is_not_forgotten(scene: Scene) -> None:
    scene.put(2)
    assert (scene.counts.stored, scene.counts.delivered) == (2, 0)
    assert scene.counts.oldest is not None
    assert scene.evict() == []


def test_what_was_stored_is_asked_for_together_after_a_while(scene: Scene) -> None:
    scene.put(2)
    scene.later(0)
    assert scene.pacs.asked == []
    scene.later(3)
    scene.put(1)
    scene.pacs.commits = True
    scene.later(2)  # five seconds after the first
    assert scene.uids() == {uid(1), uid(2), uid(3)}
    assert scene.counts.delivered == 3 and scene.counts.stored == 0
    assert len(scene.evict()) == 3


def test_a_full_batch_does_not_wait_and_no_request_is_longer(scene: Scene) -> None:
    scene.pacs.commits = True
    scene.put(6)
    scene.later(0)
    assert [len(references) for _, references in scene.pacs.asked] == [4]
    scene.later(5)
    assert [len(references) for _, references in scene.pacs.asked] == [4, 2]
    assert scene.counts == Queue(delivered=6)


def test_the_proof_is_in_the_journal_before_it_counts(scene: Scene) -> None:
    (object_id,) = scene.put()
    scene.pacs.commits = True
    scene.later(5)
    proofs = [entry for batch in scene.journal.read() for entry in batch if entry[0] == "proof"]
    assert [(entry[1], entry[2], entry[3]) for entry in proofs] == [(object_id, "pacs", 0)]


def test_a_report_after_a_restart_is_known_by_its_tag(scene: Scene) -> None:
    scene.put(2)
    scene.later(5)
    transaction, references = scene.pacs.asked[0]
    scene.restart()
    reported = scene.reports.take(transaction, dict.fromkeys(references, 0))
    assert len(reported.proven) == 2
    assert scene.counts == Queue(delivered=2)


def test_no_uid_is_on_the_disk(scene: Scene) -> None:
    scene.put(1)
    scene.later(5)
    transaction = scene.pacs.asked[0][0]
    for path in (each for each in scene.state.root.rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert uid(1).encode() not in content and transaction.encode() not in content, path


def test_one_that_never_comes_is_asked_again_under_another_uid_ever_later_and_then_held(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    scene.later(899)
    assert len(scene.pacs.asked) == 1
    assert scene.prover.snapshot() == {"overdue": 0, "proof_error": ""}
    scene.later(1)
    assert len(scene.pacs.asked) == 2
    assert scene.prover.snapshot()["overdue"] == 1
    scene.later(1799)
    assert len(scene.pacs.asked) == 2
    scene.later(1)
    assert len({transaction for transaction, _ in scene.pacs.asked}) == 3
    scene.later(3600)
    assert len(scene.pacs.asked) == 3
    (held,) = scene.ledger.held("pacs")
    assert held.error == "it stored this and did not commit to it: 3 requests brought no report"
    assert scene.evict() == []


def test_an_early_report_that_comes_late_counts_also_for_what_is_held(scene: Scene) -> None:
    scene.put()
    for seconds in (5, 900, 1800, 3600):
        scene.later(seconds)
    assert scene.counts.held == 1
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0})
    assert scene.counts == Queue(delivered=1)


def test_a_report_that_comes_twice_changes_nothing(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    transaction, references = scene.pacs.asked[0]
    assert not scene.reports.take(transaction, dict.fromkeys(references, 0)).again
    before = scene.ledger.counts()
    assert scene.reports.take(transaction, dict.fromkeys(references, NO_SUCH_INSTANCE)).again
    assert scene.ledger.counts() == before == {"pacs": Queue(delivered=1)}


def test_a_report_on_a_transaction_that_nobody_opened_changes_nothing(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    reported = scene.reports.take("1.2.3", {(CT, uid(1)): 0})
    assert reported.request is None and not reported.proven
    assert scene.counts.stored == 1


def test_instances_that_nobody_asked_for_are_not_proven(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    scene.put()  # stored, and not in the request
    transaction, references = scene.pacs.asked[0]
    reported = scene.reports.take(transaction, {**dict.fromkeys(references, 0), (CT, uid(2)): 0, (CT, "1.2.3"): 0})
    assert (len(reported.proven), reported.strange) == (1, 2)
    assert (scene.counts.delivered, scene.counts.stored) == (1, 1)


def test_an_instance_of_another_class_is_not_proven(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    reported = scene.reports.take(scene.pacs.asked[0][0], {("1.2.840.10008.5.1.4.1.1.4", uid(1)): 0})
    assert (reported.proven, reported.strange, reported.unmentioned) == ([], 1, 1)
    assert scene.counts.stored == 1


def test_what_a_report_leaves_out_is_asked_for_again(scene: Scene) -> None:
    scene.put(2)
    scene.later(5)
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0})
    scene.later(900)
    assert scene.uids() == {uid(2)}


def test_one_that_is_not_there_is_sent_again_once_and_then_held(scene: Scene) -> None:
    (object_id,) = scene.put()
    scene.later(5)
    reported = scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): NO_SUCH_INSTANCE})
    assert reported.resent == [object_id] and scene.woken == 1
    assert scene.counts.waiting == 1
    assert scene.store() == [object_id]
    scene.later(5)
    assert len(scene.pacs.asked) == 2
    scene.reports.take(scene.pacs.asked[1][0], {(CT, uid(1)): NO_SUCH_INSTANCE})
    (held,) = scene.ledger.held("pacs")
    assert held.error == (
        "it stored this and does not commit to it: 0x0112, no such object instance, and again after it was sent anew"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (0x0110, "processing failure"),
        (0x0119, "class-instance conflict"),
        (0x0122, "referenced SOP class not supported"),
        (0x0213, "resource limitation"),
        (0x7777, "a reason that no table lists"),
    ],
)
def test_other_failures_are_held_in_the_words_of_the_standard(scene: Scene, reason: int, words: str) -> None:
    scene.put(2)
    scene.later(5)
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): reason, (CT, uid(2)): 0})
    (held,) = scene.ledger.held("pacs")
    assert held.error == f"it stored this and does not commit to it: 0x{reason:04X}, {words}"
    assert (scene.counts.held, scene.counts.delivered) == (1, 1)
    scene.queue.retry_held()
    assert scene.store()  # a person sends it again


def test_a_duplicate_transaction_is_asked_again_at_once(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0x0131})
    assert scene.counts.stored == 1
    scene.pacs.commits = True
    scene.later(0)
    assert scene.counts == Queue(delivered=1)


def test_an_old_failure_says_nothing_of_what_was_asked_for_again(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    scene.later(900)
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0x0110})
    assert scene.counts.stored == 1
    scene.reports.take(scene.pacs.asked[1][0], {(CT, uid(1)): 0})
    assert scene.counts == Queue(delivered=1)


def test_a_report_from_before_it_was_sent_again_proves_nothing(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    scene.later(900)  # two are open
    scene.reports.take(scene.pacs.asked[1][0], {(CT, uid(1)): NO_SUCH_INSTANCE})
    scene.store()
    scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0})
    assert scene.counts.stored == 1


def test_a_destination_that_is_down_costs_no_instance_a_request(scene: Scene) -> None:
    scene.put()
    scene.pacs.up = False
    scene.time += 5
    assert [scene.prover.look() for _ in range(5)] == [8.0, 16.0, 32.0, 60, 60]
    assert scene.prover.snapshot()["proof_error"] == "cannot connect to pacs: Connection refused"
    scene.pacs.up = scene.pacs.commits = True
    scene.later(0)
    assert scene.counts == Queue(delivered=1)
    assert scene.prover.snapshot() == {"overdue": 0, "proof_error": ""}


def test_an_association_that_breaks_in_the_request_costs_none_and_its_report_counts(scene: Scene) -> None:
    scene.put()
    scene.pacs.breaks_in_request = True
    for _ in range(5):
        scene.later(60)
    assert len(scene.pacs.asked) == 5 and scene.counts.stored == 1
    scene.reports.take(scene.pacs.asked[2][0], {(CT, uid(1)): 0})
    assert scene.counts == Queue(delivered=1)


def test_a_request_that_is_refused_is_said_and_counts(scene: Scene) -> None:
    scene.put()
    scene.pacs.status = 0x0211
    scene.later(5)
    said = "it answered the request to commit with status 0x0211, unrecognized operation"
    assert scene.prover.snapshot()["proof_error"] == said
    for seconds in (900, 1800, 3600):
        scene.later(seconds)
    assert len(scene.pacs.asked) == 3 and scene.counts.held == 1


def test_what_it_kept_for_us_is_heard_before_it_is_asked_again(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    transaction, references = scene.pacs.asked[0]
    scene.pacs.says.append(lambda take: take(transaction, dict.fromkeys(references, 0)))
    scene.later(900)
    assert scene.pacs.associations == 2 and len(scene.pacs.asked) == 1
    assert scene.counts == Queue(delivered=1)


def test_so_many_requests_may_be_open_and_no_more(scene: Scene) -> None:
    scene.put(16)
    scene.later(5)
    assert len(scene.pacs.asked) == 3
    scene.later(0)
    assert len(scene.pacs.asked) == 3
    scene.reports.take(scene.pacs.asked[0][0], dict.fromkeys(scene.pacs.asked[0][1], 0))
    scene.later(0)
    assert len(scene.pacs.asked) == 4


def test_one_whose_file_is_lost_is_held(scene: Scene) -> None:
    (object_id,) = scene.put()
    scene.objects.remove([object_id])
    scene.later(5)
    assert scene.pacs.asked == []
    assert [each.error for each in scene.ledger.held("pacs")] == ["the object's file is missing"]


def test_while_it_is_locked_nothing_is_asked(scene: Scene) -> None:
    scene.put()
    scene.keyring.lock()
    scene.later(5)
    assert scene.pacs.asked == [] and scene.counts.stored == 1


def test_two_contents_of_one_instance_are_proven_by_one_answer(scene: Scene) -> None:
    ids = [scene.state.put(uid="1.2.3.4") for _ in range(2)]
    Adoption(scene.objects, scene.ledger, scene.state.index_key, lambda _: ("pacs",)).adopt(ids, scene.time)
    scene.store()
    scene.pacs.commits = True
    scene.later(5)
    assert scene.pacs.asked[0][1] == [(CT, "1.2.3.4")]
    assert scene.counts == Queue(delivered=2)


def test_a_destination_whose_status_is_proof_again_owes_nothing(scene: Scene) -> None:
    scene.put(3)
    assert scene.proofs.settle("other", scene.time) == 0
    assert scene.proofs.settle("pacs", scene.time) == 3
    assert scene.counts == Queue(delivered=3)


def test_requests_are_forgotten_and_reports_on_them_are_nobodys(scene: Scene) -> None:
    scene.put()
    scene.later(5)
    assert scene.proofs.forget(scene.time + 1) == 1
    assert scene.reports.take(scene.pacs.asked[0][0], {(CT, uid(1)): 0}).request is None
    scene.later(900)
    assert len(scene.pacs.asked) == 2
