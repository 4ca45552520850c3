"""The asynchronous operations window: what is answered, and several C-STOREs under way at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.base import limits
from appliance.scp import ingest
from appliance.seal.opening import open_object
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import c_echo_rq, c_store_rq
from appliance.upper_layer.negotiation import AsyncWindow
from tests.scp.scene import CT, Scene, data_set

MOST = limits.OPERATIONS.default


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "state")


@pytest.mark.parametrize(
    ("proposed", "answered"),
    [
        (None, None),
        (AsyncWindow(1, 1), AsyncWindow(1, 1)),
        (AsyncWindow(4, 4), AsyncWindow(4, 1)),
        (AsyncWindow(1000, 0), AsyncWindow(MOST, 1)),
        (AsyncWindow(0, 0), AsyncWindow(MOST, 1)),  # 0 is no limit
    ],
)
def test_the_window_is_answered_where_one_was_proposed(
    scene: Scene, proposed: AsyncWindow | None, answered: AsyncWindow | None
) -> None:
    with scene.connect() as modality:
        event = modality.associate(async_window=proposed)
        assert isinstance(event, upper.AssociationAccepted)
        assert event.accept.async_window == answered


def test_stores_that_were_sent_before_an_answer_came_are_answered_each_and_in_order(
    scene: Scene, tmp_path: Path
) -> None:
    sizes = [10, 200_000, 0, 70_000, 3, 131_072, 500, 9]
    sent = [data_set(f"1.2.3.{number}", filling=size) for number, size in enumerate(sizes)]
    with scene.connect() as modality:
        assert isinstance(modality.associate(async_window=AsyncWindow(MOST, 1)), upper.AssociationAccepted)
        engine = modality.engine
        assert engine is not None
        for number, data in enumerate(sent):
            wrong = number == 3
            uid = "1.2.3.999" if wrong else f"1.2.3.{number}"
            modality.socket.sendall(engine.send_command(3, c_store_rq(100 + number, CT, uid), True))
            for pdu in engine.send_data(3, data, True):
                modality.socket.sendall(pdu)
        modality.socket.sendall(engine.send_command(1, c_echo_rq(7), False))
        heard = [modality.hear() for _ in range(len(sent) + 1)]
    commands = [event.command for event in heard if isinstance(event, upper.CommandReceived)]
    assert [each.message_id_responded_to for each in commands] == [*range(100, 100 + len(sent)), 7]
    expected = [ingest.MISMATCH if number == 3 else ingest.SUCCESS for number in range(len(sent))]
    assert [each.status for each in commands] == [*expected, 0]
    stored = set()
    for path in scene.files():
        out = tmp_path / "opened"
        with out.open("wb") as file:
            open_object(path, [scene.identity], file)
        stored.add(out.read_bytes())
    assert len(stored) == len(sent) - 1
    for number, data in enumerate(sent):
        assert any(each.endswith(data) for each in stored) is (number != 3)


def test_messages_that_share_one_segment_are_told_apart(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate(async_window=AsyncWindow(2, 1))
        engine = modality.engine
        assert engine is not None
        whole = b""
        for number in (1, 2):
            whole += engine.send_command(3, c_store_rq(number, CT, f"1.2.3.{number}"), True)
            whole += b"".join(engine.send_data(3, data_set(f"1.2.3.{number}"), True))
        modality.socket.sendall(whole)
        heard = [modality.hear() for _ in range(2)]
    assert [event.command.message_id_responded_to for event in heard if isinstance(event, upper.CommandReceived)] == [
        1,
        2,
    ]
    assert len(scene.files()) == 2
