"""Connections: who opened them, when they end, and how many may be."""

from __future__ import annotations

from appliance.base import limits
from appliance.inspection.flow import reverse
from appliance.inspection.flow_table import FlowTable
from appliance.inspection.memory import Memory
from appliance.inspection.stream import Stream
from tests.inspection.test_community_id import key

MACS = b"\2\2\2\2\2\2\1\1\1\1\1\1"
THERE = key("10.0.0.1", 40000, "10.0.0.2", 104)
BACK = reverse(THERE)


class Deaf:
    """A reader that hears nothing."""

    def feed(self, data: memoryview, offset: int) -> None:
        pass

    conflict = feed  # type: ignore[assignment]

    def lost(self, count: int) -> None:
        pass

    def forgot(self) -> None:
        pass

    def end(self) -> None:
        pass


def table(limit: int = 1 << 20) -> FlowTable:
    def attach(stream: Stream) -> None:
        stream.reader = Deaf()  # type: ignore[assignment]

    return FlowTable(attach, Memory(limit))


def test_the_side_that_sent_the_syn_is_the_client() -> None:
    for first in (THERE, BACK):
        flows = table()
        flows.syn(THERE, 100, 1.0, answers=False)
        flows.syn(BACK, 900, 1.0, answers=True)
        stream = flows.open(first, 101 if first is THERE else 901, 10, 0, 2.0, MACS, ())
        flow = stream.flow
        assert (flow.key, flow.joined) == (THERE, False)
        assert (flow.client.initial, flow.server.initial) == (101, 901)
        assert stream is (flow.client if first is THERE else flow.server)
        assert flows.openings == 0


def test_one_syn_is_enough_to_know_the_sides() -> None:
    flows = table()
    flows.syn(BACK, 900, 1.0, answers=True)
    assert flows.open(THERE, 101, 10, 901, 2.0, MACS, ()).flow.key == THERE
    flows = table()
    flows.syn(THERE, 100, 1.0, answers=False)
    assert flows.open(BACK, 901, 10, 101, 2.0, MACS, ()).flow.key == THERE


def test_without_syns_the_ports_tell() -> None:
    flows = table()
    flow = flows.open(BACK, 5, 10, 7, 1.0, MACS, ()).flow
    assert (flow.key, flow.joined) == (THERE, True)
    assert flow.client.initial == 7  # what the server acknowledges
    assert flow.macs == MACS[6:] + MACS[:6]


def test_a_new_connection_on_old_ports_replaces_the_old_only_when_it_has_data() -> None:
    flows = table()
    old = flows.open(THERE, 101, 10, 901, 1.0, MACS, ())
    flows.syn(THERE, 5000, 2.0, answers=False)
    assert not flows.reopened(THERE, old, 101, 10)  # the old one goes on: that SYN may be forged
    assert flows.reopened(THERE, old, 5001, 10)
    assert len(flows) == 0
    new = flows.open(THERE, 5001, 10, None, 2.0, MACS, ())
    assert not new.flow.joined


def test_flows_end_when_they_are_over() -> None:
    flows = table()
    quiet = flows.open(THERE, 1, 10, 1, 0.0, MACS, ()).flow
    other = flows.open(key("10.0.0.3", 40000, "10.0.0.2", 104), 1, 10, 1, 0.0, MACS, ()).flow
    other.closing = True
    flows.sweep(limits.SENSOR_FLOW_CLOSED.default + 1.0)
    assert list(flows._flows.values()) == [quiet]
    flows.sweep(limits.SENSOR_FLOW_IDLE.default + 1.0)
    assert len(flows) == len(flows.streams) == 0


def test_handshakes_end_when_they_lead_nowhere() -> None:
    flows = table()
    flows.syn(THERE, 1, 0.0, answers=False)
    flows.sweep(limits.SENSOR_OPENING_WAIT.default + 1.0)
    assert flows.openings == 0


def test_a_flood_of_syns_pushes_out_syns_and_no_flow() -> None:
    flows = table()
    flow = flows.open(THERE, 1, 10, 1, 0.0, MACS, ()).flow
    for number in range(limits.SENSOR_OPENINGS.default + 500):
        flows.syn(number.to_bytes(12, "big"), 1, 1.0, answers=False)
    assert flows.openings == limits.SENSOR_OPENINGS.default
    assert list(flows._flows.values()) == [flow]
    assert flows.evicted == []


def test_a_flood_of_handshakes_that_end_together_takes_several_looks() -> None:
    flows = table()
    for number in range(limits.SENSOR_OPENINGS.default):
        flows.syn(number.to_bytes(12, "big"), 1, 1.0, answers=True)
    looks, told = 0, 0
    while flows.openings:
        flows.sweep(100.0 + looks)
        assert len(flows.silent) - told <= 4096
        looks, told = looks + 1, len(flows.silent)
    assert told == limits.SENSOR_OPENINGS.default


def test_a_sweep_takes_few_flows_that_hold_much() -> None:
    """Each of many flows holds hundreds of segments that follow on one another, behind a hole."""
    flows = table()
    for number in range(200):
        stream = flows.open((number + (1 << 40)).to_bytes(12, "big"), 1, 1, 1, 0.0, MACS, ())
        assert stream is not None
        for at in range(200):
            stream.segment(0.0, 100 + at, memoryview(b"x"), 1)
    total = sum(len(stream.held) for stream in flows.streams.values())
    assert total == 200 * 200
    looks = 0
    while (left := sum(len(stream.held) for stream in flows.streams.values())) and looks < 100:
        flows.sweep(60.0 + looks)
        assert left - sum(len(stream.held) for stream in flows.streams.values()) <= 5000
        looks += 1
    assert left == 0


def test_a_flood_of_flows_pushes_out_the_silent_ones() -> None:
    flows = table()
    busy = flows.open(THERE, 1, 10, 1, 0.0, MACS, ())
    for number in range(limits.SENSOR_FLOWS.default + 500):
        busy.last = float(number)
        flows.open((number + (1 << 40)).to_bytes(12, "big"), 1, 10, 1, float(number), MACS, ())
    assert len(flows) == limits.SENSOR_FLOWS.default
    assert len(flows.streams) == 2 * limits.SENSOR_FLOWS.default
    assert busy.flow in flows._flows.values()
    assert len(flows.evicted) == 501


def test_flows_that_keep_too_much_are_given_up_oldest_first() -> None:
    flows = table(limit=10_000)
    streams = [
        flows.open((number + (1 << 40)).to_bytes(12, "big"), 1, 10, 1, float(number), MACS, ()) for number in range(50)
    ]
    for stream in streams[10:]:
        stream.keep(1000)
        flows.relieve()
        assert flows._memory.used <= 10_000
    left = set(flows._flows.values())
    assert {stream.flow for stream in streams[:10]} <= left  # they keep nothing
    assert {stream.flow for stream in streams[-10:]} <= left


def test_a_flow_that_was_removed_is_tied_to_nothing() -> None:
    flows = table()
    stream = flows.open(THERE, 1, 10, 1, 0.0, MACS, ())
    flow = stream.flow
    flows.remove(flow)
    flows.remove(flow)
    assert not any(hasattr(stream, each) for each in ("other", "reader", "flow"))
