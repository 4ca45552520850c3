"""ARP, DHCP, neighbour discovery, spanning tree and tags: frames by scapy, seen through the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_RA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptRDNSS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
from scapy.packet import Packet

from appliance.base import limits
from appliance.config.values import parse_network
from appliance.inspection.engine import Inspection
from appliance.inspection.inventory import Inventory
from tests.inspection.scene import CT, OLD_PACS, OWN, STRANGER, engine, evidence, registry, rules
from tests.inspection.wire import SYN, frame

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
LATER = 1_700_000_100.0


def show(watching: Inspection, frames: Iterable[Packet], now: float = LATER, vlan: int | None = None) -> Inspection:
    for each in frames:
        data = bytes(each)
        watching.inspect([(now, data, len(data), vlan)])
        now += 0.01
    return watching


def asks(mac: str, address: str, target: str) -> Packet:
    return Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=address, pdst=target)


def answers(mac: str, address: str, target: str = CT, source: str = "") -> Packet:
    return Ether(src=source or mac, dst=A) / ARP(op=2, hwsrc=mac, psrc=address, hwdst=A, pdst=target)


def gratuitous(mac: str, address: str) -> Packet:
    return Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=address, pdst=address)


@pytest.mark.parametrize(("address", "severity"), [(OLD_PACS, 1), (STRANGER, 2)])
def test_d38_an_address_that_somebody_else_announces(address: str, severity: int) -> None:
    watching = show(engine(), [asks(A, CT, address), answers(B, address), gratuitous(C, address)])
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == ["D38"]
    assert evidence(records, "D38") == f"{address} was at {B}, now {C} announces it (ARP)"
    assert (records[0]["alert"]["severity"], records[0]["ether"], records[0]["proto"]) == (
        severity,
        {"src_mac": C},
        "ARP",
    )


def test_d38_ordinary_neighbours_are_quiet() -> None:
    day = []
    for _ in range(20):
        day += [asks(A, CT, OLD_PACS), answers(B, OLD_PACS), gratuitous(B, OLD_PACS), asks(B, OLD_PACS, CT)]
        day += [answers(A, CT, OLD_PACS), asks(C, "0.0.0.0", CT)]  # a probe (RFC 5227)
    watching = show(engine(), day)
    assert rules(watching) == []
    assert watching.snapshot()["link_frames"] == len(day)


def test_d38_a_virtual_router_and_a_lease_may_move() -> None:
    virtual = "00:00:5e:00:01:0a"
    assert rules(show(engine(), [gratuitous(B, STRANGER), gratuitous(virtual, STRANGER)])) == []
    ack = dhcp("10.20.0.1", "ack", C, STRANGER)
    assert rules(show(engine(), [gratuitous(B, STRANGER), ack, gratuitous(C, STRANGER)])) == []
    assert rules(
        show(engine(), [gratuitous(B, STRANGER), dhcp("10.20.0.1", "ack", A, STRANGER), gratuitous(C, STRANGER)])
    ) == ["D38"]


@pytest.mark.parametrize(("moving", "severity"), [("10.20.0.4", 3), ("10.20.0.5", 1)])
def test_d38_what_a_cluster_moves(moving: str, severity: int) -> None:
    """A PACS fails over, and back a few minutes later."""
    watching = Inspection(dataclasses.replace(registry(), moving=(parse_network(moving),)))
    show(watching, [gratuitous(B, OLD_PACS)])
    show(watching, [gratuitous(C, OLD_PACS)] * 5, LATER + 300)
    show(watching, [gratuitous(B, OLD_PACS)] * 5, LATER + 900)
    watching.finish()
    records = watching.take_alerts()
    assert {each["alert"]["signature_id"] for each in records} == {"D38"}
    assert {each["alert"]["severity"] for each in records} == {severity}


def test_d38_what_a_cluster_moves_is_not_announced_by_two() -> None:
    watching = Inspection(dataclasses.replace(registry(), moving=(parse_network(OLD_PACS),)))
    show(watching, [gratuitous(B, OLD_PACS), gratuitous(C, OLD_PACS)])
    assert [each["alert"]["severity"] for each in watching.take_alerts()] == [3]
    show(watching, [gratuitous(B, OLD_PACS)], LATER + 5)
    watching.finish()
    assert [each["alert"]["severity"] for each in watching.take_alerts()] == [1]


@pytest.mark.parametrize(("silent", "severity"), [(3600, 3), (30, 2)])
def test_d38_a_lease_that_ran_out_is_for_information(silent: int, severity: int) -> None:
    """The server's answer to the new owner may have gone another way than the mirror."""
    watching = show(engine(), [gratuitous(B, STRANGER)])
    show(watching, [gratuitous(C, STRANGER)], LATER + silent)
    assert [each["alert"]["severity"] for each in watching.take_alerts()] == [severity]


def test_d38_a_frame_that_speaks_for_another() -> None:
    records = show(engine(), [asks(A, CT, OLD_PACS), answers(B, OLD_PACS, source=C)]).take_alerts()
    assert evidence(records, "D38") == f"{OLD_PACS}: its Ethernet source is {C}, what it announces is {B}"


def test_d38_an_answer_that_nobody_asked_for() -> None:
    watching = show(engine(), [gratuitous(B, OLD_PACS)])
    show(watching, [answers(B, OLD_PACS)], LATER + 5)
    assert rules(watching) == []  # the question may have come before the sensor did
    show(watching, [answers(B, OLD_PACS)], LATER + 20)
    assert "nobody had asked" in evidence(watching.take_alerts(), "D38")


def advertises(mac: str, address: str) -> Packet:
    return (
        Ether(src=mac, dst="33:33:00:00:00:01")
        / IPv6(src=address, dst="ff02::1", hlim=255)
        / ICMPv6ND_NA(tgt=address, O=1)
        / ICMPv6NDOptDstLLAddr(lladdr=mac)
    )


def test_d38_neighbour_discovery_too() -> None:
    watching = show(engine(), [advertises(B, "2001:db8::4"), advertises(B, "2001:db8::4")])
    assert rules(watching) == []
    show(watching, [advertises(C, "2001:db8::4")])
    assert evidence(watching.take_alerts(), "D38").endswith("announces it (neighbour discovery)")


def dhcp(server: str, kind: str, client: str = A, address: str = CT) -> Packet:
    return (
        Ether(src=B, dst="ff:ff:ff:ff:ff:ff")
        / IP(src=server, dst="255.255.255.255")
        / UDP(sport=67, dport=68)
        / BOOTP(op=2, yiaddr=address, chaddr=bytes.fromhex(client.replace(":", "")), xid=1)
        / DHCP(options=[("message-type", kind), ("server_id", server), "end"])
    )


def router(address: str, lifetime: int = 1800) -> Packet:
    return (
        Ether(src=B, dst="33:33:00:00:00:01")
        / IPv6(src=address, dst="ff02::1", hlim=255)
        / ICMPv6ND_RA(routerlifetime=lifetime)
    )


ROGUES = [
    ([dhcp("10.20.0.1", "offer"), dhcp("10.20.0.66", "offer")], "DHCP"),
    ([router("fe80::1"), router("fe80::66")], "router advertisement"),
    (
        [
            Ether(src=B, dst=A)
            / IPv6(src=each, dst="fe80::9", hlim=255)
            / UDP(sport=547, dport=546)
            / bytes((2, 0, 0, 1))
            for each in ("fe80::1", "fe80::66")
        ],
        "DHCPv6",
    ),
]


DAY = limits.SENSOR_LEARN.default + 60


@pytest.mark.parametrize(("frames", "how"), ROGUES)
def test_d39_another_one_who_hands_out(frames: list[Packet], how: str) -> None:
    """Two of them are usual, for one may fail; so in the first day a second one is told for information."""
    assert rules(show(engine(), [frames[0]] * 3)) == []
    records = show(engine(), frames * 3).take_alerts()
    assert [each["alert"]["severity"] for each in records] == [3]
    watching = show(engine(), [frames[0]])
    records = show(watching, [frames[0], frames[1], frames[0]], LATER + DAY).take_alerts()
    assert f": {how}; until now " in evidence(records, "D39")
    assert [each["alert"]["severity"] for each in records] == [2]


@pytest.mark.parametrize(("frames", "how"), ROGUES)
def test_d39_the_first_one_of_a_network_that_never_had_one(frames: list[Packet], how: str) -> None:
    watching = show(engine(), [gratuitous(A, CT)])
    records = show(watching, [frames[0]], LATER + DAY).take_alerts()
    assert evidence(records, "D39").endswith(f": {how}; nobody did so until now")


def test_d39_both_of_a_pair_are_known_after_a_restart() -> None:
    pair = [dhcp("10.20.0.1", "offer"), dhcp("10.20.0.3", "offer")]
    stored = show(engine(), pair).inventory.as_dict()
    watching = Inspection(registry(), inventory=Inventory.of(stored))
    assert rules(show(watching, pair, LATER + DAY)) == []
    assert rules(show(watching, [dhcp("10.20.0.66", "offer")], LATER + DAY)) == ["D39"]


@pytest.mark.parametrize(("server", "spoke"), [("10.20.0.1", []), ("10.20.0.66", ["D39"])])
def test_d39_where_they_are_named(server: str, spoke: list[str]) -> None:
    known = dataclasses.replace(registry(), dhcp_servers=(parse_network("10.20.0.1"),))
    assert rules(show(Inspection(known), [dhcp(server, "offer")])) == spoke


@pytest.mark.parametrize(
    "hidden",
    [
        (IPv6ExtHdrHopByHop(),),
        (IPv6ExtHdrDestOpt(), IPv6ExtHdrDestOpt()),
        (IPv6ExtHdrFragment(offset=0, m=0),),
    ],
)
def test_d39_an_advertisement_behind_extension_headers_is_one(hidden: tuple[Packet, ...]) -> None:
    """Switches that keep advertisements of hosts away look at the first header only (RFC 7113)."""
    said = Ether(src=B, dst="33:33:00:00:00:01") / IPv6(src="fe80::66", dst="ff02::1", hlim=255)
    for header in hidden:
        said /= header
    watching = show(engine(), [router("fe80::1")])
    assert rules(show(watching, [said / ICMPv6ND_RA(routerlifetime=1800)], LATER + DAY)) == ["D39"]


@pytest.mark.parametrize(
    ("option", "spoke"),
    [
        (ICMPv6NDOptRDNSS(dns=["fe80::66"]), ["D39"]),
        (ICMPv6NDOptPrefixInfo(prefix="2001:db8:66::"), ["D39"]),
        (ICMPv6NDOptMTU(), []),
    ],
)
def test_d39_who_is_no_router_may_still_have_hosts_ask_it_for_names(option: Packet, spoke: list[str]) -> None:
    watching = show(engine(), [router("fe80::1")])
    assert rules(show(watching, [router("fe80::66", 0) / option], LATER + DAY)) == spoke


def test_d39_a_dhcpv6_server_that_reconfigures() -> None:
    said = (
        Ether(src=B, dst=A)
        / IPv6(src="fe80::66", dst="fe80::9", hlim=255)
        / UDP(sport=547, dport=546)
        / bytes((10, 0, 0, 1))
    )
    watching = show(engine(), [gratuitous(A, CT)])
    assert rules(show(watching, [said], LATER + DAY)) == ["D39"]


@pytest.mark.parametrize(("count", "spoke"), [(limits.SENSOR_ANNOUNCED.default, ["D38"]), (59, [])])
def test_d38_a_flood_of_announcements(count: int, spoke: list[str]) -> None:
    watching = show(engine(), [gratuitous(B, OLD_PACS)] * count)
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    assert not spoke or evidence(records, "D38") == f"{OLD_PACS} was announced 60 times within a minute"


@pytest.mark.parametrize(
    ("said", "how"),
    [
        (Ether(src=C, dst="01:80:c2:00:00:0e", type=0x88CC) / (b"\x02\x07\x04" + bytes(40)), "LLDP"),
        (Dot3(src=C, dst="01:00:0c:cc:cc:cc") / (bytes.fromhex("aaaa0300000c2000") + bytes(40)), "CDP"),
    ],
)
def test_d41_who_introduces_itself_as_a_switch_and_never_did(said: Packet, how: str) -> None:
    watching = show(engine(), [said] * 3)
    assert rules(watching) == []  # there was no time to learn
    assert rules(show(watching, [said], LATER + DAY)) == []
    watching = show(show(engine(), [gratuitous(A, CT)]), [said] * 3, LATER + DAY)
    records = watching.take_alerts()
    assert evidence(records, "D41") == f"{C} introduces itself as switches do ({how}), and never did"
    assert [each["alert"]["severity"] for each in records] == [3]


@pytest.mark.parametrize("each", [dhcp("10.20.0.66", "discover"), router("fe80::66", 0)])
def test_d39_who_hands_out_nothing_is_none(each: Packet) -> None:
    watching = show(engine(), [dhcp("10.20.0.1", "offer"), router("fe80::1")])
    assert rules(show(watching, [each])) == []


def tree(root: str) -> Packet:
    return Dot3(src=B, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(rootid=4096, rootmac=root)


def test_d41_another_root_of_the_tree_and_a_host_that_asks_for_a_trunk() -> None:
    assert rules(show(engine(), [tree(A)] * 5)) == []
    assert "another root" in evidence(show(engine(), [tree(A), tree(C)]).take_alerts(), "D41")
    snap = bytes.fromhex("aaaa0300000c2004") + bytes(20)
    trunk = Dot3(src=C, dst="01:00:0c:cc:cc:cc") / snap
    assert "DTP" in evidence(show(engine(), [trunk]).take_alerts(), "D41")


@pytest.mark.parametrize(
    ("vlans", "tag", "spoke"),
    [
        ((30,), None, []),
        ((31,), None, ["D41"]),
        ((30, 7), None, ["D41"]),
        ((), 31, ["D41"]),
        ((), 30, []),
        ((0,), None, []),
    ],
)
def test_d41_tags_that_should_not_be_there(vlans: tuple[int, ...], tag: int | None, spoke: list[str]) -> None:
    known = dataclasses.replace(registry(), vlans=frozenset({30}))
    data = frame(CT, 40000, OWN, 104, 1, 0, SYN, vlans=vlans)
    for allowed, expected in ((known, spoke), (registry(), [])):
        watching = Inspection(allowed)
        watching.inspect([(1.0, data, len(data), tag)])
        assert rules(watching) == expected


@pytest.mark.parametrize(
    ("count", "spoke"), [(limits.SENSOR_MACS.default, ["D42"]), (limits.SENSOR_MACS.default - 1, [])]
)
def test_d42_a_flood_of_ethernet_addresses(count: int, spoke: list[str]) -> None:
    watching = engine()
    for number in range(count):
        data = bytearray(frame(f"10.21.{number >> 8}.{number & 255}", 40000, OWN, 104, 1, 0, SYN))
        data[6:12] = b"\x02\0" + number.to_bytes(4, "big")
        watching.inspect([(1.0, bytes(data), len(data), None)])
    assert rules(watching) == spoke


@pytest.mark.parametrize("protocol", [17, 6, 50])
def test_d42_whatever_the_frames_carry(protocol: int) -> None:
    """macof's have an IP header and nothing behind it on some machines; a switch takes any frame."""
    watching = engine()
    for number in range(limits.SENSOR_MACS.default):
        data = bytearray(frame("10.21.0.1", 40000, OWN, 40001, 1, 0, SYN)[:34])
        data[6:12] = b"\x02\0" + number.to_bytes(4, "big")
        data[16:18], data[23] = (20).to_bytes(2, "big"), protocol
        watching.inspect([(1.0, bytes(data), len(data), None)])
    assert rules(watching) == ["D42"]


def test_decoders_are_guarded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RecursionError("a decoder's own mistake")

    watching = engine()
    with monkeypatch.context() as patched:
        patched.setattr("appliance.inspection.link_watch.decode", broken)
        show(watching, [gratuitous(A, CT)])
    show(watching, [gratuitous(A, CT)])
    said = watching.snapshot()
    assert (said["undecodable"], said["link_frames"], said["faults"]) == (1, 1, 0)


def test_a_flood_is_not_decoded_beyond_its_limit() -> None:
    watching, data = engine(), bytes(gratuitous(A, CT))
    watching.inspect([(LATER, data, len(data), None)] * (limits.SENSOR_DECODES.default + 50))
    said = watching.snapshot()
    assert (said["link_frames"], said["undecoded"]) == (limits.SENSOR_DECODES.default, 50)
    watching.inspect([(LATER + 1, data, len(data), None)])
    assert watching.snapshot()["link_frames"] == limits.SENSOR_DECODES.default + 1


def test_tagged_frames_are_decoded_too() -> None:
    tagged = Ether(src=B, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=30) / ARP(op=1, hwsrc=B, psrc=CT, pdst=CT)
    assert show(engine(), [tagged]).snapshot()["link_frames"] == 1


EXAMPLES = [
    bytes(each)
    for each in (gratuitous(A, CT), advertises(B, "2001:db8::4"), dhcp("10.20.0.1", "ack"), router("fe80::1"), tree(A))
]


@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
@settings(max_examples=60, deadline=None)
def test_changed_frames_are_borne(example: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(example)
    for at, value in changes:
        data[at % len(data)] = value
    watching = engine()
    watching.inspect([(LATER, bytes(data[: max(14, cut)]), len(data), None)])
    assert watching.snapshot()["faults"] == 0


def test_neighbours_are_bounded() -> None:
    import ipaddress

    from appliance.inspection.link_decoders import Announcement
    from appliance.inspection.link_watch import LinkWatch
    from appliance.inspection.statistics import Statistics

    watch = LinkWatch(Statistics())
    for number in range(limits.SENSOR_NEIGHBOURS.default + 500):
        said = Announcement(ipaddress.ip_address(number + 1), A, A, "ARP", False, ipaddress.ip_address(5000))
        list(watch._said(said, 1.0))
    assert len(watch._neighbours) == limits.SENSOR_NEIGHBOURS.default
