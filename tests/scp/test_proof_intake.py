"""N-EVENT-REPORT of a destination as the wire shows it: durable and 0x0000, or the right status and nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.config.destinations import DimseDestination
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandField, CommandSet
from appliance.upper_layer.commitment import (
    NO_SUCH_EVENT,
    NO_SUCH_INSTANCE,
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    encode_report,
)
from appliance.upper_layer.negotiation import PresentationContext, RoleSelection
from appliance.vault.proof_reports import WaitingReports
from tests.scp.scene import CT, EXPLICIT, Requestor, Scene, data_set

TRANSACTION = "1.2.3.777444"
REFERENCES = ((CT, "1.2.3.400500"), (CT, "1.2.3.400501"))
EVENT, REPORT = encode_report(TRANSACTION, REFERENCES, (0, 0x0112), EXPLICIT)
CONTEXTS = (PresentationContext(1, STORAGE_COMMITMENT, (EXPLICIT,)), PresentationContext(3, CT, (EXPLICIT,)))
SCP_ROLE = (RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),)


def destination(**more: Any) -> DimseDestination:
    entry = {"name": "pacs", "kind": "dimse", "address": "192.0.2.9:104", "ae_title": "PACS", "tls": "never"}
    return DimseDestination.model_validate(entry | {"proof": "commitment"} | more)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path / "state")
    made.config = made.config.model_copy(update={"destination": (destination(),)})
    return made


def report(pacs: Requestor, data: bytes = REPORT, **changes: Any) -> CommandSet:
    values: dict[str, Any] = {
        "command_field": CommandField.N_EVENT_REPORT_RQ,
        "message_id": 7,
        "affected_sop_class": STORAGE_COMMITMENT,
        "affected_sop_instance": WELL_KNOWN_INSTANCE,
        "event_type": EVENT,
    }
    assert pacs.engine is not None
    pacs.socket.sendall(pacs.engine.send_command(1, CommandSet(**values | changes), True))
    for pdu in pacs.engine.send_data(1, data, True):
        pacs.socket.sendall(pdu)
    event = pacs.hear()
    assert isinstance(event, upper.CommandReceived), event
    return event.command


def associate(pacs: Requestor, **more: Any) -> upper.Event:
    return pacs.associate("PACS", contexts=CONTEXTS, roles=SCP_ROLE, **more)


def test_a_report_is_durable_before_it_is_answered_and_holds_tags_alone(scene: Scene) -> None:
    with scene.connect("192.0.2.9") as pacs:
        accepted = associate(pacs)
        assert isinstance(accepted, upper.AssociationAccepted)
        assert accepted.accept.roles == SCP_ROLE
        assert [each.result for each in accepted.accept.contexts] == [0, 1]  # it may report, and store nothing
        answer = report(pacs)
        assert (answer.status, answer.command_field) == (0, CommandField.N_EVENT_REPORT_RSP)
    waiting = WaitingReports(scene.layout, scene.index_key)
    (found,) = (waiting.read(each) for each in waiting.ids())
    tag = scene.index_key.tag
    assert (found.destination, found.transaction_tag) == ("pacs", tag("transaction", TRANSACTION))
    assert found.reasons == ((CT, tag("instance", "1.2.3.400501"), 0x0112), (CT, tag("instance", "1.2.3.400500"), 0))
    for path in scene.files():
        assert b"1.2.3.400500" not in path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "data", "status"),
    [
        ({"affected_sop_instance": "1.2.3"}, REPORT, NO_SUCH_INSTANCE),
        ({"event_type": 3}, REPORT, NO_SUCH_EVENT),
        ({}, REPORT[:18], 0x0110),
        ({}, encode_report(TRANSACTION, (), (), EXPLICIT)[1], 0x0115),
    ],
)
def test_what_is_no_report_earns_a_status_and_leaves_nothing(
    scene: Scene, changes: dict[str, Any], data: bytes, status: int
) -> None:
    with scene.connect("192.0.2.9") as pacs:
        associate(pacs)
        assert report(pacs, data, **changes).status == status
        assert report(pacs).status == 0  # the association goes on
    assert len(scene.files()) == 1


def test_from_another_address_nobody_reports(scene: Scene) -> None:
    with scene.connect("192.0.2.10") as pacs:
        assert isinstance(associate(pacs), upper.AssociationRejected)


def test_a_destination_whose_status_is_proof_may_not_come(scene: Scene) -> None:
    scene.config = scene.config.model_copy(update={"destination": (destination(proof="status"),)})
    with scene.connect("192.0.2.9") as pacs:
        assert isinstance(associate(pacs), upper.AssociationRejected)


def test_its_reports_may_come_from_elsewhere_under_another_title(scene: Scene) -> None:
    entry = destination(
        address="pacs.rad.example:104", reports={"ae_titles": ["PACS_SC"], "addresses": ["192.0.2.64/28"]}
    )
    scene.config = scene.config.model_copy(update={"destination": (entry,)})
    with scene.connect("192.0.2.70") as pacs:
        pacs.associate("PACS_SC", contexts=CONTEXTS, roles=SCP_ROLE)
        assert report(pacs).status == 0
    with scene.connect("192.0.2.70") as pacs:
        assert isinstance(associate(pacs), upper.AssociationRejected)


def test_over_tls_it_needs_a_certificate_for_its_name(scene: Scene) -> None:
    scene.config = scene.config.model_copy(update={"destination": (destination(tls="required", ca="/ca.crt"),)})
    with scene.connect("192.0.2.9") as pacs:
        assert isinstance(associate(pacs), upper.AssociationRejected)  # it came in cleartext


def test_a_modality_may_not_report(scene: Scene) -> None:
    scene.change_peer(services=("echo", "store", "commit"))
    with scene.connect() as modality:
        modality.associate(contexts=CONTEXTS)
        assert report(modality).status == 0x0211
    assert scene.files() == []


def test_a_destination_that_is_a_peer_too_may_do_both(scene: Scene) -> None:
    scene.change_peer(ae_titles=("PACS",))
    with scene.connect("192.0.2.9") as pacs:
        accepted = associate(pacs)
        assert isinstance(accepted, upper.AssociationAccepted)
        assert [each.result for each in accepted.accept.contexts] == [0, 0]
        assert report(pacs).status == 0
        assert pacs.store("1.2.3.4", data_set("1.2.3.4")).status == 0


def test_it_may_not_ask_us_to_commit(scene: Scene) -> None:
    with scene.connect("192.0.2.9") as pacs:
        associate(pacs)
        answer = report(
            pacs,
            command_field=CommandField.N_ACTION_RQ,
            requested_sop_class=STORAGE_COMMITMENT,
            requested_sop_instance=WELL_KNOWN_INSTANCE,
            action_type=1,
        )
        assert answer.status == 0x0211
    assert scene.files() == []
