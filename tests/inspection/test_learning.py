"""Proposals: the least that was seen, nothing that is known, and a file that the configuration takes."""

from __future__ import annotations

import ipaddress
import tomllib

import pytest

from appliance.cli.peers import as_toml
from appliance.config.load import parse_config
from appliance.inspection.engine import Inspection
from appliance.inspection.learning import Proposal, propose
from appliance.inspection.registry import Registry, Surroundings
from tests.inspection.scene import CONFIG, CT, OWN, STRANGER, registry
from tests.inspection.test_inventory import meets
from tests.inspection.test_tls_hello import client_hello, server_hello
from tests.inspection.wire import VERIFICATION, Wire, associate, command, p_data, pdv, reject, store

PACS, READER = "10.20.0.5", "10.20.0.70"


def learned(watching: Inspection) -> tuple[list[Proposal], list[str]]:
    return propose(watching.inventory, registry())


def test_a_device_that_called_us_is_proposed_with_what_it_used() -> None:
    watching = Inspection(registry())
    meets(watching, 1.7e9, STRANGER, calling=b"US1").client(store(100))
    ((found,), remarks) = learned(watching)
    assert found.section == "peer"
    assert found.keys == {
        "name": "US1 (seen)",
        "accept": False,
        "ae_titles": ["US1"],
        "addresses": [STRANGER],
        "tls": "never",
        "services": ["store"],
        "sop_classes": ["1.2.840.10008.5.1.4.1.1.2"],
        "calls": [],
    }
    assert found.evidence[0] == (
        f"US1 at {STRANGER} to EDGE01 at {OWN} port 104: 1 association, 2023-11-14 to 2023-11-14, used C-STORE"
    )
    assert remarks == []


def test_who_is_known_or_was_never_accepted_is_not_proposed() -> None:
    watching = Inspection(registry())
    meets(watching, 1.7e9)
    meets(watching, 1.7e9, STRANGER, port=50001, answer=reject(), calling=b"GUESS")
    assert learned(watching) == ([], [])


def test_a_server_of_others_and_its_callers() -> None:
    watching = Inspection(registry())
    meets(watching, 1.7e9, READER, PACS, calling=b"READ1", called=b"ARCH", contexts=((1, VERIFICATION),)).client(
        p_data(pdv(1, 3, command(0x0030, sop_class=VERIFICATION)))
    )
    meets(watching, 1.7e9, PACS, READER, port=50001, calling=b"ARCH_OUT", called=b"READ1").client(store(100))
    proposals, _ = learned(watching)
    assert [(each.section, each.keys["addresses"]) for each in proposals] == [
        ("sensor.server", [PACS]),
        ("sensor.server", [READER]),
    ]
    archive, reader = proposals
    assert archive.keys["ae_titles"] == ["ARCH", "ARCH_OUT"]
    assert (archive.keys["calls"], reader.keys["calls"]) == (["READ1"], ["ARCH"])
    assert (archive.keys["ports"], archive.keys["asks"], reader.keys["asks"]) == ([104], ["store"], ["echo"])


def test_what_it_asked_for_is_what_the_rule_looks_for() -> None:
    """A modality that answers too: worklists, procedure steps and commitment have names of their own in `asks`."""

    def traffic(watching: Inspection) -> None:
        meets(watching, 1.7e9, PACS, READER, calling=b"ARCH", called=b"READ1").client(store(10))
        wanted = ((1, b"1.2.840.10008.5.1.4.31"), (3, b"1.2.840.10008.3.1.2.3.3"), (5, b"1.2.840.10008.1.20.1"))
        names = {"calling": b"READ1", "called": b"ARCH", "contexts": wanted}
        answer = associate(2, contexts=wanted)
        talk = meets(watching, 1.7e9, READER, PACS, 50001, answer, **names)
        for (context, sop_class), field in zip(wanted, (0x20, 0x140, 0x130), strict=True):
            talk.client(p_data(pdv(context, 3, command(field, sop_class=sop_class))))

    watching = Inspection(registry())
    traffic(watching)
    proposals = learned(watching)[0]
    assert [each.keys.get("asks") for each in proposals] == [["store"], ["commit", "mpps", "worklist"]]
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + "\n" + "\n".join(map(as_toml, proposals))
    quiet = Inspection(Registry.build(parse_config(text.encode()), registry_surroundings()))
    traffic(quiet)
    assert quiet.take_alerts() == []  # it was D06, of high severity


def test_a_modality_that_stores_with_us_and_answers_others_is_both() -> None:
    """Once it was a [[sensor.server]] alone, which may not call us."""

    def traffic(watching: Inspection) -> None:
        meets(watching, 1.7e9, STRANGER, OWN, calling=b"US1").client(store(10))
        talk = meets(watching, 1.7e9, STRANGER, PACS, port=50001, calling=b"US1", called=b"ARCH")
        talk.client(p_data(pdv(1, 3, command(0x130, sop_class=b"1.2.840.10008.1.20.1"))))
        meets(watching, 1.7e9, PACS, STRANGER, port=50002, calling=b"ARCH", called=b"US1")

    watching = Inspection(registry())
    traffic(watching)
    proposals = learned(watching)[0]
    found = {(each.section, str(each.keys["ae_titles"])): each.keys for each in proposals}
    assert set(found) == {("peer", "['US1']"), ("sensor.server", "['US1']"), ("sensor.server", "['ARCH']")}
    peer, server = found["peer", "['US1']"], found["sensor.server", "['US1']"]
    assert (peer["services"], peer["calls"], server["asks"]) == (["store"], ["ARCH"], ["commit", "store"])
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + "\n" + "\n".join(map(as_toml, proposals))
    accepted = text.replace('accept = false\nae_titles = ["US1"]', 'accept = true\nae_titles = ["US1"]')
    quiet = Inspection(Registry.build(parse_config(accepted.encode()), registry_surroundings()))
    traffic(quiet)
    assert quiet.take_alerts() == []
    assert propose(quiet.inventory, quiet.registry)[0] == []


def registry_surroundings() -> Surroundings:
    names = {"pacs.rad.example": frozenset({ipaddress.ip_address("10.20.0.3")})}
    return Surroundings(frozenset({ipaddress.ip_address(OWN)}), names)


def test_lists_stand_on_a_line_where_they_fit() -> None:
    keys = {
        "name": "x",
        "ports": [104, 2762],
        "ae_titles": ["A", "B"],
        "calls": [],
        "asks": [f"T{n}" for n in range(40)],
    }
    text = as_toml(Proposal("sensor.server", keys, ("why",)))
    assert text.startswith(
        '# why\n[[sensor.server]]\nname = "x"\nports = [104, 2762]\nae_titles = ["A", "B"]\ncalls = []\n'
    )
    assert max(map(len, text.splitlines())) < 112
    assert tomllib.loads(text)["sensor"]["server"] == [keys]


def test_what_tls_hides_is_said() -> None:
    watching = Inspection(registry())
    wire = Wire(watching, STRANGER, PACS, 2762).open().client(client_hello())
    wire.server(server_hello())
    proposals, remarks = learned(watching)
    assert proposals == []
    assert remarks == [f"{STRANGER} to {PACS} port 2762 speaks TLS 1.2, so its AE titles cannot be seen."]


@pytest.mark.parametrize("title", [b'"]\n[x]\n#', b"\xff\xfe", b"A\\B", b"'''", b"#"])
def test_no_name_breaks_out_of_the_file(title: bytes) -> None:
    watching = Inspection(registry())
    meets(watching, 1.7e9, STRANGER, calling=title)
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + "\n" + "\n".join(map(as_toml, learned(watching)[0]))
    before = parse_config(CONFIG.replace("RECIPIENT", "age1" + "q" * 58).encode())
    assert parse_config(text.encode()).model_dump(exclude={"peer"}) == before.model_dump(exclude={"peer"})


def test_the_configuration_takes_what_is_proposed_and_the_sensor_is_quiet_then() -> None:
    def traffic(watching: Inspection) -> None:
        meets(watching, 1.7e9, READER, PACS, calling=b"READ^1", called=b"ARCH").client(store(10))
        meets(watching, 1.7e9, PACS, READER, port=50001, calling=b"ARCH", called=b"READ^1").client(store(10))
        meets(watching, 1.7e9, STRANGER, PACS, port=50002, calling=b"US1", called=b"ARCH").client(store(10))
        meets(watching, 1.7e9, CT, PACS, port=50003, called=b"ARCH")

    watching = Inspection(registry())
    traffic(watching)
    assert watching.take_alerts()
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + "\n" + "\n".join(map(as_toml, learned(watching)[0]))
    config = parse_config(
        text.replace('accept = false\nae_titles = ["US1', 'accept = true\nae_titles = ["US1').encode()
    )
    assert len(config.sensor.server) == 2  # type: ignore[union-attr]
    own = frozenset({ipaddress.ip_address(OWN)})
    names = {"pacs.rad.example": frozenset({ipaddress.ip_address("10.20.0.3")})}
    quiet = Inspection(Registry.build(config, Surroundings(own, names)))
    traffic(quiet)
    assert quiet.take_alerts() == []
    assert propose(quiet.inventory, quiet.registry) == ([], [])
