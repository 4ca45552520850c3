"""Who may associate from where to where."""

from __future__ import annotations

import dataclasses
import ipaddress

import pytest

from appliance.config.model import Sensor
from appliance.inspection.registry import Calling, Registry, Surroundings
from tests.inspection.scene import CT, MR, OLD_PACS, OWN, PACS, STRANGER, config, registry


def at(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [
        (OWN, 104, "this appliance"),
        (OWN, 2762, "this appliance"),
        (PACS, 2762, "pacs"),
        (OLD_PACS, 104, "old pacs"),
        (PACS, 104, None),
        (STRANGER, 2762, None),
        (OWN, 11112, None),
    ],
)
def test_servers_are_known_by_address_and_port(address: str, port: int, name: str | None) -> None:
    found = registry().server(at(address), port)
    assert (found.name if found else None) == name


def test_a_destination_whose_name_is_not_resolved_may_be_anywhere() -> None:
    found = registry(own=False).server(at(STRANGER), 2762)
    assert found is not None
    assert found.name == "pacs"


@pytest.mark.parametrize(
    ("title", "address", "server", "standing"),
    [
        ("CT_SOMATOM1", CT, OWN, Calling.KNOWN),
        ("CT_SOMATOM1", "2001:db8::11", OWN, Calling.KNOWN),
        ("CT_SOMATOM1", MR, OWN, Calling.ELSEWHERE),
        ("ct_somatom1", CT, OWN, Calling.CASE),
        ("ROGUE", CT, OWN, Calling.UNKNOWN),
        (None, CT, OWN, Calling.UNKNOWN),
        ("XA1", "10.20.0.13", OWN, Calling.UNKNOWN),  # its entry is not accepted yet
        ("EDGE01", OWN, OLD_PACS, Calling.KNOWN),
        ("EDGE01", STRANGER, OWN, Calling.ELSEWHERE),
        ("MR1", OWN, OLD_PACS, Calling.KNOWN),  # forwarded with the modality's title
        ("MR1", OWN, PACS, Calling.ELSEWHERE),
    ],
)
def test_a_calling_title_stands_by_its_address(title: str | None, address: str, server: str, standing: Calling) -> None:
    known = registry()
    found = known.server(at(server), 2762 if server == PACS else 104)
    assert known.calling(title, at(address), found) is standing


@pytest.mark.parametrize(
    ("title", "address", "server", "port", "demanded_by"),
    [
        ("CT_SOMATOM1", CT, OWN, 2762, "this appliance"),
        ("CT_SOMATOM1", CT, OWN, 104, ""),
        ("MR1", MR, OWN, 104, "MR"),
        ("OTHER", MR, OWN, 104, ""),
        (None, MR, OWN, 104, "MR"),
        ("MR1", MR, STRANGER, 104, "MR"),
        ("EDGE01", OWN, PACS, 2762, "pacs"),
        ("EDGE01", OWN, OLD_PACS, 104, ""),
        ("MR1", MR, OLD_PACS, 104, ""),
    ],
)
def test_tls_is_demanded_by_an_entry(title: str | None, address: str, server: str, port: int, demanded_by: str) -> None:
    known = registry()
    assert known.tls_demanded_by(title, at(address), known.server(at(server), port)) == demanded_by


def test_what_sensor_names_is_in_the_registry() -> None:
    made = config()
    named = {
        "interface": "eth1",
        "mode": "host",
        "decoy_port": 11112,
        "local": ["10.20.0.0/16"],
        "vlans": [30],
        "dhcp_servers": ["10.20.0.1"],
        "server": [{"name": "Archive", "addresses": ["10.20.0.5"], "ae_titles": ["ARCH"], "ports": [104, 2762]}],
    }
    known = Registry.build(made.model_copy(update={"sensor": Sensor.model_validate(named)}), Surroundings())
    archive = ipaddress.ip_address("10.20.0.5")
    assert [each.port for each in known.servers if each.name == "Archive"] == [104, 2762]
    assert known.answers("ARCH", archive, 2762)
    assert not known.answers("ARCH", archive, 4242)
    assert known.knows_title("ARCH")
    assert (known.decoy_port, known.vlans, known.mirrors) == (11112, frozenset({30}), False)
    assert known.is_local(archive)
    assert not known.is_local(ipaddress.ip_address("10.21.0.5"))
    assert known.is_registered(archive)
    assert known.time_of_day(0.0) is None


def test_another_registry_remembers_nothing_of_the_first() -> None:
    known = registry()
    here = ipaddress.ip_address(OWN)
    assert known.server(here, 104) is not None
    assert dataclasses.replace(known, servers=()).server(here, 104) is None
