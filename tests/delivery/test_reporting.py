"""What a peer is owed, told to pynetdicom that takes it or does not; over restarts, one thread a peer."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.delivery import reporting as module
from appliance.delivery.commitment_report import ReportSession
from appliance.delivery.open_associations import OpenAssociations
from appliance.delivery.report_ways import Ways
from appliance.delivery.reporting import Reporting
from appliance.host.report_channel import Answered, Here
from appliance.routing.retry import TOLERATED, Backoff
from appliance.seal import commitment as sealed_form
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.index_key import IndexKey
from appliance.upper_layer.commitment import DUPLICATE_TRANSACTION, NO_SUCH_INSTANCE
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.commitments import Commitments
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.refusals import Condition, DiskRefused
from tests.delivery.commitment_requests import CT, HERE, KEY, request
from tests.delivery.far_end import FarEnd
from tests.delivery.requestor import Requestor, target
from tests.delivery.upstream import free_port, until

GIVE_UP = 72 * 3600.0
THREADS = ("report", "associations")


def threads(name: str = "report") -> int:
    return sum(each.name == name for each in threading.enumerate())


class Refusing(Commitments):
    """A ledger whose medium refuses what it is told to, once each."""

    refuses: set[str]

    def __getattribute__(self, name: str) -> object:
        if name != "refuses" and name in self.refuses:
            self.refuses.remove(name)
            raise DiskRefused("cannot write the ledger: Input/output error", Condition.BROKEN)
        return super().__getattribute__(name)


class Scene:
    """`forward`'s end of reports, with the ledger that they are owed in. Time stands still unless a test moves it."""

    def __init__(self, root: Path) -> None:
        self.layout = StateLayout(root / "state")
        self.layout.create()
        self.runtime_dir = root
        self.modality = Requestor()
        self.ports: dict[str, int] = {"CT": self.modality.port}
        self.time = 1e9
        self.draw = 1.0
        self.changes = 0
        self.wakes = 0
        self.far_ends: list[FarEnd] = []
        self.open()

    def open(self) -> None:
        """As `forward` starts, before anything of it runs."""
        self.ledger = Ledger(self.layout.ledger)
        self.commitments = Refusing(self.ledger, KEY)
        self.commitments.refuses = set()
        self.associations = OpenAssociations(self.runtime_dir)
        self.ways = Ways(self.associations, self.connect, self.ports.__contains__)
        self.reporting = Reporting(
            WaitingRequests(self.layout, KEY),
            self.commitments,
            self.ways,
            on_change=self.changed,
            give_up=GIVE_UP,
            backoff=Backoff(8, 60),
            now=lambda: self.time,
            draw=lambda: self.draw,
        )

    def start(self) -> None:
        self.reporting.start(self.woken)

    def close(self) -> None:
        """As `forward` ends."""
        assert self.reporting.stop(10)
        self.ledger.close()

    def connect(self, peer: str, calling_ae: str) -> ReportSession:
        return ReportSession(target(self.ports[peer]), None, calling_ae)

    def changed(self) -> None:
        self.changes += 1

    def woken(self) -> None:
        self.wakes += 1

    def owe(
        self,
        number: int = 1,
        peer: str = "CT",
        *,
        called_ae: str = "PACS",
        reasons: tuple[int, ...] = (0,),
        key: IndexKey = KEY,
    ) -> CommitmentRequest:
        """Enter a request and decide it."""
        asked = request(number, peer, called_ae=called_ae)
        sealed = sealed_form.seal(asked, key, os.urandom(sealed_form.SALT))
        self.commitments.enter(asked, sealed, self.time, DUPLICATE_TRANSACTION)
        self.commitments.decide(asked.request_id, reasons, self.time)
        return asked

    def come(self, *asked: str, here: Here = HERE, answers: tuple[int | None, ...] = ()) -> FarEnd:
        """A device opens an association with `receive`."""
        self.far_ends.append(FarEnd(self.runtime_dir, KEY, here, *asked, answers=answers))
        return self.far_ends[-1]

    def go(self, later: float = 0.0) -> None:
        """Look, and let the threads end that it starts."""
        self.time += later
        self.reporting.look()
        until(lambda: not threads())

    @property
    def told(self) -> list[str]:
        return [each.transaction for each in self.modality.reports]

    @property
    def owed(self) -> int:
        return self.commitments.counts()["decided"]

    def wait(self) -> float | None:
        """Seconds until something is due."""
        due = self.commitments.next_due()
        return None if due is None else due - self.time


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()
    made.modality.stop()
    for each in made.far_ends:
        each.end()
    assert not any(map(threads, THREADS))


# Taken


def test_what_is_owed_is_told_in_order_over_one_association_and_is_over(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 41):
        scene.owe(number, reasons=(NO_SUCH_INSTANCE if number == 2 else 0,))
    with scene.modality:
        scene.go()
    assert scene.told == [f"1.2.{number}" for number in range(1, 41)]
    assert scene.modality.associations == 1
    assert {each.calling_ae for each in scene.modality.reports} == {"PACS"}
    assert scene.modality.reports[0].committed == [(CT, "1.2.3")]
    assert scene.modality.reports[1].failed == [(CT, "1.2.3", NO_SUCH_INSTANCE)]
    assert (scene.owed, scene.wait(), scene.changes) == (0, None, 1)
    log = capfd.readouterr().err
    assert log.count("COMMITMENT-REPORTED") == 40
    assert "at its address" in log
    assert "1.2." not in log


def test_each_title_that_was_called_has_an_association_of_its_own(scene: Scene) -> None:
    for number, title in enumerate(("PACS", "EDGE01", "EDGE01")):
        scene.owe(number, called_ae=title)
    with scene.modality:
        scene.go()
    assert [each.calling_ae for each in scene.modality.reports] == ["PACS", "EDGE01", "EDGE01"]
    assert scene.modality.associations == 2


def test_nothing_is_told_before_it_is_due_or_decided(scene: Scene) -> None:
    scene.commitments.enter(request(), b"sealed", scene.time, DUPLICATE_TRANSACTION)
    with scene.modality:
        scene.go()
        scene.go(3600)
    assert (scene.told, scene.changes) == ([], 0)


# Not taken


def test_a_peer_that_is_gone_is_tried_ever_more_rarely_and_then_told_everything(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.owe(1)
    scene.owe(2)
    waits = []
    for _ in range(5):
        scene.go(scene.wait() or 0)
        waits.append(scene.wait())
    assert waits == [8, 16, 32, 60, 60]
    assert scene.commitments.peers_due(scene.time + 59) == []
    log = capfd.readouterr().err
    assert log.count("COMMITMENT-UNREPORTED") == 5
    assert "next try in 8 s" in log and "cannot connect" in log
    with scene.modality:
        scene.go(59)
        assert scene.told == [], "not before the wait is over"
        scene.go(1)
    assert scene.told == ["1.2.1", "1.2.2"]
    scene.owe(3)
    scene.go()
    assert scene.wait() == 8, "what it took ends what it did not"


def test_no_draw_makes_it_try_without_a_pause(scene: Scene) -> None:
    scene.draw = 0.0
    scene.owe()
    scene.go()
    assert scene.wait() == 1


@pytest.mark.parametrize("fault", ["rejects", "denies the role", "aborts", "refuses", "warns of junk", "closes"])
def test_however_it_fails_it_is_told_once_it_is_well(
    scene: Scene, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.owe()
    sick = {
        "rejects": Requestor(title="OTHER"),
        "denies the role": Requestor(scp_role=False),
        "aborts": Requestor(answer=-1),
        "refuses": Requestor(answer=0x0110),
        "warns of junk": Requestor(answer=0xC001),
    }.get(fault)
    if sick:
        scene.ports["CT"] = sick.port
        with sick:
            scene.go()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            scene.ports["CT"] = listener.getsockname()[1]
            scene.reporting.look()
            listener.accept()[0].close()
            until(lambda: not threads())
    assert (scene.owed, scene.wait()) == (1, 8)
    log = capfd.readouterr().err
    assert "COMMITMENT-UNREPORTED" in log and "INTERNAL-ERROR" not in log
    assert "COMMITMENT-REPORTED" not in log
    scene.ports["CT"] = scene.modality.port
    with scene.modality:
        scene.go(8)
    assert (scene.told, scene.owed) == (["1.2.1"], 0)


@pytest.mark.parametrize("junk", [b"HTTP/1.0 400 Bad Request\r\n\r\n", b"\x02\0\0\0\0\4junk", bytes(100)])
def test_a_peer_that_does_not_speak_dicom_is_one_that_fails(
    scene: Scene, junk: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.owe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scene.ports["CT"] = listener.getsockname()[1]
        scene.reporting.look()
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            until(lambda: not threads())
    assert (scene.owed, scene.wait()) == (1, 8)
    log = capfd.readouterr().err
    assert "COMMITMENT-UNREPORTED" in log and "INTERNAL-ERROR" not in log


def test_a_report_that_is_not_taken_holds_up_no_other(scene: Scene) -> None:
    """A device may have forgotten one transaction, and keeps the images of all the others until they are reported."""
    for number in range(1, 4):
        scene.owe(number)
    scene.modality.answers = {"1.2.1": 0x0110}
    with scene.modality:
        scene.go()
        assert scene.told == ["1.2.1", "1.2.2", "1.2.3"]
        assert scene.modality.associations == 1
        assert (scene.owed, scene.wait()) == (1, 8)
        scene.go(8)
        assert (scene.owed, scene.wait()) == (1, 16)
        scene.modality.answers.clear()
        scene.go(16)
    assert scene.told[3:] == ["1.2.1", "1.2.1"]
    assert scene.owed == 0


def test_a_device_that_takes_none_is_left_alone_after_a_few_and_those_tried_least_come_first(scene: Scene) -> None:
    for number in range(1, 11):
        scene.owe(number)
    scene.modality.answer = 0x0110
    with scene.modality:
        scene.go()
        assert scene.told == [f"1.2.{number}" for number in range(1, 1 + TOLERATED)]
        assert scene.commitments.peers_due(scene.time) == []
        scene.modality.answer = 0x0000
        scene.modality.answers = dict.fromkeys(scene.told, 0x0110)
        scene.modality.reports.clear()
        scene.go(60)
    assert scene.told[:5] == [f"1.2.{number}" for number in range(6, 11)]
    assert scene.owed == 5


def test_one_that_it_takes_in_between_ends_the_row(scene: Scene) -> None:
    for number in range(1, 11):
        scene.owe(number)
    scene.modality.answers = {f"1.2.{number}": 0x0110 for number in range(1, 11) if number not in (4, 8)}
    with scene.modality:
        scene.go()
    assert len(scene.told) == 10


def test_it_is_given_up_in_the_end_and_what_is_younger_is_not(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.owe(1)
    scene.time += GIVE_UP
    scene.go()
    assert scene.owed == 1
    scene.time += 1
    scene.owe(2)
    scene.go(7)
    assert scene.owed == 1
    log = capfd.readouterr().err
    assert log.count("COMMITMENT-GIVEN-UP") == 1
    assert request(1).request_id in log.split("COMMITMENT-GIVEN-UP")[1].split("\n")[0]
    with scene.modality:
        scene.go(60)
    assert scene.told == ["1.2.2"]


def test_one_that_is_not_taken_for_so_long_is_given_up_alone(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.owe(1)
    scene.modality.answers = {"1.2.1": 0x0110}
    with scene.modality:
        scene.go()
        scene.time += GIVE_UP + 1
        scene.owe(2)
        scene.go()
    assert (scene.owed, scene.told) == (0, ["1.2.1", "1.2.2", "1.2.1"])
    assert "0x0110" in capfd.readouterr().err.split("COMMITMENT-GIVEN-UP")[1]


def test_what_does_not_open_is_given_up_and_the_others_are_told(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.owe(1, key=IndexKey(bytes(32)))
    scene.owe(2)
    scene.commitments.enter(request(3), b"no request at all", scene.time, DUPLICATE_TRANSACTION)
    scene.commitments.decide(request(3).request_id, (0,), scene.time)
    scene.owe(4)
    with scene.modality:
        scene.go()
    assert (scene.told, scene.owed) == (["1.2.2", "1.2.4"], 0)
    assert capfd.readouterr().err.count("COMMITMENT-GIVEN-UP") == 2


def test_the_log_is_not_flooded(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.owe()
    for _ in range(20):
        scene.go(60)
    assert capfd.readouterr().err.count("COMMITMENT-UNREPORTED") == 5


# Several peers


def test_a_peer_that_hangs_holds_up_nobody_else_and_has_one_thread(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        scene.ports["MR"] = silent.getsockname()[1]
        scene.owe(1, "MR")
        scene.owe(2, "CT")
        with scene.modality:
            for _ in range(3):
                scene.reporting.look()
            until(lambda: scene.told == ["1.2.2"])
            until(lambda: threads() == 1)
            scene.reporting.look()
            assert threads() == 1
        connection, _ = silent.accept()
        connection.close()
        until(lambda: not threads())
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert scene.wait() == 8


def test_so_many_are_told_at_a_time_and_the_next_when_one_ended(scene: Scene) -> None:
    most = limits.COMMITMENT_REPORTERS.default
    with socket.create_server(("127.0.0.1", 0), backlog=most) as silent, scene.modality:
        for number in range(most):
            scene.ports[f"A{number}"] = silent.getsockname()[1]
            scene.owe(number, f"A{number}")
        scene.reporting.look()
        scene.owe(99, "CT")
        scene.reporting.look()
        assert threads() == most
        assert scene.told == []
        silent.accept()[0].close()
        until(lambda: scene.changes == 1)
        scene.reporting.look()  # as the committer does when it hears of a change
        until(lambda: scene.told == ["1.2.99"])
        for _ in range(most - 1):
            silent.accept()[0].close()
        until(lambda: not threads())
    assert scene.owed == most


def test_an_error_of_ours_is_told_and_ends_nobody_elses_reports(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_DISK_PAUSE", 0.0)
    scene.ports["MR"] = "not a port"  # type: ignore[assignment]
    scene.owe(1, "MR")
    scene.owe(2, "CT")
    with scene.modality:
        scene.go()
        assert scene.told == ["1.2.2"]
        assert "INTERNAL-ERROR" in capfd.readouterr().err
        scene.ports["MR"] = scene.modality.port
        scene.go()
    assert (scene.told, scene.owed) == (["1.2.2", "1.2.1"], 0)


def test_a_thread_that_cannot_be_started_is_started_the_next_time(scene: Scene) -> None:
    scene.owe()
    before = threading.stack_size(1 << 46)  # more than any address space has
    try:
        with pytest.raises(RuntimeError, match="thread"):
            scene.reporting.look()
    finally:
        threading.stack_size(before)
    with scene.modality:
        scene.go()
    assert (scene.told, scene.owed) == (["1.2.1"], 0)


# The medium


def test_an_answer_that_the_ledger_does_not_take_is_asked_for_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_DISK_PAUSE", 0.0)
    scene.owe(1)
    scene.owe(2)
    scene.commitments.refuses = {"reported"}
    with scene.modality:
        scene.go()
        assert (scene.told, scene.owed) == (["1.2.1"], 2)
        assert "DISK-REFUSED" in capfd.readouterr().err
        scene.go()
    assert (scene.told, scene.owed) == (["1.2.1", "1.2.1", "1.2.2"], 0)


def test_who_came_is_not_forgotten_when_the_ledger_refuses(scene: Scene) -> None:
    del scene.ports["CT"]
    scene.owe()
    scene.start()
    scene.go()
    assert scene.wait() is None
    far = scene.come()
    until(lambda: scene.wakes)
    scene.commitments.refuses = {"recall"}
    with pytest.raises(DiskRefused):
        scene.reporting.look()
    scene.go()
    assert (len(far.reports), scene.owed) == (1, 0)


@pytest.mark.parametrize("refused", ["decided_for", "reported"])
def test_a_late_answer_is_not_forgotten_when_the_ledger_refuses(scene: Scene, refused: str) -> None:
    del scene.ports["CT"]
    scene.owe()
    scene.start()
    scene.go()
    scene.come(here=Here("CT", "CT9", "PACS")).say(Answered(request().request_id, 0))
    until(lambda: scene.wakes == 2)
    scene.commitments.refuses = {refused}
    with pytest.raises(DiskRefused):
        scene.reporting.look()
    assert scene.owed == 1
    scene.go()
    assert scene.owed == 0


def test_what_is_due_at_an_address_that_came_is_not_forgotten_either(scene: Scene) -> None:
    port = scene.ports.pop("CT")
    scene.owe()
    scene.go()
    scene.ports["CT"] = port
    scene.reporting.readdress()
    scene.commitments.refuses = {"recall"}
    with pytest.raises(DiskRefused):
        scene.reporting.look()
    with scene.modality:
        scene.go()
    assert scene.told == ["1.2.1"]


# Without an address


def test_what_leads_nowhere_is_kept_until_it_comes_and_not_looked_at(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    del scene.ports["CT"]
    scene.start()
    for number in (1, 2):
        scene.owe(number)
    scene.go()
    assert (scene.owed, scene.wait()) == (2, None)
    assert capfd.readouterr().err.count("COMMITMENT-KEPT") == 2
    scene.go(3600)
    other = scene.come(here=Here("MR", "MR1", "PACS"))
    far = scene.come()
    until(lambda: scene.wakes == 2)
    scene.go()
    assert [transaction for _, transaction, _ in far.reports] == ["1.2.1", "1.2.2"]
    assert (other.reports, scene.owed) == ([], 0)


def test_what_was_kept_too_long_is_given_up_and_the_rest_is_not(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    del scene.ports["CT"]
    scene.owe(1)
    scene.go()
    scene.owe(2)
    scene.time += GIVE_UP + 1
    scene.go()  # it was decided, and nobody came to look before
    scene.owe(3)
    scene.go()
    assert scene.owed == 2
    scene.reporting.clean()
    assert scene.owed == 1
    assert capfd.readouterr().err.count("COMMITMENT-GIVEN-UP") == 2
    scene.start()
    far = scene.come()
    until(lambda: scene.wakes)
    scene.go()
    assert [transaction for _, transaction, _ in far.reports] == ["1.2.3"]


@pytest.mark.parametrize("answer", [0x0110, -1, None])
def test_a_failure_over_its_own_association_is_tried_again(scene: Scene, answer: int | None) -> None:
    del scene.ports["CT"]
    scene.start()
    asked = scene.owe()
    far = scene.come(asked.request_id, answers=(answer,))
    until(lambda: scene.wakes)
    scene.go()
    assert (scene.owed, scene.wait()) == (1, 8)
    if answer == -1:
        far.end()
        far = scene.come()
    scene.go(8)
    assert (far.reports[-1][1], scene.owed) == ("1.2.1", 0)


def test_a_device_whose_associations_end_over_reports_is_given_up(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    del scene.ports["CT"]
    scene.start()
    scene.owe()
    for number in range(limits.COMMITMENT_TRIES.default):
        assert scene.owed == 1
        scene.come(answers=(-1,))
        until(lambda number=number: scene.wakes == number + 1)
        scene.go(60)
    assert scene.owed == 0
    assert "COMMITMENT-GIVEN-UP" in capfd.readouterr().err


def test_only_success_of_its_own_peer_ends_what_is_owed(scene: Scene) -> None:
    del scene.ports["CT"]
    scene.start()
    scene.owe()
    scene.go()
    for number, (peer, status) in enumerate((("MR", 0), ("CT", 0x0110), ("CT", 0xC000), ("CT", 0xB000))):
        assert scene.owed == 1
        scene.come(here=Here(peer, "CT9", "PACS")).say(Answered(request().request_id, status))
        until(lambda number=number: scene.wakes == 2 * number + 2)
        scene.go()
    assert scene.owed == 0


def test_asked_again_it_is_due_at_once_and_goes_to_who_asked(scene: Scene) -> None:
    scene.start()
    asked = scene.owe()
    scene.go()
    assert scene.wait() == 8
    again = CommitmentRequest("e" * 32, 2.0, "CT", "CT1", "PACS", asked.transaction, asked.references)
    far = scene.come(again.request_id)
    until(lambda: scene.wakes)
    scene.reporting.asked_again(again)
    scene.go()
    assert far.reports == [(asked.request_id, asked.transaction, (0,))]
    assert scene.owed == 0
    scene.reporting.asked_again(again)
    assert scene.wait() is None, "what is over stays over"


# Starts and ends


def test_nothing_is_lost_over_a_restart(scene: Scene) -> None:
    scene.start()
    scene.ports["MR"] = free_port()
    scene.owe(1)
    scene.owe(2, "MR")
    scene.owe(3, "US")  # has no address
    scene.go()
    scene.close()
    scene.open()
    scene.start()
    assert scene.owed == 3
    far = scene.come(here=Here("US", "CT1", "PACS"))
    until(lambda: scene.wakes)
    scene.ports["MR"] = scene.modality.port
    with scene.modality:
        scene.go()
        assert (len(far.reports), scene.told) == (1, []), "those that failed wait as before"
        scene.go(8)
    assert sorted(scene.told) == ["1.2.1", "1.2.2"]
    assert scene.owed == 0
    scene.close()
    scene.open()
    assert scene.owed == 0


def test_a_peer_that_got_an_address_is_told_there_after_the_start(scene: Scene) -> None:
    port = scene.ports.pop("CT")
    scene.owe()
    scene.go()
    scene.close()
    scene.ports["CT"] = port
    scene.open()
    scene.start()
    with scene.modality:
        scene.go()
    assert scene.told == ["1.2.1"]


def test_after_the_end_nothing_is_begun(scene: Scene) -> None:
    scene.owe()
    scene.start()
    assert scene.reporting.stop(5)
    with scene.modality:
        scene.reporting.look()
        scene.reporting.report("CT")
        assert not any(map(threads, THREADS))
    assert (scene.told, scene.owed, scene.wait()) == ([], 1, 0)


def test_a_report_that_does_not_end_in_time_is_said_and_is_due_at_the_next_start(scene: Scene) -> None:
    scene.start()
    asked = scene.owe()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        scene.ports["CT"] = silent.getsockname()[1]
        scene.reporting.look()
        connection, _ = silent.accept()
        assert not scene.reporting.stop(0.05)
        connection.close()
        until(lambda: not threads())
    scene.ledger.close()
    scene.open()
    (pending,) = scene.commitments.decided("CT", scene.time, 10)
    assert (pending.request_id, pending.attempts) == (asked.request_id, 0)


def test_the_end_waits_for_a_report_that_ends_in_time(scene: Scene) -> None:
    scene.start()
    scene.owe()
    with socket.create_server(("127.0.0.1", 0)) as slow:
        scene.ports["CT"] = slow.getsockname()[1]
        scene.reporting.look()
        connection, _ = slow.accept()

        def close() -> None:
            until(lambda: not threads("associations"))  # so the end has begun
            connection.close()

        closing = threading.Thread(target=close)
        closing.start()
        assert scene.reporting.stop(20)
        assert not threads()
        closing.join()
    assert (scene.owed, scene.wait()) == (1, 0)


def test_the_end_does_not_wait_for_an_answer_over_the_peers_association(scene: Scene) -> None:
    """Whoever waits there is told that it ended, and what was under way is neither kept nor counted as a failure."""
    scene.start()
    asked = scene.owe()
    held = threading.Event()

    class Slow(FarEnd):
        def say(self, message: object) -> None:
            if isinstance(message, Answered):
                held.wait(20)
            super().say(message)  # type: ignore[arg-type]

    far = Slow(scene.runtime_dir, KEY, HERE, asked.request_id)
    scene.far_ends.append(far)
    until(lambda: scene.wakes)
    scene.reporting.look()
    until(lambda: far.reports)
    assert scene.reporting.stop(10)
    held.set()
    assert (scene.owed, scene.wait()) == (1, 0)


def test_where_associations_cannot_be_heard_of_addresses_are_told_all_the_same(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.close()
    scene.runtime_dir /= "not there"
    scene.open()
    scene.start()
    assert "REPORTS-UNREACHABLE" in capfd.readouterr().err
    scene.owe()
    with scene.modality:
        scene.go()
    assert scene.told == ["1.2.1"]
