"""The record of an alert."""

from __future__ import annotations

import ipaddress
import json

from appliance.inspection.alert import Alert, parties
from appliance.inspection.rules.identity import UNKNOWN_CALLING
from appliance.inspection.rules.rule import Finding
from tests.inspection.scene import OWN, STRANGER, engine
from tests.inspection.wire import Wire, associate, command, p_data, pdv


def test_a_record_has_the_shape_of_eve() -> None:
    watching = engine()
    Wire(watching, STRANGER, OWN, now=1_700_000_000.0, vlans=(30,)).open().client(associate(calling=b"ROGUE"))
    record = json.loads(json.dumps(watching.take_alerts()[0]))
    assert record.pop("flow_id") > 0
    assert record.pop("timestamp").startswith("2023-11-14T22:13:20.0000")
    first = record["alert"]["metadata"].pop("first")
    assert first.startswith("2023-11-14T22:13:20.0000")
    assert record == {
        "event_type": "alert",
        "in_iface": "eth1",
        "vlan": [30],
        "src_ip": STRANGER,
        "src_port": 50000,
        "dest_ip": OWN,
        "dest_port": 104,
        "proto": "TCP",
        "ip_v": 4,
        "ether": {"src_mac": "02:00:00:00:00:01", "dest_mac": "02:00:00:00:00:02"},
        "community_id": record["community_id"],
        "app_proto": "dicom",
        "alert": {
            "action": "allowed",
            "signature_id": "D01",
            "rev": 1,
            "signature": "unknown calling AE title",
            "category": "unauthorized association",
            "severity": 1,
            "metadata": {
                "evidence": 'calling "ROGUE", called "EDGE01"',
                "advice": record["alert"]["metadata"]["advice"],
                "count": 1,
                "summary": False,
                "attack_technique": ["T1078"],
                "atna": "110126",
            },
        },
        "dicom": {
            "calling_ae": "ROGUE",
            "called_ae": "EDGE01",
            "max_pdu": 16384,
            "impl_version": "TEST_1",
            "contexts": [{"id": 1, "abstract": "1.2.840.10008.5.1.4.1.1.2"}],
        },
    }


def test_what_a_peer_sent_is_washed_and_names_no_instance() -> None:
    secret = b"1.2.826.0.1.3680043.99.4711"
    watching = engine()
    talk = Wire(watching, STRANGER, OWN).open()
    talk.client(associate(calling=b'A"\r\n\x1b[31m', called=b"<b>\\", contexts=((1, secret),), version_name=b"\0\xff"))
    talk.server(associate(2)).client(p_data(pdv(1, 3, command(0x0001, sop_class=secret))))
    told = json.dumps(watching.take_alerts())
    assert secret.decode() not in told
    assert "\\r" not in told
    assert "\\u001b" not in told
    assert '"private"' in told


def test_every_finding_can_be_told_whoever_its_parties_are() -> None:
    one, two = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.2")
    for source, target, said in (
        (one, two, ("10.0.0.1", "10.0.0.2")),
        (None, two, ("", "10.0.0.2")),
        (None, None, ("", "")),
    ):
        finding = Finding(UNKNOWN_CALLING, "e", about=("x",), source=source, target=target)
        assert parties(Alert(finding, 0.0, 0.0).record("eth1")) == said
    watching = engine()
    Wire(watching, STRANGER, OWN).open().client(associate(calling=b"ROGUE"))
    assert parties(watching.take_alerts()[0]) == (STRANGER, f"{OWN} port 104")
