"""D09, D12, and machines of [[sensor.server]], which are no strangers."""

from __future__ import annotations

import dataclasses
import ipaddress

import pytest

from appliance.config.model import SensorServer
from appliance.config.values import parse_network
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Surroundings
from tests.inspection.scene import CT, OLD_PACS, OWN, STRANGER, config, engine, evidence, registry, rules
from tests.inspection.test_tls_hello import client_hello
from tests.inspection.wire import Wire, associate, item

SITE = (parse_network("10.20.0.0/16"),)


def calls(watching: Inspection, client: str, server: str, port: int = 104, **said: object) -> list[str]:
    Wire(watching, client, server, port).open().client(associate(**said)).server(associate(2))  # type: ignore[arg-type]
    return rules(watching)


def identity(kind: int) -> bytes:
    return item(0x50, item(0x58, bytes((kind, 0, 0, 5)) + b"smith" + b"\0\6secret"))


@pytest.mark.parametrize(("kind", "severity"), [(1, 3), (2, 2), (5, 2), (9, 2)])
def test_d09_a_user_identity_in_clear(kind: int, severity: int) -> None:
    watching = engine()
    Wire(watching, CT, OWN).open().client(associate(extra=identity(kind)))
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == ["D09"]
    assert records[0]["alert"]["severity"] == severity
    assert "smith" not in str(records)
    assert "secret" not in str(records)


def test_d09_without_one_it_is_quiet() -> None:
    assert calls(engine(), CT, OWN) == []


@pytest.mark.parametrize(
    ("client", "server", "spoke"),
    [
        ("10.30.0.9", OWN, True),
        (CT, "8.8.8.8", True),
        ("8.8.8.8", OWN, True),
        (CT, "10.30.0.9", True),
        (CT, OWN, False),
        (CT, OLD_PACS, False),
    ],
)
def test_d12_dicom_that_leaves_or_enters(client: str, server: str, spoke: bool) -> None:
    watching = Inspection(dataclasses.replace(registry(), local=SITE))
    assert ("D12" in calls(watching, client, server)) is spoke


def test_d12_a_public_address_is_never_of_the_site_unless_it_is_registered() -> None:
    assert "D12" in calls(engine(), CT, "8.8.8.8")
    assert "D12" not in calls(engine(), CT, "10.30.0.9")  # nobody said what the site is
    cloud = dataclasses.replace(registry().servers[1], addresses=frozenset({ipaddress.ip_address("8.8.8.8")}))
    known = dataclasses.replace(registry(), servers=(*registry().servers, cloud), local=SITE)
    assert "D12" not in calls(Inspection(known), CT, "8.8.8.8")


@pytest.mark.parametrize(
    ("client", "server", "port", "spoke"),
    [
        ("8.8.8.8", OWN, 2762, ["D12", "D19"]),
        (CT, "8.8.8.8", 11112, ["D12", "D19"]),
        ("10.30.0.9", OWN, 2762, ["D12", "D19"]),
        (CT, "10.20.0.50", 11112, ["D19"]),
        ("10.20.0.98", "8.8.8.8", 443, []),
    ],
)
def test_d12_over_tls_by_its_port(client: str, server: str, port: int, spoke: list[str]) -> None:
    watching = Inspection(dataclasses.replace(registry(), local=SITE))
    Wire(watching, client, server, port).open().client(client_hello())
    assert sorted(rules(watching)) == spoke


def with_servers() -> Inspection:
    archive = {"name": "Archive", "addresses": ["10.20.0.5"], "ae_titles": ["ARCH"], "ports": [104, 2762]}
    reader = {"name": "Readers", "addresses": ["10.20.0.64/28"], "ae_titles": ["READ1", "READ2"], "tls": "never"}
    servers = tuple(SensorServer.model_validate(each) for each in (archive, reader))
    made = config()
    sensor = made.sensor.model_copy(update={"server": servers})  # type: ignore[union-attr]
    own = frozenset({ipaddress.ip_address(OWN)})
    return Inspection(Registry.build(made.model_copy(update={"sensor": sensor}), Surroundings(own)))


READER, ARCHIVE = "10.20.0.70", "10.20.0.5"


@pytest.mark.parametrize(
    ("client", "server", "port", "calling", "called", "spoke"),
    [
        (READER, ARCHIVE, 104, b"READ1", b"ARCH", []),
        (CT, ARCHIVE, 104, b"CT_SOMATOM1", b"ARCH", []),
        (ARCHIVE, OLD_PACS, 104, b"ARCH", b"OLDPACS", []),
        (READER, ARCHIVE, 104, b"READ1", b"WRONG", ["D02"]),
        (READER, ARCHIVE, 105, b"READ1", b"ARCH", ["D02", "D11"]),  # not a port that it names
        (CT, READER, 104, b"CT_SOMATOM1", b"READ1", ["D02", "D11"]),  # it only calls
        (STRANGER, ARCHIVE, 104, b"READ1", b"ARCH", ["D03"]),
        (READER, ARCHIVE, 104, b"NOBODY", b"ARCH", ["D01"]),
        (READER, ARCHIVE, 104, b"read1", b"ARCH", ["D01"]),
    ],
)
def test_machines_that_the_sensor_was_told_of_are_no_strangers(
    client: str, server: str, port: int, calling: bytes, called: bytes, spoke: list[str]
) -> None:
    assert calls(with_servers(), client, server, port, calling=calling, called=called) == spoke


@pytest.mark.parametrize(("client", "spoke"), [(ARCHIVE, []), (READER, ["D19"]), (STRANGER, ["D19"])])
def test_tls_to_them_is_allowed_to_whom_their_entries_allow_it(client: str, spoke: list[str]) -> None:
    watching = with_servers()
    Wire(watching, client, ARCHIVE, 2762).open().client(client_hello())
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    if spoke:
        assert records[0]["tls"]["ja4"].startswith("t13i")
        reason = "the entry of its client, Readers, says that it never speaks TLS"
        assert evidence(records, "D19").startswith(reason if client == READER else "its client has no entry")


def test_commitment_reports_of_ours_go_to_a_registered_server() -> None:
    from appliance.config.model import Commitment

    made = config()
    where = Commitment.model_validate({"address": "10.20.0.11:4000", "ae_title": "CT_COMMIT", "tls": "never"})
    peers = (made.peer[0].model_copy(update={"commitment": where}), *made.peer[1:])
    own = frozenset({ipaddress.ip_address(OWN)})
    known = Registry.build(made.model_copy(update={"peer": peers}), Surroundings(own))
    assert calls(Inspection(known), OWN, CT, 4000, calling=b"EDGE01", called=b"CT_COMMIT") == []
    assert calls(engine(), OWN, CT, 4000, calling=b"EDGE01", called=b"CT_COMMIT") == ["D02", "D11"]
