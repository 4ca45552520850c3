"""D01, D02, D11, D19: who may call whom. Nobody who may not is silent, and nobody who may is a stranger."""

from __future__ import annotations

import ipaddress
import tomllib

import pytest

from appliance.config.model import Config
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Surroundings
from tests.inspection.handshake import certificate, talk
from tests.inspection.scene import evidence, rules
from tests.inspection.test_tls_hello import client_hello
from tests.inspection.wire import Wire, associate, command, p_data, pdv, store

CT, OWN, PACS, RIS, READER, STRANGER = (f"10.20.0.{last}" for last in (11, 2, 4, 5, 21, 99))
SITE = f"""
[appliance]
ae_title = "EDGE01"
[receive]
listen = ["{OWN}:2762"]
listen_plain = ["{OWN}:104"]
called_ae_titles = ["STORE"]
certificate = "/c"
key = "/k"
client_ca = "/a"
[[peer]]
name = "CT"
ae_titles = ["CT1"]
addresses = ["{CT}"]
tls = "allowed"
calls = ["RIS"]
[vault]
recipients = ["age1{"q" * 58}"]
[[destination]]
name = "pacs"
kind = "dimse"
address = "{PACS}:104"
ae_title = "PACS"
tls = "never"
proof = "commitment"
[[destination]]
name = "second"
kind = "dimse"
address = "second.rad.example:4242"
ae_title = "SECOND"
tls = "never"
[sensor]
interface = "eth1"
[[sensor.server]]
name = "RIS"
addresses = ["{RIS}"]
ae_titles = ["RIS"]
ports = [104, 2762]
[[sensor.server]]
name = "Reader"
addresses = ["{READER}"]
ae_titles = ["READ1"]
ports = [104, 2762]
"""


def watching(own: bool = True) -> Inspection:
    config = Config.model_validate(tomllib.loads(SITE))
    return Inspection(Registry.build(config, Surroundings(frozenset({ipaddress.ip_address(OWN)}) if own else None)))


@pytest.mark.parametrize(
    ("client", "calling", "server", "called", "spoke"),
    [
        (CT, "CT1", OWN, "STORE", []),
        (CT, "CT1", RIS, "RIS", []),
        (CT, "CT1", PACS, "PACS", ["D02"]),  # its entry lists whom it calls, and not this one
        (CT, "CT1", READER, "READ1", ["D02"]),
        (READER, "READ1", PACS, "PACS", []),
        (READER, "READ1", OWN, "STORE", ["D02"]),  # we never let it in: it has no [[peer]]
        (PACS, "PACS", READER, "READ1", []),  # a destination that was told to move images
        (PACS, "PACS", OWN, "STORE", []),  # it reports on storage commitment,
        (PACS, "PACS", OWN, "EDGE01", []),  # to the title as which it was asked
        (STRANGER, "PACS", OWN, "STORE", ["D03"]),
        (STRANGER, "PACS", READER, "READ1", ["D03"]),
        (CT, "EDGE01", READER, "READ1", ["D03"]),
        (OWN, "EDGE01", READER, "READ1", []),
    ],
)
def test_in_clear(client: str, calling: str, server: str, called: str, spoke: list[str]) -> None:
    seen = watching()
    request = associate(calling=calling.encode(), called=called.encode())
    Wire(seen, client, server).open().client(request).server(associate(2))
    assert rules(seen) == spoke


@pytest.mark.parametrize(("reports", "spoke"), [(True, []), (False, ["D06"])])
def test_a_destination_that_is_a_peer_too_may_report(reports: bool, spoke: list[str]) -> None:
    peer = f'[[peer]]\nname = "archive"\nae_titles = ["PACS"]\naddresses = ["{PACS}"]\ntls = "never"\n'
    peer += 'services = ["echo"]\n'
    text = SITE.replace("[vault]", f"{peer}[vault]").replace(
        'proof = "commitment"', "" if not reports else 'proof = "commitment"'
    )
    known = Registry.build(
        Config.model_validate(tomllib.loads(text)), Surroundings(frozenset({ipaddress.ip_address(OWN)}))
    )
    seen = Inspection(known)
    commitment = b"1.2.840.10008.1.20.1"
    request = associate(calling=b"PACS", called=b"STORE", contexts=((1, commitment),))
    talk = Wire(seen, PACS, OWN).open().client(request).server(associate(2))
    talk.client(p_data(pdv(1, 3, command(0x100, sop_class=commitment))))
    assert rules(seen) == spoke


@pytest.mark.parametrize(
    ("client", "server", "port", "why"),
    [
        (CT, OWN, 2762, ""),
        (CT, RIS, 2762, ""),
        (READER, RIS, 2762, ""),
        (OWN, RIS, 2762, ""),
        (CT, READER, 2762, "the entry of its client, CT, does not list it in calls"),
        (READER, OWN, 2762, "its client, Reader, has no [[peer]] entry"),
        (STRANGER, RIS, 2762, "its client has no entry"),
        (READER, PACS, 104, "the entry of pacs says that it never speaks TLS"),
        (CT, OWN, 104, "the entry of this appliance says that it never speaks TLS"),
    ],
)
def test_over_tls(client: str, server: str, port: int, why: str) -> None:
    seen = watching()
    Wire(seen, client, server, port).open().client(client_hello())
    records = seen.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == (["D19"] if why else [])
    if why:
        assert evidence(records, "D19").startswith(why)


@pytest.mark.parametrize(
    ("client", "server", "protocols", "spoke"),
    [
        (CT, STRANGER, (), True),
        (STRANGER, PACS, (), True),
        (CT, STRANGER, ("http/1.1",), False),
        (OWN, STRANGER, (), False),
        (STRANGER, "10.20.0.98", (), False),
    ],
)
def test_tls_of_registered_machines_at_other_ports_is_told_for_information(
    client: str, server: str, protocols: tuple[str, ...], spoke: bool
) -> None:
    seen = watching()
    Wire(seen, client, server, 8443).open().client(talk(certificate(), protocols=protocols)[0][1])
    records = seen.take_alerts()
    assert [(each["alert"]["signature_id"], each["alert"]["severity"]) for each in records] == [("D19", 3)] * spoke


@pytest.mark.parametrize(("client", "spoke"), [(STRANGER, ["D43", "D02"]), (READER, ["D43"]), (OWN, ["D43"])])
@pytest.mark.parametrize("data", [b"\x17\3\3\x40\0" + bytes(range(256)) * 8, store(100_000)[3000:]])
def test_a_connection_that_was_there_before_the_sensor(client: str, spoke: list[str], data: bytes) -> None:
    """TLS or not: who may not call is named, though nothing tells what was said."""
    seen = watching()
    Wire(seen, client, RIS, 2762).client(data)
    assert sorted(rules(seen)) == sorted(spoke)


def test_in_a_capture_from_elsewhere_an_unlisted_client_may_be_we_but_it_is_told() -> None:
    for server, severity in ((RIS, 3), (OWN, 2)):
        seen = watching(own=False)
        Wire(seen, STRANGER, server, 2762).open().client(client_hello())
        assert [each["alert"]["severity"] for each in seen.take_alerts()] == [severity]


def test_where_a_host_name_is_not_known_any_server_may_be_that_host_but_not_in_silence() -> None:
    """Once: every server at the port of a destination passed for it."""
    seen = watching()
    assert seen.registry.unresolved == ("second",)
    for client, calling, spoke in ((READER, b"READ1", ["D11"]), (OWN, b"EDGE01", [])):
        request = associate(calling=calling, called=b"SECOND")
        Wire(seen, client, STRANGER, 4242).open().client(request).server(associate(2))
        records = seen.take_alerts()
        assert [each["alert"]["signature_id"] for each in records] == spoke
        if spoke:
            assert "it may be second, whose host name is not resolved" in evidence(records, "D11")
            assert records[0]["alert"]["severity"] == 3
