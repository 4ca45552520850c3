"""Groups 1 to 5 and 8 of the evasions: segmentation, overlaps, insertion, false ends, odd beginnings, odd sequences."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.inspection import wire
from tests.inspection.evasions.stranger import (
    ACCEPT,
    BAD,
    GOOD,
    MOVE,
    PLAIN,
    PUSH,
    URGENT,
    association,
    call,
    later,
    told,
)
from tests.inspection.scene import CT, MR, OWN, STRANGER, engine, rules
from tests.inspection.test_tls_hello import client_hello

DATA = wire.p_data(wire.pdv(1, 3, wire.command(0x30)))


@pytest.mark.parametrize("cuts", [[1] * len(BAD), [30, 3, 500], [27, 1, 1, 500], [5, 1, 500]])
def test_group_1_a_request_in_any_pieces(cuts: list[int]) -> None:
    """A byte a segment; split inside the AE title, inside the header, without PSH."""
    talk, at = call(), 0
    for size in cuts:
        piece = BAD[at : at + size]
        if piece:
            talk.raw(True, talk.next[True], PLAIN, piece)
            talk.lose(True, len(piece))
        at += size
    assert told(talk) == {"D01"}


def test_group_1_a_request_and_data_in_one_segment() -> None:
    assert told(call().client(BAD + DATA, mss=9000)) == {"D01", "D23"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_group_2_segments_in_any_order(order: tuple[int, ...]) -> None:
    talk = call()
    begin, cut = talk.next[True], (0, 30, 90, len(BAD))
    for each in order:
        talk.raw(True, begin + cut[each], PUSH, BAD[cut[each] : cut[each + 1]])
    assert told(talk) == {"D01"}


# Where a second segment covers a first one that is there or waits: same place, from the left, from the right, wholly,
# within. Policies of receivers (first, last, BSD, BSD-right, Linux, Windows, Solaris) take either version of each byte.
COVERS = [(20, 60, 20, 60), (20, 60, 10, 40), (10, 32, 28, 80), (20, 60, 10, 80), (20, 60, 24, 50)]


@pytest.mark.parametrize("rogue_first", [True, False])
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("cover", COVERS)
def test_group_2_overlaps_that_differ(cover: tuple[int, int, int, int], waits: bool, rogue_first: bool) -> None:
    """Both versions are judged, whichever came first, in order or while a hole is open; and the conflict is told."""
    first, second = (BAD, GOOD) if rogue_first else (GOOD, BAD)
    talk = call()
    begin = talk.next[True]
    at, end, over, until = cover
    if not waits:
        talk.raw(True, begin, PUSH, first[:at])
    talk.raw(True, begin + at, PUSH, first[at:end])
    talk.raw(True, begin + over, PUSH, second[over:until])
    if waits:
        talk.raw(True, begin, PUSH, first[:at])
    talk.raw(True, begin + min(end, until), PUSH, first[min(end, until) :])
    heard = told(talk)
    assert "D47" in heard
    assert heard & {"D01", "D03"}, heard  # the stranger, or the CT's name at the stranger's address: both are alerted
    assert heard >= {"D01"} or first is GOOD


@pytest.mark.parametrize("wrong", ["checksum", "ttl", "timestamp", "md5"])
def test_group_3_a_segment_that_the_receiver_drops(wrong: str) -> None:
    """Whatever makes a receiver drop the innocent version, the other one comes at the same place."""
    talk = call()
    begin = talk.next[True]
    innocent = bytearray(talk.build(True, begin, PUSH, GOOD))
    match wrong:
        case "checksum":
            innocent[50:52] = b"\xba\xad"
        case "ttl":
            innocent[22] = 1
        case "timestamp":
            innocent[46] = 5 << 4 | innocent[46] & 15
        case "md5":
            innocent[46] = 5 << 4 | innocent[46] & 15
    talk.engine.inspect([(talk.now, bytes(innocent), len(innocent), None)])
    talk.client(BAD)
    heard = told(talk)
    assert "D01" in heard or "D47" in heard, heard


@pytest.mark.parametrize("pdus", [1, 10, 400])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_group_3_bulk_that_the_receiver_drops_covers_a_command(pdus: int, acknowledged: bool) -> None:
    """Much innocent bulk data comes with bad checksums, perhaps with a false acknowledgement in the server's name. Then
    the command, where the receiver still is: the sensor is long past it.
    """
    talk = wire.Wire(engine(), CT, OWN).association()
    told(talk)
    begin = talk.next[True]
    talk.raw(False, talk.next[False], wire.ACK)
    bulk = wire.p_data(wire.pdv(1, 0, bytes(2000))) * pdus
    for at in range(0, len(bulk), 1448):
        talk.raw(True, begin + at, PUSH, bulk[at : at + 1448])
    if acknowledged:
        talk.next[True] += len(bulk)
        talk.raw(False, talk.next[False], wire.ACK)
        talk.next[True] = begin
    talk.client(MOVE)
    talk.raw(False, talk.next[False], wire.ACK)
    later(talk, 20)
    assert told(talk) & {"D07", "D43", "D47"}


@pytest.mark.parametrize("answered", [True, False])
def test_group_3_a_hello_that_the_receiver_drops_covers_a_request(answered: bool) -> None:
    """It comes from a device that may use TLS, so nothing else is wrong with it."""
    talk = wire.Wire(engine(), MR, OWN, 2762).open()
    talk.raw(True, talk.next[True], PUSH, client_hello())
    talk.client(BAD)
    if answered:
        talk.server(ACCEPT)
    assert "D47" in told(talk)


def test_group_3_a_query_that_the_receiver_drops_covers_a_broad_one() -> None:
    query = wire.p_data(wire.pdv(1, 3, wire.command(0x20, True, b"1.2.840.10008.5.1.4.1.2.2.1")))
    narrow = b"\x10\0\x20\0\x04\0\0\0" + b"1234"
    broad = b"\x10\0\x20\0\x04\0\0\0" + b"*   "
    talk = association().client(query)
    told(talk)
    talk.raw(True, talk.next[True], PUSH, wire.p_data(wire.pdv(1, 2, narrow)))
    talk.client(wire.p_data(wire.pdv(1, 2, broad)))
    assert told(talk) & {"D08", "D47"}


@pytest.mark.parametrize("what", ["command", "release"])
def test_the_last_of_a_stream_was_not_captured(what: str) -> None:
    """Its receiver acknowledges it, and nothing comes behind it that would show the hole."""
    talk = wire.Wire(engine(), CT, OWN).association()
    told(talk)
    talk.lose(True, len(MOVE) if what == "command" else len(wire.RELEASE_RQ))
    talk.raw(False, talk.next[False], wire.ACK)
    later(talk, 3)
    assert told(talk) == {"D43"}


def test_the_answer_was_not_captured_and_the_connection_ended() -> None:
    """One direction is missing: what the client said is read none the less, and that is told."""
    talk = wire.Wire(engine(), CT, OWN).open().client(GOOD).lose(False, len(ACCEPT))
    talk.client(MOVE).client(wire.RELEASE_RQ).lose(False, 10).close()
    later(talk, 20)
    assert told(talk) >= {"D07", "D43"}


def test_group_10_so_much_out_of_order_that_it_is_let_go() -> None:
    """The receiver keeps what the sensor has no room for, and takes it once the hole is filled."""
    talk = association()
    begin, rest = talk.next[True], MOVE + wire.p_data(wire.pdv(1, 0, bytes(16000))) * 40
    talk.raw(False, talk.next[False], wire.ACK)
    for at in range(10, len(rest), 1448):
        talk.raw(True, begin + at, PUSH, rest[at : at + 1448])
    talk.raw(True, begin, PUSH, rest[:10])
    talk.lose(True, len(rest)).raw(False, talk.next[False], wire.ACK)
    later(talk, 3)
    assert told(talk) & {"D07", "D43", "D47"}


@pytest.mark.parametrize("off", [1 << 20, 1 << 30, (1 << 31) + 5, -70000, -5])
@pytest.mark.parametrize("port", [104, 8104])
def test_group_3_segments_outside_of_the_window(off: int, port: int) -> None:
    talk = call(port=port)
    talk.raw(True, talk.next[True] + off, PUSH, b"\x04\x00\x00\x10\x00\x00" + bytes(50))
    talk.client(BAD[:40])
    talk.raw(True, talk.next[True] + off, PUSH, b"\x04\x00\x00\x10\x00\x00" + bytes(50))
    talk.client(BAD[40:]).server(ACCEPT)
    later(talk, 1)
    assert told(talk) & {"D01", "D47"}


@pytest.mark.parametrize("off", [500, 1 << 20, 1 << 30, (1 << 31) + 5, -500, -70000])
@pytest.mark.parametrize("junk", [b"", b"GET / HTTP/1.0\r\n\r\n" * 5, GOOD])
def test_group_3_a_false_syn(off: int, junk: bytes) -> None:
    """After the real handshake a SYN comes that the receiver refuses, and bytes that would belong to it."""
    talk = call(port=8104)
    talk.raw(True, talk.next[True] + off, wire.SYN)
    if junk:
        talk.raw(True, talk.next[True] + off + 1, PUSH, junk)
    talk.client(BAD[:60]).client(BAD[60:]).server(ACCEPT)
    later(talk, 12)
    assert told(talk) & {"D01", "D43", "D47"}


@pytest.mark.parametrize("off", [20, 1062, 70_000, -70_000, 1 << 30, (1 << 31) + 5])
@pytest.mark.parametrize("port", [104, 8104])
def test_group_3_a_false_syn_ack_of_the_caller(off: int, port: int) -> None:
    """Nobody both calls and answers: its server takes no notice."""
    talk = call(port=port)
    talk.raw(True, talk.next[True] + off, wire.SYN | wire.ACK)
    talk.client(BAD)
    assert told(talk) & {"D01", "D47"}


@pytest.mark.parametrize("off", [20, 70_000, -70_000, 1 << 30])
@pytest.mark.parametrize("before", [0, 40])
@pytest.mark.parametrize("port", [104, 8104])
def test_group_3_a_false_syn_with_data(off: int, before: int, port: int) -> None:
    """Its receiver answers neither the SYN nor what came with it, and goes on where it was."""
    talk = call(port=port).client(BAD[:before])
    talk.raw(True, talk.next[True] + off, wire.SYN, GOOD[:43])
    talk.client(BAD[before:])
    later(talk, 12)
    assert told(talk) & {"D01", "D47"}


@pytest.mark.parametrize("wrong", ["seq", "ack"])
def test_group_3_a_second_answer_in_the_name_of_the_server(wrong: str) -> None:
    talk = call()
    if wrong == "seq":
        talk.raw(False, talk.next[False] + 500, wire.SYN | wire.ACK)
    else:
        talk.next[True] += 500
        talk.raw(False, talk.next[False] - 1, wire.SYN | wire.ACK)
        talk.next[True] -= 500
    talk.client(BAD[:20]).client(BAD[20:])
    assert told(talk) & {"D01", "D47"}


def test_group_3_a_connection_after_one_on_which_nothing_was_said_is_no_contradiction() -> None:
    """A device tries whether its server is there, and calls from the same port afterwards."""
    watching = engine()
    for isn in (5000, 9_000_000):
        talk = wire.Wire(watching, CT, OWN, client_isn=isn, server_isn=isn * 7).open()
        if isn == 5000:
            talk.raw(True, talk.next[True], wire.RST)
    talk.client(GOOD).server(ACCEPT)
    assert rules(watching) == []


@pytest.mark.parametrize("off", [30_000, 1 << 24, 1 << 30, (1 << 30) + 500, (1 << 31) + 5, -500])
@pytest.mark.parametrize("count", [1, 600])
def test_group_3_bytes_far_ahead_within_an_association(off: int, count: int) -> None:
    """They do not have the sensor jump ahead, past what the receiver takes."""
    talk = association()
    talk.server(wire.p_data(wire.pdv(1, 3, wire.command(0x8030))))  # acknowledges what the client said
    for number in range(count):
        talk.raw(True, talk.next[True] + off + 30 * number, PUSH, bytes(20))
    later(talk, 12)
    talk.client(MOVE[:50]).client(MOVE[50:])
    assert "D07" in told(talk)


@pytest.mark.parametrize("acknowledged", [0, 30_020])
def test_group_3_a_beginning_that_never_comes_is_told(acknowledged: int) -> None:
    """Whether the server says that it has those bytes too or not."""
    talk = call()
    talk.raw(True, talk.next[True] + 30_000, PUSH, bytes(20))
    talk.lose(True, acknowledged).raw(False, talk.next[False], PLAIN)
    later(talk, 12)
    assert told(talk) - {"D02"} == {"D43"}  # and that no entry lets this caller be there, once it counts as joined


def test_group_3_a_false_header_in_front_of_bulk_data() -> None:
    """A segment that the receiver drops has the sensor skip what the receiver reads."""
    talk = association()
    begin = talk.next[True]
    talk.raw(True, begin, PUSH, wire.p_data(wire.pdv(1, 0, bytes(16000)))[:1000])
    talk.client(MOVE)
    assert told(talk) & {"D07", "D47"}


@pytest.mark.parametrize("flags", [wire.RST, wire.RST | wire.ACK, wire.FIN | wire.ACK])
@pytest.mark.parametrize("off", [0, 100_000, -3])
def test_group_4_a_false_end_before_the_request(flags: int, off: int) -> None:
    talk = call()
    talk.raw(True, talk.next[True] + off, flags)
    later(talk, 20)
    talk.client(BAD)
    assert "D01" in told(talk)


@pytest.mark.parametrize("off", [0, 62, 70_000, -70_000, 1 << 30])
@pytest.mark.parametrize("port", [104, 8104])
def test_group_4_a_false_end_before_segments_out_of_order(off: int, port: int) -> None:
    """What was seen of the opening still says where the stream begins."""
    talk = call(port=port)
    begin = talk.next[True]
    talk.raw(True, begin + off, wire.RST)
    talk.raw(True, begin + 73, PUSH, BAD[73:])
    talk.raw(True, begin, PUSH, BAD[:73])
    assert "D01" in told(talk)


@pytest.mark.parametrize("flags", [wire.RST, wire.FIN | wire.ACK])
@pytest.mark.parametrize("pause", [0.0, 40.0])
def test_group_4_a_false_end_within_an_association(flags: int, pause: float) -> None:
    talk = association()
    for side in (True, False):
        talk.raw(side, talk.next[side] + 5, flags)
    later(talk, pause)
    talk.client(MOVE)
    assert "D07" in told(talk)


def test_group_5_data_in_the_syn() -> None:
    talk = wire.Wire(engine(), STRANGER, OWN)
    talk.raw(True, talk.next[True], wire.SYN, BAD[:50])
    talk.lose(True, 51)
    talk.raw(False, talk.next[False], wire.SYN | wire.ACK)
    talk.lose(False, 1).client(BAD[50:])
    assert told(talk) == {"D01"}


@pytest.mark.parametrize("taken", [True, False])
def test_group_5_data_in_the_syn_of_an_honest_client(taken: bool) -> None:
    """RFC 7413: its server takes it at once, or has it sent again."""
    talk = wire.Wire(engine(), CT, OWN)
    talk.raw(True, talk.next[True], wire.SYN, GOOD)
    talk.lose(True, 1 + (len(GOOD) if taken else 0))
    talk.raw(False, talk.next[False], wire.SYN | wire.ACK)
    talk.lose(False, 1).raw(True, talk.next[True], wire.ACK)
    if not taken:
        talk.client(GOOD)
    talk.server(ACCEPT).client(wire.store(30_000)).client(wire.RELEASE_RQ).server(wire.RELEASE_RP).close()
    later(talk, 20)
    assert told(talk) == set()
    assert talk.engine.snapshot()["skipped"] > 20_000


def test_group_5_ports_used_again_by_an_honest_client() -> None:
    """What the handshake of the new connection acknowledges says nothing about the old."""
    watching = engine()
    for number in range(4):
        isn = {"client_isn": 1000 + 400_000_000 * number, "server_isn": 5_000_000 + 900_000_000 * number}
        talk = wire.Wire(watching, CT, OWN, now=1.7e9 + 30 * number, **isn).open()
        talk.client(GOOD).server(ACCEPT).client(wire.store(3000)).client(wire.RELEASE_RQ).server(wire.RELEASE_RP)
        talk.raw(True, talk.next[True], wire.ACK)
    later(talk, 20)
    watching.finish()
    assert rules(watching) == []


def test_group_5_ports_used_again() -> None:
    """An innocent flow of something else, then the same four-tuple anew."""
    watching = engine()
    wire.Wire(watching, STRANGER, OWN, 8080).open().client(b"GET / HTTP/1.0\r\n\r\n")
    talk = wire.Wire(watching, STRANGER, OWN, 8080, client_isn=77_000_000).open().client(BAD)
    assert told(talk) >= {"D01"}


def test_group_5_ports_used_again_without_an_end() -> None:
    """The old flow's numbers are near, and its end was never seen."""
    watching = engine()
    wire.Wire(watching, STRANGER, OWN, 104).open().client(GOOD).server(ACCEPT)
    rules(watching)
    talk = wire.Wire(watching, STRANGER, OWN, 104, client_isn=1400, server_isn=900_400).open().client(BAD)
    assert told(talk) & {"D01", "D47"}


def test_group_5_both_open() -> None:
    """A simultaneous open (RFC 9293 3.5): two SYNs cross."""
    talk = wire.Wire(engine(), STRANGER, OWN)
    for side in (True, False):
        talk.raw(side, talk.next[side], wire.SYN)
    for side in (True, False):
        talk.raw(side, talk.next[side], wire.SYN | wire.ACK)
        talk.lose(side, 1)
    talk.client(BAD)
    assert "D01" in told(talk)


@pytest.mark.parametrize("seed", range(4))
def test_group_5_joined_midway(seed: int) -> None:
    """The flow is older than the sensor: its commands are found, and that its beginning was missed is told."""
    dice = random.Random(seed)
    talk = wire.Wire(engine(), STRANGER, OWN)
    body = wire.store(40_000)[dice.randrange(200, 30_000) :] + MOVE
    talk.client(body)
    assert told(talk) >= {"D07", "D43"}


@pytest.mark.parametrize("at", [0, 12, 30])
def test_group_8_urgent_data(at: int) -> None:
    """A receiver takes an urgent byte out of its stream, so that it reads another request than the sensor."""
    talk = call()
    with_extra = BAD[:at] + b"!" + BAD[at:]
    talk.raw(True, talk.next[True], PUSH, with_extra[:at])
    urgent = bytearray(talk.build(True, talk.next[True] + at, URGENT, with_extra[at : at + 1]))
    urgent[52:54] = (1).to_bytes(2, "big")
    talk.engine.inspect([(talk.now, bytes(urgent), len(urgent), None)])
    talk.raw(True, talk.next[True] + at + 1, PUSH, with_extra[at + 1 :])
    assert told(talk) & {"D01", "D47"}


def test_group_8_urgent_data_of_other_protocols_is_their_own() -> None:
    """Telnet, FTP and databases send some. What a flow is that nobody looks at, an urgent byte does not change."""
    talk = call(port=23).client(b"\xff\xfb\x18").server(b"login: ").client(b"root\r\n")
    talk.raw(True, talk.next[True], URGENT, b"\xff\xf2")
    assert told(talk) == set()


def test_group_8_urgent_data_hides_no_command() -> None:
    talk = association()
    urgent = bytearray(talk.build(True, talk.next[True], URGENT, b"\x04"))
    urgent[52:54] = (1).to_bytes(2, "big")
    talk.engine.inspect([(talk.now, bytes(urgent), len(urgent), None)])
    talk.lose(True, 1).client(MOVE)
    assert told(talk) & {"D07", "D47"}


def test_group_8_a_window_of_none() -> None:
    """The receiver's window is closed for two minutes in the middle of the request."""
    talk = call().client(BAD[:60])
    for _ in range(8):
        talk.raw(False, talk.next[False], wire.ACK)
        later(talk, 15)
        talk.raw(True, talk.next[True] - 1, wire.ACK, b"\0")  # a window probe
    talk.client(BAD[60:])
    assert "D01" in told(talk)


def test_group_8_sequence_numbers_wrap() -> None:
    talk = association(client_isn=0xFFFFFF00 - len(BAD), server_isn=0xFFFFFF10)
    talk.client(wire.store(30_000) + MOVE)
    assert "D07" in told(talk)
