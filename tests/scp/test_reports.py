"""Reports over the association that a peer opened, as the wire shows them; the test is `forward` on the channel."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.host import report_channel
from appliance.host.report_channel import Answered, Asked, Begun, Here, Message, Report
from appliance.scp.commitment import CommitmentIntake
from appliance.scp.ingest import Sender, StoreContext
from appliance.seal import commitment as sealed_form
from appliance.seal.commitment import CommitmentRequest
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandField, CommandSet
from appliance.upper_layer.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, encode_report, encode_request
from appliance.upper_layer.negotiation import AssociateRequest, RoleSelection
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.space import Space
from tests.scp.scene import CT, EXPLICIT, Requestor, Scene, data_set
from tests.scp.test_commitment import COMMIT, REFERENCES, REQUEST, TRANSACTION, action, ask

HERE = Here("CT", "CT1", "EDGE01")
EARLIER = "e" * 32


class Forward:
    """`forward`'s end of the channel."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.listener = report_channel.listen(scene.config.appliance.runtime_dir)
        self.listener.settimeout(30)
        self.connection: socket.socket | None = None

    def accept(self) -> None:
        self.close_connection()
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(30)

    def hears(self) -> Message | None:
        assert self.connection is not None
        received = report_channel.receive(self.connection)
        return received[0] if received else None

    def offer(self, sealed: bytes, request_id: str, reasons: tuple[int, ...] = (0, 0)) -> None:
        assert self.connection is not None
        descriptor = report_channel.pack(sealed, reasons)
        report_channel.send(self.connection, Report(request_id, len(sealed)), descriptor)
        os.close(descriptor)

    def is_asked_by_nobody(self) -> bool:
        self.listener.settimeout(0.4)
        try:
            self.accept()
        except TimeoutError:
            return True
        return False

    def close_connection(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

    def close(self) -> None:
        self.close_connection()
        self.listener.close()
        report_channel.socket_path(self.scene.config.appliance.runtime_dir).unlink()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(limits, "COMMITMENT_QUIET", replace(limits.COMMITMENT_QUIET, default=80))
    made = Scene(tmp_path / "state")
    made.change_peer(services=("echo", "store", "commit"), commitment={"address": "ct:104", "ae_title": "C"})
    made.config.appliance.runtime_dir.mkdir()
    return made


@pytest.fixture
def forward(scene: Scene) -> Iterator[Forward]:
    made = Forward(scene)
    yield made
    made.close()


def without_address(scene: Scene) -> None:
    scene.change_peer(services=("echo", "store", "commit"), commitment=None)


def sealed(scene: Scene, request_id: str = EARLIER, calling_ae: str = "CT1", instances: int = 2) -> bytes:
    """A request as it lies in the ledger."""
    references = REFERENCES if instances == 2 else tuple((CT, f"1.2.3.{number}") for number in range(instances))
    request = CommitmentRequest(request_id, 1.0, "CT", calling_ae, "EDGE01", TRANSACTION, references)
    return sealed_form.seal(request, scene.index_key, os.urandom(32))


def ask_and_meet(scene: Scene, modality: Requestor, forward: Forward) -> tuple[str, bytes]:
    """Ask on a new association; the id of the request and the request as it was kept."""
    modality.associate(contexts=COMMIT)
    assert ask(modality, action()).status == 0
    forward.accept()
    assert forward.hears() == HERE
    waiting = WaitingRequests(scene.layout, scene.index_key)
    (request_id,) = waiting.ids()
    assert forward.hears() == Asked(request_id)
    return request_id, waiting.read(request_id)[1]


def hear_report(modality: Requestor) -> tuple[CommandSet, bytes]:
    """The N-EVENT-REPORT-RQ and its data set."""
    event = modality.hear()
    assert isinstance(event, upper.CommandReceived), event
    assert event.context_id == 5 and event.command.command_field == CommandField.N_EVENT_REPORT_RQ
    data = b""
    while True:
        event_of_data = modality.hear()
        assert isinstance(event_of_data, upper.DataFragment), event_of_data
        data += bytes(event_of_data.data)
        if event_of_data.last:
            return event.command, data


def answer(modality: Requestor, report: CommandSet, status: int = 0, data: bytes | None = None, **more: int) -> None:
    assert modality.engine is not None
    response = CommandSet(
        command_field=more.get("command_field", CommandField.N_EVENT_REPORT_RSP),
        message_id_responded_to=more.get("message_id", report.message_id),
        affected_sop_class=STORAGE_COMMITMENT,
        affected_sop_instance=WELL_KNOWN_INSTANCE,
        event_type=report.event_type,
        status=status,
    )
    modality.socket.sendall(modality.engine.send_command(more.get("context_id", 5), response, data is not None))
    if data is not None:
        for pdu in modality.engine.send_data(5, data, True):
            modality.socket.sendall(pdu)


def test_the_association_that_asked_hears_and_may_store_in_between(
    scene: Scene, forward: Forward, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id, (0, 0x0112))
        report, data = hear_report(modality)
        assert (report.affected_sop_class, report.affected_sop_instance) == (STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
        assert (report.event_type, data) == encode_report(TRANSACTION, REFERENCES, (0, 0x0112), EXPLICIT)
        assert forward.hears() == Begun(request_id)
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == 0
        answer(modality, report)
        assert forward.hears() == Answered(request_id, 0)
        assert modality.store("1.2.3.10", data_set("1.2.3.10")).status == 0
    assert forward.hears() is None
    assert "777444" not in capsys.readouterr().err


def test_forward_knows_whose_a_request_is_before_it_can_find_it(scene: Scene) -> None:
    intake = CommitmentIntake(scene.intake, Space(scene.layout.incoming, scene.min_free), scene.index_key)
    waiting = WaitingRequests(scene.layout, scene.index_key)
    said: list[tuple[str, list[str]]] = []
    message = intake.begin(
        action(data_set_type=1),
        StoreContext(STORAGE_COMMITMENT, EXPLICIT),
        Sender("CT", "CT1", "EDGE01"),
        lambda *_: None,
        lambda request_id: said.append((request_id, waiting.ids())),
    )
    message.data(memoryview(REQUEST))
    assert message.finish().status == 0
    assert said == [(waiting.ids()[0], [])]


def test_a_second_report_waits_for_the_answer_to_the_first(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(sealed(scene), EARLIER)
        forward.offer(kept, request_id)
        first, _ = hear_report(modality)
        assert forward.hears() == Begun(EARLIER)
        modality.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            modality.hear()
        modality.socket.settimeout(30)
        answer(modality, first)
        second, _ = hear_report(modality)
        answer(modality, second)
        assert [forward.hears() for _ in range(3)] == [Answered(EARLIER, 0), Begun(request_id), Answered(request_id, 0)]
        assert first.message_id != second.message_id


def test_a_device_that_stores_on_is_not_disturbed(
    scene: Scene, forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMITMENT_QUIET", replace(limits.COMMITMENT_QUIET, default=500))
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        for number in range(20):
            assert modality.store(f"1.2.3.{number + 20}", data_set(f"1.2.3.{number + 20}")).command_field == 0x8001
        hear_report(modality)


def test_it_released_at_once_and_the_report_is_not_sent(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        assert modality.engine is not None
        modality.socket.sendall(modality.engine.release())
        assert isinstance(modality.hear(), upper.Released)
    assert forward.hears() is None


def test_it_aborts_in_the_middle_and_the_channel_ends_without_an_answer(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        hear_report(modality)
        assert modality.engine is not None
        modality.socket.sendall(modality.engine.abort())
        assert forward.hears() == Begun(request_id)
        assert forward.hears() is None


def test_a_failure_is_told_and_the_report_may_come_again(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        for status, data in ((0x0110, None), (0xC000, b"more than anybody wants\0"), (0x0000, None)):
            forward.offer(kept, request_id)
            report, _ = hear_report(modality)
            answer(modality, report, status, data)
            assert [forward.hears(), forward.hears()] == [Begun(request_id), Answered(request_id, status)]


def test_what_was_taken_is_not_sent_again(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        answer(modality, hear_report(modality)[0])
        assert [forward.hears(), forward.hears()] == [Begun(request_id), Answered(request_id, 0)]
        forward.offer(kept, request_id)
        assert forward.hears() == Answered(request_id, 0)
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == 0


@pytest.mark.parametrize(
    "wrong",
    [{"message_id": 99}, {"context_id": 3}, {"command_field": CommandField.N_ACTION_RSP}],
    ids=lambda each: next(iter(each)),
)
def test_another_response_than_the_one_to_the_report_is_an_abort(
    scene: Scene, forward: Forward, wrong: dict[str, int]
) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        report, _ = hear_report(modality)
        answer(modality, report, **wrong)
        assert isinstance(modality.hear(), upper.Aborted)
    assert [forward.hears(), forward.hears()] == [Begun(request_id), None]


def test_an_answer_to_nothing_is_an_abort(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        ask_and_meet(scene, modality, forward)
        answer(modality, CommandSet(command_field=CommandField.N_EVENT_REPORT_RQ, message_id=1, event_type=1))
        assert isinstance(modality.hear(), upper.Aborted)


@pytest.mark.parametrize("what", ["another AE", "another key", "reasons", "nothing"])
def test_a_report_that_is_not_for_this_peer_does_not_reach_it(
    scene: Scene, forward: Forward, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        match what:
            case "another AE":
                forward.offer(sealed(scene, calling_ae="CT2"), EARLIER)
            case "another key":
                forward.offer(kept[:-1] + bytes([kept[-1] ^ 1]), EARLIER)
            case "reasons":
                forward.offer(sealed(scene), EARLIER, (0,))
            case _:
                assert forward.connection is not None
                report_channel.send(forward.connection, Report(EARLIER, 0))
        assert forward.hears() == Answered(EARLIER, None)
        forward.offer(kept, request_id)
        assert hear_report(modality)[1] == encode_report(TRANSACTION, REFERENCES, (0, 0), EXPLICIT)[1]
    assert "INTERNAL-ERROR" in capsys.readouterr().err


def test_forward_comes_back_and_is_told_what_it_missed(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.close_connection()
        forward.accept()
        assert [forward.hears(), forward.hears()] == [HERE, Asked(request_id)]
        forward.offer(kept, request_id)
        report, _ = hear_report(modality)
        assert forward.hears() == Begun(request_id)
        forward.close_connection()  # with the report on its way
        answer(modality, report)
        forward.accept()
        assert [forward.hears(), forward.hears()] == [HERE, Answered(request_id, 0)]


def test_a_forward_that_died_with_its_offer_has_it_not_sent(scene: Scene, forward: Forward) -> None:
    with scene.connect() as modality:
        request_id, kept = ask_and_meet(scene, modality, forward)
        forward.offer(kept, request_id)
        forward.close_connection()
        forward.accept()
        assert [forward.hears(), forward.hears()] == [HERE, Asked(request_id)]
        forward.offer(kept, request_id)
        report, _ = hear_report(modality)
        assert report.message_id == 1, "the first that was sent"


def test_without_forward_a_request_is_taken_all_the_same(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        assert ask(modality, action()).status == 0
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == 0
    assert len(scene.files()) == 2
    assert "REPORTS-UNREACHABLE" in capsys.readouterr().err


def test_a_peer_without_an_address_gets_what_was_kept_once_it_rests(scene: Scene, forward: Forward) -> None:
    without_address(scene)
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        forward.accept()
        assert forward.hears() == HERE
        forward.offer(sealed(scene), EARLIER)
        report, _ = hear_report(modality)
        answer(modality, report)
        assert [forward.hears(), forward.hears()] == [Begun(EARLIER), Answered(EARLIER, 0)]


def test_a_peer_without_an_address_that_stores_and_leaves_bothers_nobody(
    scene: Scene, forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMITMENT_QUIET", replace(limits.COMMITMENT_QUIET, default=500))
    without_address(scene)
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        for number in range(5):
            assert modality.store(f"1.2.3.{number}", data_set(f"1.2.3.{number}")).status == 0
        assert modality.engine is not None
        modality.socket.sendall(modality.engine.release())
        assert isinstance(modality.hear(), upper.Released)
    assert forward.is_asked_by_nobody()


@pytest.mark.parametrize("who", ["has an address", "has no context", "is no SCU"])
def test_nobody_else_waits_for_what_was_kept(scene: Scene, forward: Forward, who: str) -> None:
    if who != "has an address":
        without_address(scene)
    roles = (RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),) if who == "is no SCU" else ()
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT[:2] if who == "has no context" else COMMIT, roles=roles)
        assert modality.store("1.2.3.9", data_set("1.2.3.9")).status == 0
        assert forward.is_asked_by_nobody()


def test_the_longest_report_fits_through_the_smallest_pdus(scene: Scene, forward: Forward) -> None:
    without_address(scene)
    most = limits.COMMITMENT_INSTANCES.default
    with scene.connect() as modality:
        request = AssociateRequest("EDGE01", "CT1", COMMIT)
        modality.engine = upper.Association.requestor(request, max_pdu=limits.MAX_PDU_RECEIVE.floor)
        modality.socket.sendall(modality.engine.associate_request())
        assert isinstance(modality.hear(), upper.AssociationAccepted)
        forward.accept()
        forward.hears()
        forward.offer(sealed(scene, instances=most), EARLIER, (0,) * most)
        report, data = hear_report(modality)
        references = tuple((CT, f"1.2.3.{number}") for number in range(most))
        assert data == encode_report(TRANSACTION, references, (0,) * most, EXPLICIT)[1]
        answer(modality, report)
        assert [forward.hears(), forward.hears()] == [Begun(EARLIER), Answered(EARLIER, 0)]


def test_many_requests_on_one_association_are_remembered_up_to_a_number(
    scene: Scene, forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMITMENT_ASKED", replace(limits.COMMITMENT_ASKED, default=3))
    with scene.connect() as modality:
        modality.associate(contexts=COMMIT)
        for number in range(5):
            data = encode_request(f"1.2.3.777444.{number}", REFERENCES, EXPLICIT)
            assert ask(modality, action(), data).status == 0
        forward.accept()
        said = [forward.hears() for _ in range(6)]
        forward.close_connection()
        forward.accept()
        assert [forward.hears() for _ in range(4)] == [HERE, *said[-3:]]
