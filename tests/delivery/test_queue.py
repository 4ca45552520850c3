"""The queue of a destination on a real ledger, without couriers: what it hands out and what it remembers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import UpstreamError
from appliance.config.week import parse_week
from appliance.delivery.gate import Gate
from appliance.delivery.outcome import Outcome, Verdict, judge
from appliance.delivery.queue import DestinationQueue
from appliance.routing.retry import TOLERATED, Backoff
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Lease, Queue
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from appliance.vault.refusals import Condition, DiskRefused
from tests.delivery.vaults import CT, EXPLICIT, J2K, State

NOW = 4e9  # later than anything that a test stores


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def ledger(state: State) -> Iterator[Ledger]:
    ledger = Ledger(state.layout.ledger)
    yield ledger
    ledger.close()


class Bench:
    """A queue whose wall clock stands still, and which draws 1.0 from its dice: the longest delay."""

    def __init__(self, state: State, ledger: Ledger, base: float = 0.5, gate: Gate | None = None) -> None:
        self.state = state
        self.ledger = ledger
        self.now = NOW
        self.changes = 0
        backoff = Backoff(base, base)
        self.queue = DestinationQueue(
            "pacs", ledger, backoff=backoff, gate=gate, now=lambda: self.now, draw=lambda: 1.0, on_change=self.changed
        )

    def changed(self) -> None:
        self.changes += 1

    def put(self, count: int) -> list[str]:
        objects = Objects(self.state.layout)
        ids = [self.state.put() for _ in range(count)]
        Adoption(objects, self.ledger, self.state.index_key, lambda _: ("pacs",)).adopt(ids, NOW)
        return ids

    def counts(self) -> Queue:
        return self.ledger.counts()["pacs"]


@pytest.fixture
def bench(state: State, ledger: Ledger) -> Bench:
    return Bench(state, ledger)


def test_a_batch_is_handed_out_once(bench: Bench) -> None:
    ids = bench.put(40)
    first = bench.queue.take(0)
    second = bench.queue.take(0)
    assert first and second
    assert len(first) == limits.DELIVERY_BATCH.default
    assert {lease.object_id for lease in first + second} == set(ids)
    assert bench.queue.take(0) == []


def test_without_work_it_lingers_and_then_says_so(bench: Bench) -> None:
    assert bench.queue.take(0.05) == []


def test_new_work_wakes_who_waits(bench: Bench) -> None:
    taken: list[object] = []
    thread = threading.Thread(target=lambda: taken.append(bench.queue.take()))
    thread.start()
    bench.put(1)
    bench.queue.wake()
    thread.join(5)
    assert len(taken) == 1
    assert isinstance(taken[0], list)
    assert len(taken[0]) == 1


def test_a_stop_ends_every_wait(bench: Bench) -> None:
    threads = [threading.Thread(target=bench.queue.take) for _ in range(3)]
    for thread in threads:
        thread.start()
    bench.queue.stop()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert bench.queue.take() is None


def test_proofs_are_written_and_told(bench: Bench) -> None:
    bench.put(3)
    leases = bench.queue.take(0)
    assert leases
    for lease in leases:
        bench.queue.delivered(lease, 0)
    assert bench.counts().delivered == 0  # they share a commit, a little later
    assert bench.queue.take(0.3) == []
    assert bench.counts().delivered == 3
    assert bench.changes


def test_those_that_are_open_share_a_batch(bench: Bench) -> None:
    ids = bench.put(6)
    for _ in range(3):
        with bench.queue.sessions.opening():
            pass
    shares = [bench.queue.take(0) for _ in range(3)]
    assert [len(share or ()) for share in shares] == [2, 2, 1]  # each of what is left, and so none is late
    assert [lease.object_id for lease in bench.queue.ready()] == ids[5:]
    assert bench.counts().leased == 6


def test_a_proof_is_told_when_it_is_written_and_not_while_the_disk_refuses_it(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[int] = []
    bench.queue.prove(lambda: told.append(bench.counts().stored))
    bench.put(2)
    leases = bench.queue.take(0)
    assert leases
    assert bench.ledger.let_go(DiskRefused("the disk went", Condition.BROKEN))
    for lease in leases:
        bench.queue.delivered(lease, 0)
    bench.queue.write_proofs()
    assert not told and bench.queue.snapshot(Queue())["instances_sent"] == 0
    assert "DISK-REFUSED" in capfd.readouterr().err
    assert bench.queue.take(0) == []
    bench.ledger.take_up(Medium())
    bench.queue.write_proofs()
    assert told == [2], "who asks for proofs finds them"
    assert bench.queue.snapshot(bench.counts())["instances_sent"] == 2


def test_what_could_not_be_written_is_written_as_the_configuration_says_by_then(bench: Bench) -> None:
    bench.queue.prove(lambda: None)
    bench.put(1)
    leases = bench.queue.take(0)
    assert leases
    lease = leases[0]
    assert bench.ledger.let_go(DiskRefused("the disk went", Condition.BROKEN))
    bench.queue.delivered(lease, 0)
    bench.queue.write_proofs()
    bench.queue.prove(None)  # from now on nobody asks for more than the status
    bench.ledger.take_up(Medium())
    assert bench.queue.take(0) == []
    assert (bench.counts().stored, bench.counts().delivered) == (0, 1)


def test_who_is_idle_takes_what_another_could_not_deliver(bench: Bench) -> None:
    bench.put(1)
    leases = bench.queue.take(0)
    assert leases
    lease = leases[0]
    taken: list[Lease] = []
    idle = threading.Thread(target=lambda: taken.extend(bench.queue.take() or ()))
    idle.start()
    bench.queue.not_delivered(lease, judge(0x0110))  # and is at something long from here on
    bench.now += 1
    idle.join(10)
    bench.queue.stop()
    idle.join()
    assert [each.object_id for each in taken] == [lease.object_id]


@pytest.mark.parametrize("event", ["pause", "block", "break", "stop"])
def test_what_was_handed_to_nobody_waits_again_when_the_flow_ends(bench: Bench, event: str) -> None:
    bench.put(4)
    for _ in range(2):
        with bench.queue.sessions.opening():
            pass
    assert len(bench.queue.take(0) or ()) == 2
    if event == "pause":
        bench.queue.pause(NOW)
    elif event == "block":
        bench.queue.block("it has no identity")
    elif event == "break":
        bench.queue.failed(UpstreamError("cannot connect to it"))
    else:
        bench.queue.stop()
        assert bench.queue.take(0) is None
    assert not bench.queue.ready()
    assert (bench.counts().waiting, bench.counts().leased) == (2, 2)


def test_a_failure_of_the_destination_stops_the_flow_and_then_one_is_tried(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.put(5)
    leases = bench.queue.take(0)
    assert leases
    bench.queue.failed(UpstreamError("cannot connect to it", fix="Check the network."))
    bench.queue.give_back(leases)
    assert not bench.queue.flowing
    assert bench.queue.take(0) == []
    said = bench.queue.snapshot(bench.counts())
    assert (said["error"], said["circuit"], said["failures"]) == ("cannot connect to it", "open", 1)
    assert said["advice"] == "Check the network."
    assert said["waiting"] == 5
    log = capfd.readouterr().err
    assert "DELIVERY-FAILED" in log
    assert "Check the network." in log
    trial = bench.queue.take(5)
    assert trial
    assert len(trial) == 1
    assert trial[0].attempts == 1  # the row was not to blame
    assert bench.queue.take(0) == []  # while it is under way, no other
    bench.queue.delivered(trial[0], 0)
    assert bench.queue.flowing
    rest = bench.queue.take(0)
    assert rest
    assert len(rest) == 4
    said = bench.queue.snapshot(bench.counts())
    assert (said["error"], said["advice"]) == ("", "")
    assert "DESTINATION-RECOVERED" in capfd.readouterr().err


def test_out_of_resources_stops_the_flow_and_the_row_waits(bench: Bench) -> None:
    bench.put(2)
    leases = bench.queue.take(0)
    assert leases
    bench.queue.not_delivered(leases[0], judge(0xA700))
    assert not bench.queue.flowing
    bench.queue.give_back(leases[1:])
    trial = bench.queue.take(5)
    assert trial
    assert trial[0].object_id == leases[1].object_id  # the refused row is due later


def test_a_temporary_failure_of_one_lets_the_others_flow_until_it_is_a_habit(bench: Bench) -> None:
    bench.put(TOLERATED)
    leases = bench.queue.take(0)
    assert leases
    for lease in leases[:-1]:
        bench.queue.not_delivered(lease, judge(0x0110))
        assert bench.queue.flowing
    bench.queue.not_delivered(leases[-1], judge(0x0110))
    assert not bench.queue.flowing
    assert bench.counts().waiting == TOLERATED


def test_a_permanent_failure_is_held_until_a_person_sends_it_on(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.put(2)
    leases = bench.queue.take(0)
    assert leases
    for lease in leases:
        bench.queue.not_delivered(lease, judge(0xC000))
    assert bench.queue.flowing
    assert bench.counts().held == 2
    (held, _) = bench.ledger.held("pacs")
    assert "0xC000" in held.error
    assert "DELIVERY-HELD" in capfd.readouterr().err
    assert bench.queue.retry_held() == 2
    again = bench.queue.take(0)
    assert again
    assert len(again) == 2


def test_an_object_that_we_cannot_read_says_nothing_of_the_destination(bench: Bench) -> None:
    bench.put(3)
    leases = bench.queue.take(0)
    assert leases
    bench.queue.failed(UpstreamError("down"))
    bench.queue.give_back(leases)
    trial = bench.queue.take(5)
    assert trial
    bench.queue.not_delivered(trial[0], Outcome(Verdict.PERMANENT, "damaged", ours=True))
    said = bench.queue.snapshot(bench.counts())
    assert (said["circuit"], said["error"]) == ("open", "down")
    another = bench.queue.take(0)
    assert another
    assert len(another) == 1


def test_a_refused_kind_is_remembered_until_a_person_asks_again(bench: Bench) -> None:
    assert not bench.queue.refuses((CT, J2K))
    bench.queue.refused((CT, J2K), "it takes none")
    assert bench.queue.refuses((CT, J2K)) == "it takes none"
    assert not bench.queue.refuses((CT, EXPLICIT))
    bench.queue.retry_held()
    assert not bench.queue.refuses((CT, J2K))


def test_what_a_session_accepted_is_noted(bench: Bench) -> None:
    class Opened:
        calling_ae = "EDGE01"
        proposed = frozenset({(CT, EXPLICIT), (CT, J2K)})
        accepted = frozenset({(CT, EXPLICIT)})

        def store(self, source: object) -> Outcome:
            raise NotImplementedError

        def alive(self) -> bool:
            return True

        def end(self) -> None:
            pass

    bench.queue.opened(Opened())
    assert bench.ledger.accepted("pacs") == {(CT, EXPLICIT)}


def test_a_queue_that_nobody_serves_says_why(bench: Bench) -> None:
    bench.queue.block("no identity")
    assert bench.queue.snapshot(Queue())["error"] == "no identity"


def test_what_a_person_holds_back_waits_and_goes_on_where_it_was(bench: Bench) -> None:
    bench.put(3)
    bench.queue.pause(1000.0)
    assert bench.queue.take(0) == []
    assert not bench.queue.flowing
    assert bench.queue.snapshot(bench.counts())["paused"] == 1000.0
    bench.queue.pause(None)
    leases = bench.queue.take(0)
    assert leases
    assert [lease.attempts for lease in leases] == [1, 1, 1]


def test_a_closed_schedule_ends_the_flow_and_wakes_nobody_before_its_time(state: State, ledger: Ledger) -> None:
    moment = datetime.fromisoformat("2026-11-23 12:00")
    bench = Bench(state, ledger, gate=Gate(parse_week("22:00-06:00"), lambda: moment))
    bench.put(2)
    assert bench.queue.take(0) == []
    moment = datetime.fromisoformat("2026-11-23 22:00")
    leases = bench.queue.take(0)
    assert leases
    assert bench.queue.flowing
    moment = datetime.fromisoformat("2026-11-24 06:00")  # in the middle of a batch
    assert not bench.queue.flowing


def test_new_instances_pass_a_backlog(bench: Bench) -> None:
    longest = limits.DELIVERY_BATCH.default - limits.DELIVERY_FRESH.default
    old = bench.put(3 * limits.DELIVERY_BATCH.default)
    first = bench.queue.take(0)
    assert first
    (new,) = bench.put(1)
    second = bench.queue.take(0)
    assert second
    taken = [lease.object_id for lease in second]
    assert new in taken
    assert len(set(taken) & set(old)) == len(taken) - 1
    assert len(set(taken[:longest]) & set(old[: 2 * longest])) == longest  # the longest-due go on all the same


def test_a_retry_does_not_wait_for_the_breaker(bench: Bench) -> None:
    slow = Bench(bench.state, bench.ledger, base=3600)
    slow.put(1)
    leases = slow.queue.take(0)
    assert leases
    slow.queue.failed(UpstreamError("down"))
    slow.queue.give_back(leases)
    assert slow.queue.take(0) == []
    slow.queue.retry_held()
    assert slow.queue.take(0)


def test_one_delivery_is_sent_on_alone(bench: Bench) -> None:
    bench.put(2)
    leases = bench.queue.take(0)
    assert leases
    for lease in leases:
        bench.queue.not_delivered(lease, judge(0xC000))
    assert bench.queue.retry_one(leases[0].object_id)
    assert not bench.queue.retry_one(leases[0].object_id)
    assert bench.counts().held == 1
    assert bench.queue.snapshot(bench.counts())["last_error"]["reason"] == "status 0xC000, cannot understand"


@pytest.mark.parametrize("step", [3600.0, -3600.0, 30 * 86400.0])
def test_a_step_of_the_clock_on_the_wall_moves_no_wait_and_no_lease(state: State, ledger: Ledger, step: float) -> None:
    """The queue's clock is not the one on the wall: that one dates what was delivered, and nothing else."""
    wall, now = 1e9, NOW
    queue = DestinationQueue(
        "pacs", ledger, backoff=Backoff(60, 60), now=lambda: now, wall=lambda: wall, draw=lambda: 1.0
    )
    Adoption(Objects(state.layout), ledger, state.index_key, lambda _: ("pacs",)).adopt([state.put(), state.put()], now)
    leases = queue.take(0)
    assert leases
    queue.not_delivered(leases[0], judge(0x0110))
    wall += step
    assert queue.take(0) == []  # neither the backoff nor the lease is over
    now += 59
    assert queue.take(0) == []
    now += 1
    again = queue.take(0)
    assert again
    assert [lease.object_id for lease in again] == [leases[0].object_id]
    queue.delivered(leases[1], 0)
    queue.write_proofs()
    with ledger.reading() as sqlite:
        assert sqlite.execute("SELECT done FROM delivery WHERE state = 'delivered'").fetchone() == (1e9 + step,)


def test_what_was_adopted_while_the_clock_was_ahead_goes_at_once(state: State, ledger: Ledger) -> None:
    now = time.time() - 3600  # the queue's; what comes is dated an hour later
    queue = DestinationQueue("pacs", ledger, now=lambda: now)
    Adoption(Objects(state.layout), ledger, state.index_key, lambda _: ("pacs",)).adopt([state.put()], now)
    leases = queue.take(0)
    assert leases
    queue.give_back(leases)
    assert queue.take(0)
