"""Bytes that came twice and differed: every reading is judged, whichever came first and however it was cut."""

from __future__ import annotations

import pytest

from appliance.inspection.versions import readings
from tests.inspection.scene import CT, OLD_PACS, OWN, engine, evidence, rules
from tests.inspection.test_recognise import HTTP
from tests.inspection.wire import ACK, VERIFICATION, Wire, associate, command, p_data, pdv

GOOD, BAD = associate(), associate(calling=b"ROGUE")


@pytest.mark.parametrize(
    ("start", "original", "versions", "grows", "expected"),
    [
        (0, b"abcdef", [(2, b"XY")], False, [b"abXYef"]),
        (10, b"abcdef", [(8, b"12345")], False, [b"345def"]),
        (0, b"abc", [(2, b"XYZ")], False, [b"abX"]),
        (0, b"abc", [(2, b"XYZ")], True, [b"abXYZ"]),
        (0, b"abcdef", [(0, b"X"), (5, b"Y")], False, [b"XbcdeY", b"Xbcdef", b"abcdeY"]),
        (0, b"abc", [(3, b"X"), (0, b"a")], False, []),
        (0, b"", [(0, b"X")], True, []),
    ],
)
def test_readings(
    start: int, original: bytes, versions: list[tuple[int, bytes]], grows: bool, expected: list[bytes]
) -> None:
    assert readings(start, original, versions, grows) == expected


@pytest.mark.parametrize(("first", "second"), [(GOOD, BAD), (BAD, GOOD)])
@pytest.mark.parametrize("cut", [5, 30, 40, 100])
def test_a_request_of_which_a_part_came_twice(first: bytes, second: bytes, cut: int) -> None:
    """The second version of the first segments comes before the rest of the request."""
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    begin = talk.next[True]
    talk.client(first[:cut])
    talk.raw(True, begin, ACK, second[:cut])
    talk.client(first[cut:])
    differs = first[:cut] != second[:cut]
    spoke = set(rules(watching))
    assert ("D47" in spoke) is differs
    assert not differs or "D01" in spoke


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_the_other_version_of_a_whole_request_is_judged(pieces: int) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    begin, step = talk.next[True], -(-len(GOOD) // pieces)
    for at in range(0, len(GOOD), step):
        talk.client(GOOD[at : at + step])
        talk.raw(True, begin + at, ACK, BAD[at : at + step])
    records = watching.take_alerts()
    assert {each["alert"]["signature_id"] for each in records} == {"D47", "D01"}
    assert evidence(records, "D01").startswith('calling "ROGUE"')


def test_held_segments_that_differ_are_judged_both_ways() -> None:
    """Out of order: the second version comes while the first one waits."""
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    begin = talk.next[True]
    talk.raw(True, begin + 20, ACK, GOOD[20:])
    talk.raw(True, begin + 20, ACK, BAD[20:])
    talk.raw(True, begin, ACK, GOOD[:20])
    assert set(rules(watching)) == {"D47", "D01"}


def test_what_was_taken_for_another_protocol_may_have_been_a_request() -> None:
    watching = engine()
    talk = Wire(watching, CT, "10.20.0.80", 8080).open()
    begin = talk.next[True]
    talk.client(HTTP.ljust(len(BAD), b"x"))
    talk.raw(True, begin, ACK, BAD)
    assert {"D47", "D01", "D02"} == set(rules(watching))


def test_a_retransmission_in_other_pieces_is_quiet() -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    begin = talk.next[True]
    talk.client(GOOD)
    for at in range(0, len(GOOD), 7):
        talk.raw(True, begin + at, ACK, GOOD[at : at + 7])
    http = Wire(watching, CT, "10.20.0.80", 8080).open()
    begin = http.next[True]
    http.client(HTTP)
    http.raw(True, begin, ACK, HTTP)
    assert rules(watching) == []


def test_the_other_version_of_a_command_is_judged() -> None:
    """A C-ECHO-RQ for the sensor, a C-MOVE-RQ to a stranger for the server."""
    echo = p_data(pdv(1, 3, command(0x0030, between=b"\0\0\0\x06\6\0\0\0NOBODY")))
    move = p_data(pdv(1, 3, command(0x0021, between=b"\0\0\0\x06\6\0\0\0NOBODY")))
    for late in (False, True):
        watching = engine()
        talk = Wire(watching, CT, OLD_PACS).open()
        talk.client(associate(called=b"OLDPACS", contexts=((1, VERIFICATION),))).server(associate(2))
        begin = talk.next[True]
        talk.client(echo[:70])
        if late:
            talk.client(echo[70:])
            talk.raw(True, begin, ACK, move)
        else:
            talk.raw(True, begin, ACK, move[:70])
            talk.client(echo[70:])
        assert set(rules(watching)) == {"D47", "D07"}, late


def test_the_other_version_of_an_answer_is_judged() -> None:
    watching = engine()
    talk = Wire(watching, CT, "10.20.0.50").open().client(associate())
    begin = talk.next[False]
    talk.server(associate(2))
    talk.raw(False, begin, ACK, associate(2, max_length=1))
    assert set(rules(watching)) == {"D02", "D11", "D47"}


def test_many_versions_are_bounded() -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    begin = talk.next[True]
    talk.client(GOOD)
    for number in range(500):
        talk.raw(True, begin, ACK, associate(calling=b"ROGUE%d" % number))
    said = watching.snapshot()
    assert said["memory"] < 20_000
    assert said["faults"] == 0
    talk.close()
    watching.tick(talk.now + 10_000)
    assert watching.snapshot()["memory"] == 0
