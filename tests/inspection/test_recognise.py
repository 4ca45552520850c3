"""What a flow carries, by content, on any port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.flow import Carries
from appliance.inspection.recognise import judge
from tests.inspection.scene import CT, MR, OWN, STRANGER, engine, evidence, rules
from tests.inspection.test_tls_hello import client_hello, server_hello
from tests.inspection.wire import RELEASE_RQ, Wire, associate, item, p_data, pdu, pdv, reject, store

HTTP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "carries"),
    [
        (associate(), Carries.DICOM),
        (associate(2), Carries.DICOM),
        (reject(), Carries.DICOM),
        (p_data(pdv(1, 3, bytes(20))), Carries.DICOM),
        (RELEASE_RQ, Carries.DICOM),
        (b"\x01\xff" + associate()[2:], Carries.DICOM),  # receivers do not test reserved bytes
        (
            associate(calling=b"\xff\x80", called=b"\x01\x02"),
            Carries.DICOM,
        ),  # odd titles, but an item where one must be
        (pdu(1, associate(contexts=())[6:74] + item(0x99, b"??") + associate()[74:]), Carries.DICOM),
        (b"\x01\0\xff\xff\xff\xff" + associate()[6:], Carries.DICOM),
        (client_hello(), Carries.TLS),
        (server_hello(), Carries.TLS),
        (b"\x15\x03\x03\0\2\1\0", Carries.TLS),
        (b"\x15\x01\0", Carries.OTHER),
        (HTTP, Carries.OTHER),
        (b"SSH-2.0-OpenSSH", Carries.OTHER),
        (b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08", Carries.OTHER),  # RDP
        (b"\x05\x01\0" + bytes(10), Carries.OTHER),  # SOCKS
        (b"\x04\x01\0\x50\x0a\0\0\1\0\0\0\0", Carries.OTHER),
        (b"\x01\0\0\0" + bytes(100), Carries.OTHER),
        (b"\x16\x03\x01", None),
        (associate()[:40], None),
    ],
)
def test_the_first_bytes_tell(data: bytes, carries: Carries | None) -> None:
    assert judge(data) is carries


@given(st.binary(min_size=1, max_size=90))
def test_enough_bytes_always_tell(data: bytes) -> None:
    verdict = judge(data)
    if len(data) >= 78:
        assert verdict is not None


@given(st.binary(min_size=78, max_size=90), st.integers(1, 77))
def test_a_verdict_stands_when_more_comes(data: bytes, size: int) -> None:
    early = judge(data[:size])
    assert early is None or early is judge(data)


@pytest.mark.parametrize("port", [80, 104, 4242, 31337])
def test_dicom_is_seen_on_any_port(port: int) -> None:
    watching = engine()
    Wire(watching, STRANGER, "10.20.0.50", port).association().client(store(1000))
    assert set(rules(watching)) == {"D02", "D03", "D11"}
    assert watching.snapshot()["associations"] == 1


def test_other_protocols_are_left_alone() -> None:
    watching = engine()
    talk = (
        Wire(watching, STRANGER, "10.20.0.50", 80)
        .open()
        .client(HTTP)
        .server(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100_000))
    )
    talk.client(associate(calling=b"ROGUE"))  # no server takes it for one here
    assert watching.snapshot()["memory"] < 400
    assert rules(watching) == []


def test_a_new_connection_on_ports_that_carried_something_else_is_seen_without_its_syn() -> None:
    watching = engine()
    Wire(watching, CT, OWN, 80).open().client(HTTP).server(bytes(100))
    again = Wire(watching, CT, OWN, 80, client_isn=1 << 30, server_isn=1 << 31)
    again.client(associate(calling=b"ROGUE"))
    assert "D01" in rules(watching)


def test_a_server_that_speaks_dicom_gives_a_strange_request_away() -> None:
    watching = engine()
    talk = Wire(watching, STRANGER, "10.20.0.50", 8080).open().client(b"\x99\0\0\1" + bytes(300))
    talk.server(associate(2)).client(store(1000))
    assert "D11" in rules(watching)
    assert watching.snapshot()["commands"] == 1


def test_a_server_that_answers_a_hello_in_dicom_is_seen() -> None:
    watching = engine()
    Wire(watching, STRANGER, "10.20.0.50", 8080).open().client(client_hello()).server(associate(2))
    assert "D11" in rules(watching)


def test_a_tls_server_that_ends_a_silent_connection_is_no_fault() -> None:
    watching = engine()
    Wire(watching, MR, OWN, 2762).open().server(b"\x15\x03\x03\0\2\1\0").close()
    Wire(watching, MR, OWN, 2762, client_port=50001).open().client(client_hello()[:4]).server(b"\x15\x03\x03\0\2\2\x46")
    assert rules(watching) == []


def test_junk_at_a_registered_endpoint_is_alerted() -> None:
    watching = engine()
    Wire(watching, CT, OWN, 104).open().client(HTTP)
    assert evidence(watching.take_alerts(), "D22").endswith("neither DICOM nor TLS where one is expected")


def test_hellos_in_single_bytes_are_read() -> None:
    watching = engine()
    Wire(watching, STRANGER, OWN, 2762, mss=1).open().client(client_hello()).server(server_hello())
    assert watching.snapshot()["tls"] == 1
    records = watching.take_alerts()
    assert [record["alert"]["signature_id"] for record in records] == ["D19"]
    assert records[0]["tls"]["version"] == "TLS 1.3"
