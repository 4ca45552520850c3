"""D06, D07, D08, D33, D35: what is asked for, by whom, and when."""

from __future__ import annotations

import struct
from datetime import timedelta, timezone
from typing import Any

import pytest

from appliance.base import limits
from appliance.config.hours import parse_hours
from appliance.config.model import Peer, SensorServer
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Server
from appliance.inspection.rules.rule import Severity
from tests.inspection.scene import CT, OLD_PACS, OWN, evidence, registry, rules
from tests.inspection.wire import CT_STORAGE, Wire, associate, command, p_data, pdv, store

FIND = b"1.2.840.10008.5.1.4.1.2.2.1"
WORKLIST = b"1.2.840.10008.5.1.4.31"
READER = "10.20.0.70"
READING = SensorServer(
    name="Reading room",
    addresses=("10.20.0.64/28",),  # type: ignore[arg-type]
    ae_titles=("READ1",),
    ports=(104,),
    asks=("echo", "find", "move"),
)


def engine(**changes: object) -> Inspection:
    known = registry()
    servers = (*known.servers, Server("Reading room", frozenset(), 104, frozenset({"READ1"}), False, False))
    fields = {
        "peers": known.peers,
        "servers": servers,
        "own_titles": known.own_titles,
        "own": known.own,
        "decoy": known.decoy,
        "others": (READING,),
        **changes,
    }
    return Inspection(Registry(**fields))  # type: ignore[arg-type]


def element(tag: int, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def identifier(**keys: bytes) -> bytes:
    """A query for studies: all keys that are usual, empty unless given."""
    tags = {"date": 0x00080020, "modalities": 0x00080061, "name": 0x00100010, "id": 0x00100020, "study": 0x0020000D}
    level = element(0x00080052, b"STUDY")
    return level + b"".join(element(tag, keys.get(name, b"")) for name, tag in sorted(tags.items(), key=lambda t: t[1]))


def ask(
    watching: Inspection,
    field: int,
    data: bytes = b"",
    client: str = READER,
    server: str = OLD_PACS,
    calling: bytes = b"READ1",
    called: bytes = b"OLDPACS",
    sop_class: bytes = FIND,
    between: bytes = b"",
) -> Wire:
    talk = Wire(watching, client, server)
    talk.open().client(associate(called=called, calling=calling, contexts=((1, sop_class),))).server(associate(2))
    talk.client(p_data(pdv(1, 3, command(field, bool(data), sop_class, between=between))))
    if data:
        talk.client(p_data(pdv(1, 2, data)))
    return talk


def test_d06_a_device_asks_for_what_its_entry_lacks() -> None:
    watching = engine()
    ask(watching, 0x0010, identifier(id=b"1"))
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == ["D06"]
    assert evidence(records, "D06") == '"READ1" asks for C-GET-RQ; its entry has echo, find, move'


def test_d06_a_peer_asks_us_for_what_it_may_not() -> None:
    watching = engine()
    ask(watching, 0x0020, identifier(id=b"1"), CT, OWN, b"CT_SOMATOM1", b"EDGE01")
    assert rules(watching) == ["D06"]


@pytest.mark.parametrize(
    ("client", "server", "calling", "called"),
    [
        (READER, OLD_PACS, b"READ1", b"OLDPACS"),
        (CT, OLD_PACS, b"CT_SOMATOM1", b"OLDPACS"),  # what it asks of others is not said in its entry
    ],
)
def test_d06_what_an_entry_allows_is_quiet(client: str, server: str, calling: bytes, called: bytes) -> None:
    watching = engine()
    ask(watching, 0x0020, identifier(id=b"1"), client, server, calling, called)
    assert rules(watching) == []


STUDY_FIND, PATIENT_MOVE, STUDY_GET = (b"1.2.840.10008.5.1.4.1.2." + each for each in (b"2.1", b"1.2", b"2.3"))


def proposes(watching: Inspection, *classes: bytes, port: int = 50000) -> list[dict[str, Any]]:
    contexts = tuple((2 * number + 1, each) for number, each in enumerate(classes))
    wire = Wire(watching, READER, OLD_PACS, client_port=port).open()
    wire.client(associate(called=b"OLDPACS", calling=b"READ1", contexts=contexts))
    wire.server(associate(2, contexts=contexts))
    return watching.take_alerts()


def test_d06_what_is_only_proposed_is_for_information() -> None:
    watching = engine()
    assert proposes(watching, STUDY_FIND, PATIENT_MOVE) == []
    records = proposes(watching, STUDY_FIND, STUDY_GET, port=50001)
    assert evidence(records, "D06") == '"READ1" proposes get; its entry has echo, find, move'
    assert [each["alert"]["severity"] for each in records] == [Severity.LOW]
    ask(watching, 0x0010, identifier(id=b"1"))
    (asked,) = watching.take_alerts()
    assert asked["alert"]["severity"] == Severity.HIGH, "what was told before hushes nothing"


@pytest.mark.parametrize("asks", [(), ("echo", "find", "move", "get")])
def test_d06_a_proposal_of_what_an_entry_allows_is_quiet(asks: tuple[str, ...]) -> None:
    watching = engine(others=(READING.model_copy(update={"asks": asks}),))
    assert proposes(watching, STUDY_FIND, PATIENT_MOVE, STUDY_GET, b"1.2.840.10008.5.1.4.31", CT_STORAGE) == []


def test_d06_an_entry_that_names_nothing_allows_all() -> None:
    watching = engine(others=(READING.model_copy(update={"asks": ()}),))
    ask(watching, 0x0010, identifier(id=b"1"))
    assert rules(watching) == []


def move(destination: bytes) -> bytes:
    return element(0x00000600, destination)


def test_d07_a_move_to_a_stranger() -> None:
    watching = engine()
    ask(watching, 0x0021, identifier(id=b"1"), between=move(b"THIEF"))
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == ["D07"]
    assert records[0]["dicom"] == {"move_dest": "THIEF"}


@pytest.mark.parametrize("destination", [b"READ1", b"CT_SOMATOM1", b"OLDPACS", b"EDGE01"])
def test_d07_a_move_to_whom_the_registry_knows_is_quiet(destination: bytes) -> None:
    watching = engine()
    ask(watching, 0x0021, identifier(id=b"1"), between=move(destination))
    assert rules(watching) == []


@pytest.mark.parametrize(("status", "spoke"), [(0xA801, ["D07"]), (0xA702, []), (0x0000, [])])
def test_d07_a_server_that_does_not_know_the_destination(status: int, spoke: list[str]) -> None:
    watching = engine()
    talk = ask(watching, 0x0021, identifier(id=b"1"), between=move(b"READ1"))
    talk.server(p_data(pdv(1, 3, command(0x8021, more=struct.pack("<HHIH", 0, 0x0900, 2, status)))))
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    assert not spoke or records[0]["alert"]["severity"] == 3  # one is a setting that is wrong


@pytest.mark.parametrize("count", [limits.SENSOR_MOVES.default, limits.SENSOR_MOVES.default - 1])
def test_d07_many_destinations_that_a_server_does_not_know(count: int) -> None:
    watching = engine()
    talk = ask(watching, 0x0021, identifier(id=b"1"), between=move(b"READ1"))
    for _ in range(count):
        talk.server(p_data(pdv(1, 3, command(0x8021, more=struct.pack("<HHIH", 0, 0x0900, 2, 0xA801)))))
    severities = [each["alert"]["severity"] for each in watching.take_alerts()]
    assert severities == ([3, 1] if count == limits.SENSOR_MOVES.default else [3])


@pytest.mark.parametrize(
    ("keys", "spoke"),
    [
        ({}, ["D08"]),
        ({"name": b"*"}, ["D08"]),
        ({"modalities": b"CT"}, ["D08"]),
        ({"date": b"20260101-20260131"}, []),
        ({"id": b"4711"}, []),
        ({"name": b"D*"}, []),
    ],
)
def test_d08_a_query_that_everything_matches(keys: dict[str, bytes], spoke: list[str]) -> None:
    watching = engine()
    ask(watching, 0x0020, identifier(**keys))
    assert rules(watching) == spoke


def test_d08_a_worklist_is_asked_for_like_that() -> None:
    watching = engine(others=(READING.model_copy(update={"asks": ()}),))
    ask(watching, 0x0020, identifier(), sop_class=WORKLIST)
    assert rules(watching) == []


@pytest.mark.parametrize("sop_class", [b"1.2.840.10008.5.1.4.38.2", b"1.2.840.10008.5.1.4.34.6.3"])
def test_d08_hanging_protocols_and_work_items_are_too(sop_class: bytes) -> None:
    watching = engine()
    ask(watching, 0x0020, identifier(), sop_class=sop_class)
    assert rules(watching) == []


def test_d08_a_query_longer_than_what_is_read_is_not_called_broad() -> None:
    watching = engine()
    long = b"".join(element(0x00090000 | number, b"") for number in range(1, limits.SENSOR_DATA_HEAD.default // 8))
    ask(watching, 0x0020, element(0x00080052, b"STUDY") + long + element(0x00100020, b"4711"))
    assert rules(watching) == []


def test_d08_many_matches_and_many_queries() -> None:
    watching = engine()
    talk = ask(watching, 0x0020, identifier(id=b"1"))
    pending = p_data(pdv(1, 3, command(0x8020, more=struct.pack("<HHIH", 0, 0x0900, 2, 0xFF00))))
    talk.server(pending * (limits.SENSOR_MATCHES.default - 1))
    assert rules(watching) == []
    talk.server(pending)
    assert evidence(watching.take_alerts(), "D08") == "1000 matches to one query"
    done = p_data(pdv(1, 3, command(0x8020, more=struct.pack("<HHIH", 0, 0x0900, 2, 0x0000))))
    patient = engine()
    talk = ask(patient, 0x0020, identifier(id=b"1"))
    for _ in range(5):  # who keeps an association open all day may ask often
        talk.server(pending * 500).server(done)
    assert rules(patient) == []
    query = p_data(pdv(1, 3, command(0x0020, True, FIND))) + p_data(pdv(1, 2, identifier(id=b"1")))
    fresh = engine()
    talk = ask(fresh, 0x0020, identifier(id=b"1"))
    talk.client(query * (limits.SENSOR_QUERIES.default - 2))
    assert rules(fresh) == []
    talk.client(query)
    assert rules(fresh) == ["D08"]


def sends(watching: Inspection, sop_class: bytes, modality: bytes = b"") -> list[str]:
    data = element(0x00080060, modality) if modality else b""
    ask(watching, 0x0001, data, CT, OWN, b"CT_SOMATOM1", b"EDGE01", sop_class)
    return rules(watching)


def test_d33_a_class_that_the_entry_lacks() -> None:
    limited = Peer(
        name="CT",
        ae_titles=("CT_SOMATOM1",),
        addresses=(CT,),
        tls="never",
        sop_classes=(CT_STORAGE.decode(),),  # type: ignore[arg-type]
    )
    assert sends(engine(peers=(limited,)), b"1.2.840.10008.5.1.4.1.1.104.1") == ["D33"]
    assert sends(engine(peers=(limited,)), CT_STORAGE) == []
    assert sends(engine(), b"1.2.840.10008.5.1.4.1.1.104.1") == []


@pytest.mark.parametrize(("modality", "spoke"), [(b"US", ["D33"]), (b"CT", []), (b"ct!", []), (b"", [])])
def test_d33_a_modality_that_the_class_does_not_have(modality: bytes, spoke: list[str]) -> None:
    assert sends(engine(), CT_STORAGE, modality) == spoke


@pytest.mark.parametrize(("offset", "spoke"), [(0, ["D35"]), (8, [])])
def test_d35_outside_of_its_hours(offset: int, spoke: list[str]) -> None:
    """The scene is at 22:13 UTC; eight hours further east it is 06:13."""
    day = Peer(
        name="CT",
        ae_titles=("CT_SOMATOM1",),
        addresses=(CT,),
        tls="never",
        hours=parse_hours("06:00-22:00"),  # type: ignore[arg-type]
    )
    watching = engine(peers=(day,), zone=timezone(timedelta(hours=offset)))
    Wire(watching, CT, OWN).association().client(store(10))
    assert rules(watching) == spoke


def test_d35_without_a_time_zone_hours_are_not_looked_at() -> None:
    day = Peer(
        name="CT",
        ae_titles=("CT_SOMATOM1",),
        addresses=(CT,),
        tls="never",
        hours=parse_hours("06:00-22:00"),  # type: ignore[arg-type]
    )
    watching = engine(peers=(day,))
    Wire(watching, CT, OWN).association()
    assert rules(watching) == []
