"""Who is there, what they asked, and what became of a report that was handed to one of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.open_associations import AssociationEnded, OpenAssociations
from appliance.host import report_channel
from appliance.host.report_channel import Answered, Asked, Here
from appliance.seal.commitment import CommitmentRequest
from tests.delivery.commitment_requests import HERE, KEY, pending, request
from tests.delivery.far_end import FarEnd
from tests.delivery.upstream import until


class Scene:
    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.arrived: list[str] = []
        self.late: list[tuple[str, str, int]] = []
        self.far_ends: list[FarEnd] = []
        self.associations = OpenAssociations(runtime_dir)
        self.associations.start(self.arrived.append, lambda *late: self.late.append(late))

    def come(self, here: Here = HERE, *asked: str, answers: tuple[int | None, ...] = ()) -> FarEnd:
        self.far_ends.append(FarEnd(self.runtime_dir, KEY, here, *asked, answers=answers))
        return self.far_ends[-1]

    def report(self, of: CommitmentRequest, seconds: float = 10) -> int:
        association = self.associations.that_asked(of.request_id)
        assert association
        return self.associations.report(association, pending(of), seconds)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.associations.stop()
    for each in made.far_ends:
        each.end()


def test_a_report_reaches_the_one_that_asked(scene: Scene) -> None:
    scene.come(HERE, request(2).request_id)
    asked = scene.come(HERE, request(1).request_id, answers=(0x0110, 0x0107))
    assert scene.report(request(1)) == 0x0110
    assert scene.report(request(1)) == 0x0107
    assert asked.reports == [(request(1).request_id, "1.2.1", (0,))] * 2
    assert scene.far_ends[0].reports == []
    assert scene.late == []


def test_what_was_said_before_the_question_counts(tmp_path: Path) -> None:
    """`receive` says that it asked, then keeps the request: whoever finds the request must find the association."""
    for _ in range(200):
        scene = Scene(tmp_path)
        far = report_channel.connect(tmp_path)
        report_channel.send(far, HERE)
        report_channel.send(far, Asked(request().request_id))
        assert scene.associations.that_asked(request().request_id)
        assert scene.associations.of(request())
        scene.associations.stop()
        far.close()


@pytest.mark.parametrize(
    "other", [request(peer="MR"), request(calling_ae="CT2"), request(called_ae="EDGE01")], ids=["peer", "AE", "ours"]
)
def test_nobody_else_is_the_one_who_asked(scene: Scene, other: CommitmentRequest) -> None:
    scene.come()
    assert scene.associations.of(request())
    assert scene.associations.of(other) is None
    assert scene.associations.that_asked(request().request_id) is None


def test_the_latest_of_several_is_taken_and_one_that_left_is_not(scene: Scene) -> None:
    first, second = scene.come(), scene.come()
    association = scene.associations.of(request())
    assert association and scene.associations.report(association, pending(request())) == 0
    assert (len(first.reports), len(second.reports)) == (0, 1)
    second.end()
    association = scene.associations.of(request())
    assert association and scene.associations.report(association, pending(request())) == 0
    assert len(first.reports) == 1


@pytest.mark.parametrize(("answer", "begun"), [(-1, True), (-2, False)])
def test_one_that_ends_says_whether_the_peer_was_being_told(scene: Scene, answer: int, begun: bool) -> None:
    scene.come(HERE, request().request_id, answers=(answer,))
    with pytest.raises(AssociationEnded) as ended:
        scene.report(request())
    assert ended.value.begun is begun
    assert scene.associations.that_asked(request().request_id) is None


def test_a_report_that_receive_cannot_use_is_an_error(scene: Scene) -> None:
    scene.come(HERE, request().request_id, answers=(None,))
    with pytest.raises(UpstreamError, match="could not use"):
        scene.report(request())


def test_an_offer_that_nobody_takes_up_is_withdrawn(scene: Scene) -> None:
    far = report_channel.connect(scene.runtime_dir)
    report_channel.send(far, HERE)
    report_channel.send(far, Asked(request().request_id))
    with pytest.raises(AssociationEnded, match="no answer|did not come") as ended:
        scene.report(request(), seconds=0.05)
    assert not ended.value.begun
    with pytest.raises(OSError):  # so that it is not sent to the peer any more
        report_channel.send(far, report_channel.Begun(request().request_id))
    far.close()


def test_an_answer_that_came_too_late_is_told(scene: Scene) -> None:
    far = scene.come(HERE, request().request_id)
    far.say(Answered(request(7).request_id, 0x0000))
    until(lambda: scene.late == [("CT", request(7).request_id, 0)])
    far.say(Answered(request(8).request_id, None))
    assert scene.report(request()) == 0
    assert len(scene.late) == 1


def test_it_tells_who_came(scene: Scene) -> None:
    scene.come()
    scene.come(Here("MR", "MR1", "PACS"))
    until(lambda: scene.arrived == ["CT", "MR"])


def test_who_asked_for_the_same_again_gets_the_report_on_the_first(scene: Scene) -> None:
    scene.come(HERE, request(2).request_id)
    scene.associations.asked_again(request(2).request_id, request(1).request_id)
    assert scene.report(request(1)) == 0


def test_junk_ends_one_and_no_other(scene: Scene) -> None:
    scene.come(HERE, request().request_id)
    far = report_channel.connect(scene.runtime_dir)
    far.send(b"junk")
    far.settimeout(30)
    assert report_channel.receive(far) is None
    far.close()
    assert scene.report(request()) == 0


def test_the_end_does_not_leave_anybody_waiting(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    far = report_channel.connect(tmp_path)
    report_channel.send(far, HERE)
    report_channel.send(far, Asked(request().request_id))
    ended: list[str] = []

    def wait() -> None:
        try:
            scene.report(request(), 60)
        except AssociationEnded as error:
            ended.append(error.message)

    thread = threading.Thread(target=wait)
    began = time.monotonic()
    thread.start()
    far.settimeout(30)
    received = report_channel.receive(far)
    assert received and received[1] is not None
    os.close(received[1])
    scene.associations.stop()
    thread.join(10)
    assert ended and time.monotonic() - began < 10
    assert scene.associations.that_asked(request().request_id) is None
    assert not report_channel.socket_path(tmp_path).exists()
    far.close()


def test_one_that_never_began_ends_quietly(tmp_path: Path) -> None:
    associations = OpenAssociations(tmp_path)
    assert associations.of(request()) is None
    associations.stop()
