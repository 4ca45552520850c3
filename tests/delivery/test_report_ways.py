"""Which way a report goes when several are open, and when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import UpstreamError, UpstreamRefused
from appliance.delivery.open_associations import OpenAssociations
from appliance.delivery.report_ways import NoWay, Round, Ways
from appliance.host.report_channel import Here
from appliance.seal.commitment import CommitmentRequest
from tests.delivery.commitment_requests import HERE, KEY, pending, request
from tests.delivery.far_end import FarEnd

ASKED = request()


class Address:
    """A peer's address: takes reports while it is up."""

    def __init__(self) -> None:
        self.up = True
        self.reports: list[str] = []
        self.associations = 0
        self.open = 0
        self.calling_ae = ""

    def __call__(self, peer: str, calling_ae: str) -> Address:
        if not self.up:
            raise UpstreamError("cannot connect")
        self.associations += 1
        self.open += 1
        self.calling_ae = calling_ae
        return self

    def report(self, request: CommitmentRequest, reasons: tuple[int, ...]) -> None:
        self.reports.append(request.request_id)

    def end(self) -> None:
        self.open -= 1


class Scene:
    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.address = Address()
        self.has_address = True
        self.associations = OpenAssociations(runtime_dir)
        self.associations.start(lambda _: None, lambda *_: None)
        self.ways = Ways(self.associations, self.address, lambda _: self.has_address)
        self.far_ends: list[FarEnd] = []

    def come(self, *asked: str, here: Here = HERE, answers: tuple[int | None, ...] = ()) -> FarEnd:
        self.far_ends.append(FarEnd(self.runtime_dir, KEY, here, *asked, answers=answers))
        return self.far_ends[-1]

    def deliver(self, *requests: CommitmentRequest) -> list[str]:
        over = Round(self.ways)
        try:
            return [over.deliver(each, pending(each)) for each in requests or (ASKED,)]
        finally:
            over.end()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    assert made.address.open == 0
    made.associations.stop()
    for each in made.far_ends:
        each.end()


def test_the_association_that_asked_comes_first(scene: Scene) -> None:
    far = scene.come(ASKED.request_id)
    assert scene.deliver() == ["over the association that asked"]
    assert len(far.reports) == 1 and scene.address.associations == 0


def test_the_address_when_that_association_is_over(scene: Scene) -> None:
    scene.come(ASKED.request_id).end()
    assert scene.deliver(ASKED, request(2)) == ["at its address"] * 2
    assert scene.address.associations == 1


def test_another_association_of_a_peer_with_an_address_is_left_alone(scene: Scene) -> None:
    far = scene.come()
    assert scene.deliver() == ["at its address"]
    scene.address.up = False
    with pytest.raises(UpstreamError, match="cannot connect"):
        scene.deliver()
    assert far.reports == []


def test_titles_that_were_called_have_associations_of_their_own(scene: Scene) -> None:
    scene.deliver(ASKED, request(2, called_ae="EDGE01"))
    assert scene.address.associations == 2
    assert scene.address.calling_ae == "EDGE01"


@pytest.mark.parametrize("answer", [0x0110, -1])
def test_what_its_association_does_not_take_goes_to_the_address_and_the_next_one_at_once(
    scene: Scene, answer: int
) -> None:
    scene.come(ASKED.request_id, answers=(answer,))
    assert scene.deliver() == ["at its address"]
    again = scene.come(request(2).request_id)
    assert scene.deliver(request(2)) == ["at its address"]
    assert again.reports == []
    scene.address.up = False
    assert scene.deliver(request(2)) == ["over the association that asked"], "it is better than none"
    scene.address.up = True
    scene.come(request(3).request_id)
    assert scene.deliver(request(3)) == ["over the association that asked"], "it has learnt"


def test_one_that_released_before_it_was_told_is_not_held_against_the_peer(scene: Scene) -> None:
    scene.come(ASKED.request_id, answers=(-2,))
    assert scene.deliver() == ["at its address"]
    assert scene.ways.refusals("CT") == 0


def test_without_an_address_a_later_association_will_do(scene: Scene) -> None:
    scene.has_address = False
    with pytest.raises(NoWay):
        scene.deliver()
    for here in (Here("MR", "CT1", "PACS"), Here("CT", "CT2", "PACS"), Here("CT", "CT1", "EDGE01")):
        scene.come(here=here)
    with pytest.raises(NoWay):
        scene.deliver()
    far = scene.come()
    assert scene.deliver() == ["over a later association of its own"]
    assert len(far.reports) == 1
    assert not any(each.reports for each in scene.far_ends[:-1])


def test_a_failure_without_an_address_is_tried_again(scene: Scene) -> None:
    scene.has_address = False
    scene.come(answers=(0x0110,) * 20)
    for _ in range(20):
        with pytest.raises(UpstreamError, match="0x0110") as failed:
            scene.deliver()
        assert failed.value.temporary
    assert scene.deliver() == ["over a later association of its own"]


def test_a_device_whose_associations_end_over_a_report_is_left_alone_in_the_end(scene: Scene) -> None:
    scene.has_address = False
    for number in range(limits.COMMITMENT_TRIES.default):
        scene.come(answers=(-1,))
        with pytest.raises(UpstreamError) as failed:
            scene.deliver()
        assert isinstance(failed.value, UpstreamRefused) is (number == limits.COMMITMENT_TRIES.default - 1)


def test_at_the_end_nothing_is_begun(scene: Scene) -> None:
    scene.associations.stop()
    with pytest.raises(NoWay):
        scene.deliver()
    assert scene.address.associations == 0
