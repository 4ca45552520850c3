"""What the sensor's targets assert can fail: each fault that they are there for is planted, and found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.inspection.conversation import Conversation
from appliance.inspection.flow_table import FlowTable
from appliance.inspection.pdu_walk import PduWalk
from appliance.inspection.stream import Stream
from tests.fuzz import replay, sensor
from tests.fuzz.target import Target

CONVERSATION = next(target for target in sensor.TARGETS if target.run is sensor.conversation)
REPLAY = Target(replay.replay, replay.TARGETS[0].seeds[:1])
Plant = Callable[[pytest.MonkeyPatch], None]


def fault(patch: pytest.MonkeyPatch) -> None:
    """A parser raises."""

    def broken(walk: PduWalk) -> None:
        raise ValueError

    patch.setattr(PduWalk, "_pdv", broken)


def stall(patch: pytest.MonkeyPatch) -> None:
    """A PDU costs a second."""
    control = Conversation.control

    def slow(conversation: Conversation, pdu: bytes, from_client: bool) -> bool:
        for _ in range(300_000):
            pass
        return control(conversation, pdu, from_client)

    patch.setattr(Conversation, "control", slow)


def leak(patch: pytest.MonkeyPatch) -> None:
    """What is let go stays on the account."""
    patch.setattr(Stream, "release", lambda stream, count: None)


def hoard(patch: pytest.MonkeyPatch) -> None:
    """Nobody makes room."""
    keep = Stream.keep
    patch.setattr(FlowTable, "relieve", lambda table: None)
    patch.setattr(Stream, "keep", lambda stream, count: keep(stream, count << 20))


def cling(patch: pytest.MonkeyPatch) -> None:
    """Flows that are over stay."""
    patch.setattr(FlowTable, "sweep", lambda table, now: None)


# Time is looked at in replays alone: it is counted in lines, which costs.
BOTH = [(target, plant) for target in (CONVERSATION, REPLAY) for plant in (fault, leak, hoard, cling)]
PLANTS = [(REPLAY, stall), *BOTH]


@pytest.mark.parametrize(("target", "plant"), PLANTS)
def test_what_is_planted_is_found(target: Target, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in target.seeds:
        target.run(seed)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in target.seeds:
            target.run(seed)
