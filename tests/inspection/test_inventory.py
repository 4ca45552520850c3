"""The inventory, and the rules that speak of what changed: D10, D14, D32, D34, D36; what is stored, and its bounds."""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base import limits
from appliance.config.values import parse_network
from appliance.inspection.engine import Inspection
from appliance.inspection.inventory import Inventory
from appliance.inspection.inventory_entries import Device, Host, Talk
from appliance.inspection.inventory_table import Table
from tests.fuzz.steps import steps
from tests.inspection.handshake import certificate, talk
from tests.inspection.scene import CT, MR, OLD_PACS, OWN, STRANGER, engine, evidence, registry, rules
from tests.inspection.test_engine import Tape
from tests.inspection.test_link_watch import A, B, gratuitous, show
from tests.inspection.test_tls_hello import client_hello, server_hello
from tests.inspection.wire import CT_STORAGE, ILE, Wire, associate, command, item, p_data, pdu, pdv, reject, store

BEGAN = 1_700_000_000.0
LEARN = limits.SENSOR_LEARN.default
JPEG = b"1.2.840.10008.1.2.4.90"
RSP = p_data(pdv(1, 3, command(0x8001)))


def meets(
    watching: Inspection,
    now: float,
    client: str = CT,
    server: str = OWN,
    port: int = 50000,
    answer: bytes = b"",
    **said: object,
) -> Wire:
    wire = Wire(watching, client, server, client_port=port, now=now).open()
    return wire.client(associate(**said)).server(answer or associate(2))  # type: ignore[arg-type]


def accepts(syntax: bytes) -> bytes:
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x21, bytes((1, 0, 0, 0)) + item(0x40, syntax))
    user = item(0x50, item(0x51, struct.pack("!I", 16384)))
    return pdu(2, b"\0\1\0\0" + b"EDGE01".ljust(16) + b"CT_SOMATOM1".ljust(16) + bytes(32) + items + user)


def test_who_talks_to_whom_is_kept() -> None:
    watching = engine()
    wire = meets(watching, BEGAN)
    for _ in range(3):
        wire.client(store(100)).server(RSP)
    meets(watching, BEGAN + 60, port=50001, answer=reject())
    (kept,) = watching.inventory.talks
    assert kept.key == (CT, OWN, 104, "CT_SOMATOM1", "EDGE01")
    assert (kept.associations, kept.accepted, kept.rejected, kept.stored) == (2, 1, 1, 3)
    assert (kept.services, kept.sop_classes, kept.implementation) == (["C-STORE"], [CT_STORAGE.decode()], "TEST_1")
    assert BEGAN < kept.first < kept.last


def test_tls_is_kept_without_names() -> None:
    watching = engine()
    wire = Wire(watching, MR, OWN, 2762).open()
    for from_client, data in talk(certificate()):
        wire.say(from_client, data)
    (kept,) = watching.inventory.talks
    assert (kept.calling, kept.called, kept.tls, kept.tls_version, kept.accepted) == ("", "", True, "TLS 1.2", 1)


@pytest.mark.parametrize(("after", "spoke"), [(LEARN + 60, ["D10"]), (60, [])])
def test_d10_other_software_at_a_known_name_and_address(after: float, spoke: list[str]) -> None:
    watching = engine()
    meets(watching, BEGAN)
    meets(watching, BEGAN + after, port=50001, version_name=b"OTHER_2")
    assert rules(watching) == spoke
    meets(watching, BEGAN + after + 60, port=50002, version_name=b"OTHER_2")
    assert rules(watching) == []  # told once


def test_d10_the_same_software_is_quiet() -> None:
    watching = engine()
    for number in range(3):
        meets(watching, BEGAN + number * LEARN, port=50000 + number)
    assert rules(watching) == []


LINUX = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")
LATER = bytes.fromhex("020405a0 0402 080a 7fffffff 00000000 01 030309")  # by another way, at another moment
WINDOWS = bytes.fromhex("020405b4 01 030308 01 01 0402")
FEWER = bytes.fromhex("020405b4 0402 0101")


@pytest.mark.parametrize(
    ("ttl", "options", "after", "spoke"),
    [
        (128, WINDOWS, LEARN + 60, ["D10"]),
        (128, LINUX, LEARN + 60, ["D10"]),
        (64, WINDOWS, LEARN + 60, ["D10"]),
        (128, WINDOWS, 60, []),
        (64, LATER, LEARN + 60, []),
        (61, LINUX, LEARN + 60, []),  # three routers further away
    ],
)
def test_d10_the_same_software_on_another_system(ttl: int, options: bytes, after: float, spoke: list[str]) -> None:
    watching = engine()
    for number, shown in enumerate(((64, LINUX), (ttl, options), (64, LINUX))):
        wire = Wire(watching, CT, OWN, client_port=50000 + number, now=BEGAN + number * after).open(*shown)
        wire.client(associate()).server(associate(2))
    assert rules(watching) == spoke
    (device,) = watching.inventory.devices
    assert device.stacks[0] == "TTL 64, mss sack timestamps nop wscale"


def test_d10_the_other_system_is_named_over_tls_too() -> None:
    watching = engine()
    pem = certificate()
    for number, (ttl, options) in enumerate(((64, LINUX), (128, WINDOWS))):
        wire = Wire(watching, MR, OWN, 2762, 50000 + number, BEGAN + number * 2 * LEARN).open(ttl, options)
        for from_client, data in talk(pem):
            wire.say(from_client, data)
    said = evidence(watching.take_alerts(), "D10")
    assert "TTL 64, mss sack timestamps nop wscale" in said and "TTL 128, mss nop wscale nop nop sack" in said


def test_d10_a_syn_that_is_repeated_with_fewer_options_is_the_same_system() -> None:
    """As systems do whose first one nobody answered, in case it was for its options."""
    watching = engine()
    for number in range(2):
        wire = Wire(watching, CT, OWN, client_port=50000 + number, now=BEGAN + number * 2 * LEARN)
        if number:
            wire.ask(64, LINUX)
        wire.open(64, FEWER if number else LINUX)
        wire.client(associate()).server(associate(2))
    assert rules(watching) == []


def test_d10_a_syn_that_somebody_forges_beside_it_changes_nothing() -> None:
    watching = engine()
    for number in range(2):
        wire = Wire(watching, CT, OWN, client_port=50000 + number, now=BEGAN + number * 2 * LEARN)
        if number:
            wire.ask(64, LINUX)
            wire.next[True] += 7000
            wire.ask(128, WINDOWS)
            wire.next[True] -= 7000
        wire.open(64, LINUX)
        wire.client(associate()).server(associate(2))
    assert "D10" not in rules(watching)


def test_d10_another_tls_stack() -> None:
    pem = certificate()
    for protocols, spoke in (((), []), (("h2",), ["D10"])):
        watching = engine()
        for number, offered in enumerate(((), protocols)):
            wire = Wire(watching, MR, OWN, 2762, 50000 + number, BEGAN + number * 2 * LEARN).open()
            for from_client, data in talk(pem, protocols=offered):
                wire.say(from_client, data)
        assert rules(watching) == spoke


def with_extension(hello: bytes, kind: int) -> bytes:
    """A ClientHello with one more extension."""
    at = 43
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    more = struct.pack("!HH", kind, 4) + bytes(4)
    longer = (int.from_bytes(hello[at : at + 2], "big") + 8).to_bytes(2, "big")
    sizes = (len(hello) - 5 + 8).to_bytes(2, "big") + hello[5:6] + (len(hello) - 9 + 8).to_bytes(3, "big")
    return hello[:3] + sizes + hello[9:at] + longer + hello[at + 2 :] + more


def test_d10_a_session_that_is_resumed_is_the_same_stack() -> None:
    """TLS 1.3 resumes with one more extension in the hello (RFC 8446 4.2.11), which JA4 counts."""
    watching = engine()
    first = client_hello()
    resumed, other = with_extension(first, 41), with_extension(first, 5)
    for number, (hello, spoke) in enumerate(((first, []), (resumed, []), (other, ["D10"]))):
        wire = Wire(watching, MR, OWN, 2762, 50000 + number, BEGAN + number * 2 * LEARN).open()
        wire.client(hello).server(server_hello())
        assert rules(watching) == spoke


@pytest.mark.parametrize(("syntax", "spoke"), [(JPEG, ["D32"]), (ILE + b".1", []), (b"1.2.3.4", [])])
def test_d32_a_compression_that_a_device_never_sent(syntax: bytes, spoke: list[str]) -> None:
    watching = engine()
    meets(watching, BEGAN)
    meets(watching, BEGAN + 2 * LEARN, port=50001, answer=accepts(syntax))
    assert rules(watching) == spoke


def test_d34_far_more_instances_than_ever() -> None:
    for hours, spoke in ((limits.SENSOR_SURGE.floor + 20, ["D34"]), (5, [])):
        watching = engine()
        for hour in range(hours):
            wire = meets(watching, BEGAN + 3600 * hour, port=50000 + hour)
            wire.client(store(10)).server(RSP)
        assert rules(watching) == []
        wire.now = BEGAN + 3600 * hours
        for _ in range(limits.SENSOR_SURGE.default):
            wire.client(store(10)).server(RSP)
        assert rules(watching) == spoke


@pytest.mark.parametrize(("size", "spoke"), [(5 << 20, ["D34"]), (4 << 20, [])])
def test_d34_far_more_bytes_than_ever(size: int, spoke: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SENSOR_SURGE_BYTES", replace(limits.SENSOR_SURGE_BYTES, default=1 << 20))
    watching = engine()
    for hour in range(26):
        wire = meets(watching, BEGAN + 3600 * hour, port=50000 + hour)
        wire.client(store(1 << 20 if hour == 3 else 100)).server(RSP).client(store(10)).server(RSP)
    assert rules(watching) == []
    wire.now = BEGAN + 3600 * 26
    wire.client(store(size)).server(RSP).client(store(10))  # what one sent is known when it sends the next
    assert rules(watching) == spoke


@pytest.mark.parametrize(("hour", "days", "spoke"), [(3, 15, ["D35"]), (7, 15, []), (8, 15, []), (3, 13, [])])
def test_d35_an_hour_at_which_a_device_never_worked(hour: int, days: int, spoke: list[str]) -> None:
    """From 8 to 16 o'clock, an hour's overtime is usual."""
    watching, midnight = engine(), BEGAN // 86400 * 86400
    for day in range(days):
        for each in range(8, 17):
            meets(watching, midnight + day * 86400 + each * 3600, port=50000 + day * 24 + each)
    meets(watching, midnight + days * 86400 + hour * 3600, port=60000)
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    assert not spoke or evidence(records, "D35") == "at 03:00 UTC, as on none of 15 days before"


SHARED = "10.20.0.64/28"


@pytest.mark.parametrize(
    ("after", "spoke"),
    [(600, ["D03"]), (2 * 3600, []), (-LEARN, [])],  # in use; idle for long; no time to learn
)
def test_d03_a_title_in_use_calls_from_another_address_that_its_entry_allows(after: float, spoke: list[str]) -> None:
    known = registry()
    shared = known.peers[0].model_copy(update={"addresses": (parse_network(SHARED),)})
    watching = Inspection(dataclasses.replace(known, peers=(shared, *known.peers[1:])))
    meets(watching, BEGAN, "10.20.0.65")
    meets(watching, BEGAN + LEARN + 60, "10.20.0.65", port=50001)
    meets(watching, BEGAN + LEARN + 60 + after, "10.20.0.66", port=50002)
    records = [each for each in watching.take_alerts() if each["alert"]["signature_id"] != "D36"]
    assert [each["alert"]["signature_id"] for each in records] == spoke
    if spoke:
        assert evidence(records, "D03").startswith("it calls from 10.20.0.65 too, and never did from 10.20.0.66")


def test_d03_what_we_forward_under_a_devices_title_is_its_own() -> None:
    watching = engine()
    for now, port in ((BEGAN, 50000), (BEGAN + LEARN + 60, 50001)):
        meets(watching, now, CT, port=port)
    meets(watching, BEGAN + LEARN + 90, OWN, OLD_PACS, 50002, called=b"OLDPACS")
    assert "D03" not in rules(watching)


@pytest.mark.parametrize(
    ("announced", "spoke"),
    [
        ((CT,), ["D03"]),  # the address is announced by another machine of this link
        ((), []),  # nobody announced it: it is behind a router
    ],
)
def test_d03_a_known_name_and_address_from_another_ethernet_address(
    announced: tuple[str, ...], spoke: list[str]
) -> None:
    watching, tape = engine(), Tape()
    show(watching, [gratuitous(A, each) for each in announced], BEGAN)
    meets(watching, BEGAN + 1)  # from 02:00:00:00:00:01, a team of cards, and nobody minds in the first day
    meets(tape, BEGAN + LEARN + 60, port=50001)  # type: ignore[arg-type]
    for now, data, size, vlan in tape.packets:
        watching.inspect([(now, bytes(data[:6]) + bytes.fromhex("0200000000c0") + bytes(data[12:]), size, vlan)])
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    if spoke:
        assert evidence(records, "D03") == f"{A} announces its address, it calls from 02:00:00:00:00:c0"


@pytest.mark.parametrize(("after", "spoke"), [(LEARN + 60, ["D36"]), (60, [])])
def test_d36_two_machines_that_never_talked(after: float, spoke: list[str]) -> None:
    watching = engine()
    meets(watching, BEGAN)
    meets(watching, BEGAN + after, CT, OLD_PACS, 50001, called=b"OLDPACS")
    meets(watching, BEGAN + after, CT, OWN, 50002, called=b"PACSX")  # another name, the same two machines
    assert rules(watching) == spoke


@pytest.mark.parametrize(("after", "spoke"), [(LEARN + 60, ["D14"]), (60, [])])
def test_d14_a_host_that_was_never_there(after: float, spoke: list[str]) -> None:
    watching = show(engine(), [gratuitous(A, CT)], BEGAN)
    show(watching, [gratuitous(B, STRANGER), gratuitous(A, CT)], BEGAN + after)
    assert rules(watching) == spoke
    assert {each.mac for each in watching.inventory.hosts} == {A, B}


# What is stored.


def filled() -> Inventory:
    watching = engine()
    meets(watching, BEGAN).client(store(100)).server(RSP)
    show(watching, [gratuitous(A, CT)], BEGAN)
    wire = Wire(watching, MR, OWN, 2762).open()
    for from_client, data in talk(certificate()):
        wire.say(from_client, data)
    return watching.inventory


def test_what_is_stored_comes_back() -> None:
    kept = filled()
    again = Inventory.of(json.loads(json.dumps(kept.as_dict())))
    assert again.as_dict() == kept.as_dict()
    assert (len(again.talks), len(again.devices), len(again.servers), len(again.hosts)) == (2, 2, 1, 1)


def test_what_was_learned_outlives_a_restart() -> None:
    stored = json.loads(json.dumps(filled().as_dict()))
    watching = Inspection(registry(), inventory=Inventory.of(stored))
    meets(watching, BEGAN + 2 * LEARN, version_name=b"OTHER_2")
    assert rules(watching) == ["D10"]


def test_nothing_of_a_patients_is_stored() -> None:
    secret = b"1.2.826.0.1.3680043.99.4711"
    watching = engine()
    wire = meets(watching, BEGAN, contexts=((1, secret),), version_name=b"\0\xff\x1b[31m")
    wire.client(p_data(pdv(1, 3, command(0x0001, sop_class=secret, more=b"\0\0\0\x10\x1c\0\0\0" + secret + b"\0"))))
    stored = json.dumps(watching.inventory.as_dict())
    assert secret.decode() not in stored
    assert "\\u001b" not in stored


@pytest.mark.parametrize("stored", [None, [], {}, {"format": 2}, {"format": "1"}, 7])
def test_what_is_no_inventory_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match="not an inventory"):
        Inventory.of(stored)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["client", "server", "port", "mac", "last", "prints", "services"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["began", "talks", "devices", "servers", "hosts"]), json_values))
def test_any_file_gives_an_inventory_of_whole_entries(stored: dict[str, object]) -> None:
    made = Inventory.of({"format": 1, **stored})
    json.dumps(made.as_dict(), allow_nan=False)
    assert Inventory.of(made.as_dict()).as_dict() == made.as_dict()


def test_invented_names_do_not_push_out_real_ones() -> None:
    table: Table[Talk] = Table()
    table.put(Talk(CT, OWN, 104, "REAL"), proven=True)
    for number in range(limits.SENSOR_INVENTORY.default + 100):
        table.put(Talk(STRANGER, OWN, 104, f"X{number}"), proven=False)
    assert len(table) == limits.SENSOR_INVENTORY.default
    assert table.get((CT, OWN, 104, "REAL", "")) is not None
    table.put(Talk(CT, OWN, 104, "REAL"), proven=False)
    assert next(iter(table)).calling == "REAL"  # proven once, proven for good


def test_hosts_are_bounded() -> None:
    table: Table[Host] = Table()
    for number in range(limits.SENSOR_INVENTORY.default + 5):
        table.put(Host(f"{number:012x}"), proven=False)
    assert len(table) == limits.SENSOR_INVENTORY.default


def test_what_was_known_before_is_taken_in_late() -> None:
    before, late = engine(), engine()
    meets(before, BEGAN)
    meets(before, BEGAN + 60, client=MR, port=50001)
    late.inventory.hosts.put(Host("02:00:00:00:00:01", BEGAN + LEARN + 100), proven=False)
    wire = meets(late, BEGAN + LEARN + 100, version_name=b"OTHER_2")
    late.inventory.recall(Inventory.of(json.loads(json.dumps(before.inventory.as_dict()))))
    inventory = late.inventory
    assert inventory.began == before.inventory.began
    assert {talk.client for talk in inventory.talks} == {CT, MR}
    assert [host.mac for host in inventory.hosts] == ["02:00:00:00:00:01"]
    assert max(device.first for device in inventory.devices) < BEGAN + 61
    wire.client(store(100)).server(RSP)  # a flow that lasts
    rules(late)
    meets(late, BEGAN + LEARN + 200, port=50002, version_name=b"OTHER_2")
    assert "D10" in rules(late)


def test_late_knowledge_of_nothing_changes_nothing() -> None:
    watching = engine()
    watching.inventory.recall(Inventory())
    assert watching.inventory.began == 0.0
    meets(watching, BEGAN)
    had = watching.inventory.as_dict()
    watching.inventory.recall(Inventory())
    assert watching.inventory.as_dict() == had


def test_what_an_association_costs_does_not_grow_with_the_inventory() -> None:
    """After thousands of strangers were accepted, the next one costs what the first did."""
    watching = Inspection(registry(), "eth1", Inventory())

    def meet(number: int, now: float) -> int:
        client = f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        said = Wire(watching, client, OWN, now=now).open().client(associate(calling=b"T%d" % number))
        cost = steps(lambda: said.server(associate(2)))
        watching.take_alerts()
        return cost

    first = meet(0, 1.7e9)
    for number in range(1, 3000):
        watching.inventory.talks.put(Talk(CT, OWN, number, accepted=1), proven=True)
        watching.inventory.devices.put(Device(CT, f"D{number}", last=1.7e9), proven=False)
    meet(1, 1.7e9 + 2 * limits.SENSOR_LEARN.default)
    assert meet(2, 1.7e9 + 2 * limits.SENSOR_LEARN.default + 5) < first + 1000
