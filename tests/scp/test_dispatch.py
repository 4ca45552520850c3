"""What the SCP answers, as the wire would show it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.config.destinations import DimseDestination
from appliance.config.model import Route, Sensor
from appliance.scp import ingest
from appliance.seal.opening import open_object
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandField, CommandSet, c_echo_rq
from appliance.upper_layer.negotiation import PresentationContext
from appliance.vault.accepted import publish
from tests.scp.scene import CONTEXTS, CT, EXPLICIT, MR, VERIFICATION, Scene, data_set


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "state")


def opened(scene: Scene, path: Path, tmp_path: Path) -> bytes:
    out = tmp_path / "opened"
    with out.open("wb") as file:
        open_object(path, [scene.identity], file)
    return out.read_bytes()


def test_an_instance_is_stored_sealed_and_whole_before_it_is_answered(scene: Scene, tmp_path: Path) -> None:
    sent = data_set("1.2.3.4", filling=200_000)
    with scene.connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
        answer = modality.store("1.2.3.4", sent)
        assert answer.status == ingest.SUCCESS and answer.affected_sop_instance == "1.2.3.4"
        (path,) = scene.files()
        assert opened(scene, path, tmp_path).endswith(sent)
        assert b"1.2.3.4" not in path.read_bytes()
        modality.socket.sendall(modality.engine.release())  # type: ignore[union-attr]
        assert isinstance(modality.hear(), upper.Released)
    assert scene.associated == [1]
    assert scene.served.tally.read()["stored"] == 1 and scene.served.tally.read()["associations"] == 0


def test_echo_is_answered(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(modality.engine.send_command(1, c_echo_rq(9), False))  # type: ignore[union-attr]
        event = modality.hear()
        assert isinstance(event, upper.CommandReceived)
        assert (event.command.status, event.command.message_id_responded_to) == (0, 9)


@pytest.mark.parametrize(
    ("calling", "called", "address", "answer"),
    [
        ("ROGUE", "EDGE01", "192.0.2.1", (1, 1, 3)),
        ("CT1", "EDGE01", "198.51.100.1", (1, 1, 3)),
        ("CT1", "ARCHIVE", "192.0.2.1", (1, 1, 7)),
    ],
)
def test_strangers_are_rejected_and_alerted(
    scene: Scene,
    calling: str,
    called: str,
    address: str,
    answer: tuple[int, int, int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with scene.connect(address) as stranger:
        event = stranger.associate(calling, called)
        assert isinstance(event, upper.AssociationRejected)
        assert (event.result, event.source, event.reason) == answer
    assert [alert["alert"]["signature_id"] for alert in scene.alerts] == ["R01"]
    assert scene.alerts[0]["dicom"]["calling_ae"] == calling
    lines = [line for line in capsys.readouterr().err.splitlines() if "ASSOCIATION-REFUSED" in line]
    assert len(lines) == 1 and address in lines[0]


def test_each_proposed_context_is_answered_by_itself(scene: Scene) -> None:
    contexts = (
        *CONTEXTS,
        PresentationContext(5, CT, ("1.2.840.10008.1.2.4.90",)),
        PresentationContext(7, "1.2.840.10008.5.1.4.1.2.2.1", (EXPLICIT,)),
    )
    with scene.connect() as modality:
        event = modality.associate(contexts=contexts)
        assert isinstance(event, upper.AssociationAccepted)
        assert [(each.context_id, each.result) for each in event.accept.contexts] == [(1, 0), (3, 0), (5, 0), (7, 3)]


@pytest.mark.parametrize(
    ("command_uid", "data", "status"),
    [
        ("1.2.3.4", data_set("1.2.3.5"), ingest.MISMATCH),
        ("1.2.3.4", data_set("1.2.3.4", sop_class=MR), ingest.MISMATCH),
        ("../../etc/passwd", data_set("1.2.3.4"), ingest.INVALID_INSTANCE),
    ],
)
def test_contradictions_are_drained_and_refused(scene: Scene, command_uid: str, data: bytes, status: int) -> None:
    with scene.connect() as modality:
        modality.associate()
        answer = _store_raw(modality, command_uid, data)
        assert answer.status == status and answer.error_comment
        assert not scene.files()
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == ingest.SUCCESS
    assert len(scene.files()) == 1


def _store_raw(modality, instance: str, data: bytes) -> CommandSet:  # type: ignore[no-untyped-def]
    """A C-STORE whose instance UID our own encoder may refuse: written by hand over a valid one."""
    placeholder = ("1." + "2" * 62)[: len(instance)]
    command = modality.engine.send_command(3, _request(placeholder), True)
    modality.socket.sendall(command.replace(placeholder.encode(), instance.encode()))
    for pdu in modality.engine.send_data(3, data, True):
        modality.socket.sendall(pdu)
    event = modality.hear()
    assert isinstance(event, upper.CommandReceived), event
    return event.command


def _request(instance: str) -> CommandSet:
    return CommandSet(
        command_field=CommandField.C_STORE_RQ,
        message_id=1,
        affected_sop_class=CT,
        affected_sop_instance=instance,
        priority=0,
    )


def test_below_the_reserve_the_data_set_is_drained_and_answered_a700(scene: Scene) -> None:
    scene.min_free = type(scene.min_free)(bytes=1 << 60)
    with scene.connect() as modality:
        modality.associate()
        answer = modality.store("1.2.3.4", data_set("1.2.3.4", filling=1_000_000))
        assert answer.status == ingest.OUT_OF_RESOURCES and answer.error_comment == "Out of storage"
    assert not scene.files()


def test_an_aborted_association_keeps_what_was_answered_and_nothing_else(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.store("1.2.3.4", data_set("1.2.3.4"))
        modality.send_store("1.2.3.5", data_set("1.2.3.5", filling=100_000), last=False)
        modality.socket.sendall(modality.engine.abort())  # type: ignore[union-attr]
    assert len(scene.files()) == 1


def test_a_service_that_we_do_not_have_is_refused_without_harm(scene: Scene) -> None:
    with scene.connect() as modality:
        modality.associate()
        find = CommandSet(command_field=CommandField.C_FIND_RQ, message_id=5, affected_sop_class=CT, priority=0)
        modality.socket.sendall(modality.engine.send_command(3, find, False))  # type: ignore[union-attr]
        event = modality.hear()
        assert isinstance(event, upper.CommandReceived) and event.command.status == 0x0211
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == ingest.SUCCESS


def test_no_identifier_reaches_the_log(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.store("1.2.3.444555", data_set("1.2.3.444555"))
        _store_raw(modality, "1.2.3.444556", data_set("1.2.3.444557"))
        modality.socket.sendall(b"\x99" * 100)
        assert isinstance(modality.hear(), upper.Aborted)
    logged = capsys.readouterr().err
    assert "STORE-REFUSED" in logged and "ASSOCIATION-ABORTED" in logged
    assert "444555" not in logged and "444556" not in logged and "444557" not in logged
    assert VERIFICATION not in logged


def test_outside_its_hours_a_peer_hears_a_transient_reject(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now().astimezone()
    later = [(now + timedelta(hours=each)).strftime("%H:%M") for each in (2, 3)]
    scene.change_peer(hours=f"{later[0]}-{later[1]}")
    with scene.connect() as modality:
        event = modality.associate()
    assert isinstance(event, upper.AssociationRejected)
    assert (event.result, event.source, event.reason) == (2, 1, 1)
    assert f"from {later[0]} on it is let in" in capsys.readouterr().err


def test_a_syntax_is_chosen_by_what_the_destination_was_seen_to_accept(tmp_path: Path) -> None:
    jpeg = "1.2.840.10008.1.2.4.90"
    scene = Scene(tmp_path / "state")
    destination = {"name": "pacs", "kind": "dimse", "address": "pacs.example:104", "ae_title": "PACS", "tls": "never"}
    whole = scene.config
    scene.config = whole.model_copy(
        update={
            "destination": (DimseDestination.model_validate(destination),),
            "route": (Route.model_validate({"to": ["pacs"]}),),
        }
    )
    runtime = whole.appliance.runtime_dir
    runtime.mkdir()
    chosen = []
    for known in ({}, {"pacs": {(CT, jpeg)}}, {"pacs": {(MR, jpeg)}}):
        publish(runtime, known)
        with scene.connect() as modality:
            event = modality.associate(contexts=(PresentationContext(3, CT, (jpeg, EXPLICIT)),))
        assert isinstance(event, upper.AssociationAccepted)
        chosen.append(event.accept.contexts[0].transfer_syntax)
    assert chosen == [EXPLICIT, jpeg, EXPLICIT]


def test_who_calls_the_decoys_title_gets_an_alert_of_its_own(scene: Scene) -> None:
    sensor = Sensor(interface="eth1", decoy_ae="ARCHIVE")
    scene.config = scene.config.model_copy(update={"sensor": sensor})
    with scene.connect() as modality:
        event = modality.associate("CT1", "ARCHIVE")
        assert isinstance(event, upper.AssociationRejected)
    (alert,) = scene.alerts
    assert (alert["alert"]["signature_id"], alert["alert"]["severity"]) == ("R04", 1)
    assert alert["alert"]["metadata"]["attack_technique"] == ["T1046"]
    assert alert["alert"]["metadata"]["atna"] == "110132"
    assert alert["dicom"]["called_ae"] == "ARCHIVE"
