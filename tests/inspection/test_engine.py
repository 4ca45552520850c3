"""The engine as a whole: any frame, bounded state, time, and the fast path against the slow."""

from __future__ import annotations

import gc
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.base import limits
from appliance.inspection import engine as module
from appliance.inspection.engine import Inspection
from appliance.inspection.looked_at import OVERHEAD
from tests.inspection.scene import CT, OWN, STRANGER, engine, rules
from tests.inspection.test_tls_hello import client_hello, server_hello
from tests.inspection.wire import ACK, SYN, Wire, associate, command, frame, p_data, pdv, store

HEAD = limits.SENSOR_DATA_HEAD.default
RSP = p_data(pdv(1, 3, command(0x8001)))


class Tape:
    """Stands in for an engine and keeps the packets."""

    def __init__(self) -> None:
        self.packets: list[module.Packet] = []

    def inspect(self, packets: list[module.Packet]) -> None:
        self.packets += [(now, bytes(data), length, vlan) for now, data, length, vlan in packets]


def recorded(client: str = CT, server: str = OWN, **more: object) -> list[module.Packet]:
    """A whole association, as packets."""
    tape = Tape()
    talk = Wire(tape, client, server, **more).association()  # type: ignore[arg-type]
    talk.client(store(50_000)).server(RSP).client(store(300)).server(RSP).close()
    return tape.packets


def test_ipv6_vlan_tags_and_options_take_the_same_road() -> None:
    counted = []
    for packets in (
        recorded(),
        recorded(vlans=(30,)),
        recorded(vlans=(100, 30)),
        recorded("2001:db8::11", "2001:db8::2"),
        [(now, data, length, 30) for now, data, length, _ in recorded()],
    ):
        watching = engine()
        watching.inspect(packets)
        said = watching.snapshot()
        counted.append((said["commands"], said["skipped"], said["inspected"], said["blind"]))
    assert len(set(counted)) == 1
    assert counted[0][:2] == (4, 50_000 - HEAD)


def test_padding_of_short_frames_is_no_data() -> None:
    watching = engine()
    talk = Wire(watching, STRANGER, OWN).open()
    for byte in associate(calling=b"ROGUE"):
        short = talk.build(True, talk.next[True], ACK, bytes((byte,))).ljust(60, b"\xff")
        watching.inspect([(talk.now, short, len(short), None)])
        talk.lose(True, 1)
    assert rules(watching) == ["D01"]


def test_vlan_ids_of_the_ring_and_of_the_frame_are_told() -> None:
    watching = engine()
    data = frame(STRANGER, 40000, OWN, 104, 1, 1, ACK, associate(calling=b"ROGUE"), vlans=(30,))
    watching.inspect([(1.0, data, len(data), 100)])
    assert watching.take_alerts()[0]["vlan"] == [100, 30]


def test_a_shunted_segment_takes_the_fast_path() -> None:
    watching = engine()
    watching.inspect(recorded())
    said = watching.snapshot()
    assert said["segments"] < said["packets"] / 2.5


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_no_frame_makes_it_raise_and_its_state_stays_bounded(draw: st.DataObject) -> None:
    watching = engine()
    base = recorded() + recorded(STRANGER, vlans=(5,)) + recorded("2001:db8::11", "2001:db8::2")
    seed = random.Random(draw.draw(st.integers(0, 1 << 32)))
    for now, data, length, vlan in base:
        changed = bytearray(data)
        for _ in range(seed.choice((0, 0, 1, 1, 3))):
            changed[seed.randrange(min(len(changed), 200))] = seed.randrange(256)
        cut = len(changed) if seed.random() < 0.9 else seed.randrange(len(changed) + 1)
        watching.inspect([(now, memoryview(bytes(changed[:cut])), length, vlan)])
    watching.inspect([(1.0, draw.draw(st.binary(max_size=120)), draw.draw(st.integers(0, 70000)), None)])
    watching.tick(2e9)
    watching.finish()
    said = watching.snapshot()
    assert said["faults"] == 0
    assert 0 <= said["memory"] <= limits.SENSOR_MEMORY.default


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400), st.binary(max_size=80), st.integers(0, 63)), max_size=60))
def test_any_segments_of_any_order_are_borne(segments: list[tuple[bool, int, bytes, int]]) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open().client(associate()).server(associate(2))
    for side, ahead, payload, flags in segments:
        talk.raw(side, (talk.next[side] + ahead - 100) & 0xFFFFFFFF, flags, payload)
    watching.tick(talk.now + 100)
    watching.finish()
    assert watching.snapshot()["faults"] == 0
    memory = watching._memory.used
    assert memory == sum(flow.stored for flow in watching._table._flows.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=60)), max_size=30), st.booleans())
def test_any_bytes_in_an_association_are_borne(says: list[tuple[bool, bytes]], associated: bool) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    if associated:
        talk.client(associate()).server(associate(2))
    for side, data in says:
        talk.say(side, data)
    watching.finish()
    assert watching.snapshot()["faults"] == 0


def test_a_fault_of_our_own_costs_one_flow_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    other = Wire(watching, CT, OWN, client_port=50001).open().client(associate()[:50])

    def broken(*_: object) -> None:
        raise KeyError("our own mistake")

    with monkeypatch.context() as patched:
        patched.setattr("appliance.inspection.conversation.parse_associate", broken)
        talk.client(associate())
    other.client(associate()[50:]).server(associate(2)).client(store(100))
    said = watching.snapshot()
    assert (said["faults"], said["associations"], said["commands"]) == (1, 1, 1)
    assert rules(watching) == ["D43"]


def test_ten_thousand_half_open_flows_cost_little() -> None:
    watching = engine()
    flood = []
    for number in range(10_000):
        data = frame(f"10.9.{number >> 8}.{number & 255}", 40000, OWN, 104, 1, 1, SYN)
        flood.append((1.0, data, len(data), None))
        data = frame(f"10.9.{number >> 8}.{number & 255}", 40000, OWN, 104, 2, 1, ACK, associate()[:60])
        flood.append((1.0, data, len(data), None))
    watching.inspect(flood)
    said = watching.snapshot()
    assert said["flows"] == 10_000
    assert said["memory"] == 10_000 * (120 + OVERHEAD)  # what waits, and what is kept to compare
    assert said["blind"] == 0


def test_slow_flows_cannot_take_all_memory() -> None:
    """Each of many flows makes us keep 100 KB of an A-ASSOCIATE-RQ that never ends."""
    watching = engine()
    pinned = struct.pack("!BxI", 1, 120_000) + associate()[6:74] + bytes(100_000)
    for number in range(500):
        Wire(watching, f"10.9.{number >> 8}.{number & 255}", OWN, mss=60_000).open().client(pinned)
    said = watching.snapshot()
    assert said["memory"] <= limits.SENSOR_MEMORY.default
    assert said["evicted"] > 0
    assert "D43" in rules(watching)


def test_alerts_held_back_are_said_in_the_end() -> None:
    watching = engine()
    for number in range(1000):
        Wire(watching, f"10.9.{number >> 8}.{number & 255}", OWN).open().client(associate(calling=b"ROGUE"))
    assert len(watching.take_alerts()) == limits.SENSOR_ALERT_RATE.default
    watching.tick(1_700_000_100.0)
    (said,) = [record for record in watching.take_alerts() if record["alert"]["signature_id"] == "D43"]
    assert said["alert"]["metadata"]["evidence"] == "alerts held back because there were too many: 940"


def test_a_new_registry_counts_from_the_next_association_on() -> None:
    watching = engine()
    Wire(watching, STRANGER, OWN).open().client(associate(calling=b"ROGUE"))
    assert rules(watching) == ["D01"]
    from appliance.config.model import Peer
    from tests.inspection.scene import registry

    known = registry()
    rogue = Peer(name="now known", ae_titles=("ROGUE",), addresses=(STRANGER,), tls="never")
    watching.registry = type(known)((*known.peers, rogue), known.servers, known.own_titles, known.own, known.decoy)
    Wire(watching, STRANGER, OWN, client_port=50002, now=1_700_000_100).open().client(associate(calling=b"ROGUE"))
    assert rules(watching) == []


def test_a_cut_stream_of_frames_is_no_harm() -> None:
    """Every prefix of every frame of an association."""
    watching = engine()
    for now, data, length, vlan in recorded()[:12]:
        for size in range(0, len(data), 3):
            watching.inspect([(now, bytes(data[:size]), length, vlan)])
    assert watching.snapshot()["faults"] == 0


def test_statistics_name_what_was_inspected_and_what_was_skipped() -> None:
    watching = Inspection(engine().registry)
    talk = Wire(watching, CT, OWN).association(max_length=131072)
    for _ in range(20):
        talk.client(store(1_000_000, 131072)).server(RSP)
    said = watching.snapshot()
    assert said["skipped"] == 20_000_000 - 20 * HEAD
    assert said["inspected"] < 10_000 + 20 * HEAD
    assert said["memory"] < 5000


def test_nothing_of_a_flow_that_is_over_waits_to_be_collected() -> None:
    """A collection of all that a flood of flows leaves would hold the sensor up."""
    watching = engine()
    gc.collect()
    for number in range(60):
        port = {"port": (104, 8104, 2762)[number % 3], "client_port": 40000 + number, "now": 1.7e9 + 40 * number}
        talk = Wire(watching, STRANGER, OWN, **port).open()  # type: ignore[arg-type]
        talk.client(client_hello() if number % 3 == 2 else associate(calling=b"ROGUE")).server(associate(2))
        talk.client(store(5000)).close()
        watching.take_alerts()
    watching.tick(1.8e9)
    assert watching.flows == 0
    assert gc.collect() == 0


def test_hellos_need_no_memory_once_read() -> None:
    watching = engine()
    for number in range(200):
        talk = Wire(watching, STRANGER, OWN, 2762, client_port=40000 + number).open().client(client_hello())
        assert 500 < watching.snapshot()["memory"] < 8000  # until it is answered
        talk.server(server_hello())
    assert watching.snapshot()["memory"] == 0
