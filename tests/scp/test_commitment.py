"""N-ACTION as the wire shows it: durable and 0x0000, or the right status and nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.base import limits
from appliance.scp.commitment import CommitmentIntake
from appliance.scp.ingest import Sender, StoreContext
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandField, CommandSet
from appliance.upper_layer.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, encode_request
from appliance.upper_layer.negotiation import PresentationContext
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.space import Space
from tests.scp.scene import CONTEXTS, CT, EXPLICIT, Requestor, Scene, data_set

TRANSACTION = "1.2.3.777444"
REFERENCES = ((CT, "1.2.3.4"), (CT, "1.2.3.5"))
REQUEST = encode_request(TRANSACTION, REFERENCES, EXPLICIT)
COMMIT = (*CONTEXTS, PresentationContext(5, STORAGE_COMMITMENT, (EXPLICIT,)))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path / "state")
    peer = made.config.peer[0].model_copy(update={"services": ("echo", "store", "commit")})
    made.config = made.config.model_copy(update={"peer": (peer,)})
    return made


def action(**changes: Any) -> CommandSet:
    values: dict[str, Any] = {
        "command_field": CommandField.N_ACTION_RQ,
        "message_id": 7,
        "requested_sop_class": STORAGE_COMMITMENT,
        "requested_sop_instance": WELL_KNOWN_INSTANCE,
        "action_type": 1,
    }
    return CommandSet(**values | changes)


def ask(modality: Requestor, command: CommandSet, data: bytes | None = REQUEST) -> CommandSet:
    assert modality.engine is not None
    modality.socket.sendall(modality.engine.send_command(5, command, data is not None))
    if data is not None:
        for pdu in modality.engine.send_data(5, data, True):
            modality.socket.sendall(pdu)
    event = modality.hear()
    assert isinstance(event, upper.CommandReceived), event
    return event.command


def test_a_request_is_sealed_and_durable_before_it_is_answered(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        answer = ask(modality, action())
        assert (answer.status, answer.command_field) == (0, CommandField.N_ACTION_RSP)
        assert (answer.affected_sop_class, answer.affected_sop_instance) == (STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
        assert answer.action_type == 1
        (path,) = scene.files()
        assert b"1.2.3" not in path.read_bytes()
        waiting = WaitingRequests(scene.layout, scene.index_key)
        request, _ = waiting.read(waiting.ids()[0])
        assert (request.transaction, request.references) == (TRANSACTION, REFERENCES)
        assert (request.peer, request.calling_ae, request.called_ae) == ("CT", "CT1", "EDGE01")
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == 0
    logged = capsys.readouterr().err
    assert "COMMITMENT-ASKED" in logged and "2 instances" in logged and "777444" not in logged
    assert scene.served.tally.read()["stored"] == 1


@pytest.mark.parametrize(
    ("change", "data", "status"),
    [
        ({"requested_sop_class": CT}, REQUEST, 0x0118),
        ({"requested_sop_instance": "1.2.3"}, REQUEST, 0x0112),
        ({"action_type": 2}, REQUEST, 0x0123),
        ({"action_type": None}, REQUEST, 0x0123),
        ({}, None, 0x0115),
        ({}, encode_request(TRANSACTION, (), EXPLICIT), 0x0115),
        ({}, REQUEST[:-3], 0x0110),
        ({}, b"\xff" * 1000, 0x0110),
        ({}, bytes(limits.COMMITMENT_REQUEST.default + 1), 0x0213),
        ({"command_field": CommandField.N_GET_RQ}, None, 0x0211),
        ({"command_field": CommandField.C_STORE_RQ, "affected_sop_class": CT}, REQUEST, 0x0211),
    ],
)
def test_what_cannot_be_kept_earns_a_status_and_a_line(
    scene: Scene, change: dict[str, Any], data: bytes | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        answer = ask(modality, action(**change), data)
        assert answer.status == status
        assert not scene.files()
        assert ask(modality, action()).status == 0
    logged = capsys.readouterr().err
    assert f"answered 0x{status:04X}" in logged and "777444" not in logged


def test_an_instance_uid_that_is_none_is_0117(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        assert modality.engine is not None
        command = modality.engine.send_command(5, action(requested_sop_instance="1" * 22), True)
        modality.socket.sendall(command.replace(b"1" * 22, b"../" * 7 + b"x"))
        for pdu in modality.engine.send_data(5, REQUEST, True):
            modality.socket.sendall(pdu)
        event = modality.hear()
        assert isinstance(event, upper.CommandReceived) and event.command.status == 0x0117


def test_below_the_reserve_it_is_0213(scene: Scene) -> None:
    scene.min_free = type(scene.min_free)(bytes=1 << 60)
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        assert ask(modality, action()).status == 0x0213


def test_an_association_that_ends_in_the_middle_keeps_nothing(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        assert modality.engine is not None
        modality.socket.sendall(modality.engine.send_command(5, action(), True))
        for pdu in modality.engine.send_data(5, REQUEST[:40], False):
            modality.socket.sendall(pdu)
    assert not scene.files()


def test_without_the_service_the_context_is_refused(tmp_path: Path) -> None:
    with Scene(tmp_path / "state").connect() as modality:
        event = modality.associate(contexts=COMMIT)
        assert isinstance(event, upper.AssociationAccepted)
        assert [each.result for each in event.accept.contexts] == [0, 0, 1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=300), tail=st.booleans(), syntax=st.sampled_from([EXPLICIT, "1.2.840.10008.1.2"]))
def test_any_bytes_give_a_status_never_an_exception(scene: Scene, data: bytes, tail: bool, syntax: str) -> None:
    intake = CommitmentIntake(scene.intake, Space(scene.layout.incoming, scene.min_free), scene.index_key)
    said: list[int] = []
    command = action(data_set_type=1)
    message = intake.begin(
        command,
        StoreContext(STORAGE_COMMITMENT, syntax),
        Sender("CT", "CT1", "EDGE01"),
        lambda *why: said.append(why[0]),
    )
    message.data(memoryview(REQUEST[:60] + data if tail else data))
    answer = message.finish()
    assert answer.status in (0, 0x0110, 0x0115, 0x0213)
    assert said == ([answer.status] if answer.status else [])
