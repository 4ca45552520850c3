"""Walking PDUs: what is skipped, what is looked at, and what no split and no order can hide."""

from __future__ import annotations

import random
import struct

import pytest

from appliance.base import limits
from appliance.inspection import resync
from appliance.inspection.engine import Inspection
from appliance.inspection.resync import find_header
from tests.inspection.scene import CT, OWN, engine, evidence, rules
from tests.inspection.wire import (
    ACK,
    CT_STORAGE,
    RELEASE_RP,
    RELEASE_RQ,
    VERIFICATION,
    Wire,
    associate,
    command,
    p_data,
    pdu,
    pdv,
    store,
)

RSP = p_data(pdv(1, 3, command(0x8001)))
HEAD = limits.SENSOR_DATA_HEAD.default  # of each data set so much is looked at


def wire(inspection: Inspection, **more: object) -> Wire:
    return Wire(inspection, CT, OWN, **more)  # type: ignore[arg-type]


def test_a_whole_association_is_counted_and_quiet() -> None:
    watching = engine()
    talk = wire(watching).association()
    for _ in range(3):
        talk.client(store(100_000)).server(RSP)
    talk.client(RELEASE_RQ).server(RELEASE_RP).close()
    counted = watching.snapshot()
    assert (counted["associations"], counted["commands"], counted["blind"]) == (1, 6, 0)
    assert counted["skipped"] == 300_000 - 3 * HEAD
    assert counted["inspected"] < 2500 + 3 * HEAD
    assert rules(watching) == []


@pytest.mark.parametrize("max_length", [4096, 16384, 131072, 0])
def test_bulk_data_is_never_read(max_length: int) -> None:
    """The capture keeps 66 bytes of each segment that lies wholly in bulk data, and nothing is missed."""
    watching = engine()
    talk = wire(watching).association(max_length=max_length)
    for _ in range(4):
        message = store(400_000, max_length or 131072)
        headers = _header_bytes(message)
        for at in range(0, len(message), 1448):
            piece = message[at : at + 1448]
            bulk = not any(at <= place < at + len(piece) for place in headers)
            talk.raw(True, talk.next[True], ACK, piece, cut=66 if bulk else None)
            talk.next[True] += len(piece)
        talk.server(RSP)
    counted = watching.snapshot()
    assert (counted["commands"], counted["blind"], counted["skipped"]) == (8, 0, 1_600_000 - 4 * HEAD)
    assert rules(watching) == []


def _header_bytes(message: bytes) -> set[int]:
    """The places of a C-STORE-RQ that hold no bulk data, or its beginning."""
    places: set[int] = set()
    at, head = 0, HEAD
    while at < len(message):
        length = struct.unpack_from("!I", message, at + 2)[0]
        is_command = message[at + 11] & 1
        looked_at = 0 if is_command else min(head, length - 6)
        head -= looked_at
        places.update(range(at, at + (6 + length if is_command else 12 + looked_at)))
        at += 6 + length
    return places


@pytest.mark.parametrize("mss", [1, 2, 3, 5, 7, 11, 13, 100])
def test_any_segmentation_shows_the_same(mss: int) -> None:
    watching = engine()
    talk = wire(watching, mss=mss).association()
    talk.client(store(3000, 1000)).server(RSP).client(store(10)).server(RSP).client(RELEASE_RQ).server(RELEASE_RP)
    counted = watching.snapshot()
    assert (counted["associations"], counted["commands"], counted["skipped"]) == (1, 4, 3000 - HEAD)
    assert rules(watching) == []


def test_a_split_at_every_byte_shows_the_same() -> None:
    whole = associate(calling=b"ROGUE")
    for at in range(1, len(whole)):
        watching = engine()
        wire(watching).open().client(whole[:at]).client(whole[at:])
        records = watching.take_alerts()
        assert [record["alert"]["signature_id"] for record in records] == ["D01"], at
        assert records[0]["dicom"]["calling_ae"] == "ROGUE"


def test_everything_in_one_segment_shows_the_same() -> None:
    watching = engine()
    talk = wire(watching, mss=60_000).association()
    talk.client(store(5000, 500) + store(5000, 500) + RELEASE_RQ).server(RSP + RSP + RELEASE_RP)
    assert watching.snapshot()["commands"] == 4
    assert rules(watching) == []


def test_any_order_shows_the_same() -> None:
    random_ = random.Random(4)
    for _ in range(20):
        watching = engine()
        talk = wire(watching, client_isn=0xFFFFFF80).association()
        message = store(6000, 700) + store(600)
        pieces = [(at, message[at : at + 500]) for at in range(0, len(message), 500)]
        pieces += random_.sample(pieces, 5)  # some twice
        random_.shuffle(pieces)
        for at, piece in pieces:
            talk.raw(True, (talk.next[True] + at) & 0xFFFFFFFF, ACK, piece)
        assert watching.snapshot()["commands"] == 2
        assert rules(watching) == []


def test_a_command_behind_a_data_pdv_in_one_p_data_is_seen() -> None:
    watching = engine()
    talk = wire(watching).association(contexts=((1, b""), (3, b"")))
    talk.client(p_data(pdv(1, 3, command(0x0001, data_set=True)), pdv(1, 0, b"pixels")))
    talk.client(p_data(pdv(1, 2, bytes(5000)), pdv(3, 3, command(0x0030, sop_class=VERIFICATION))))
    assert watching.snapshot()["commands"] == 2
    assert rules(watching) == []


@pytest.mark.parametrize("size", [0, 1])
def test_a_pdv_too_short_for_its_header_hides_nothing_in_the_midst_of_bulk_data(size: int) -> None:
    watching = engine()
    talk = wire(watching).association()
    message = store(60_000)
    at = message.index(b"\x04\0", 40_000)  # a header in the middle
    talk.client(message[:at]).client(pdu(4, struct.pack("!IBB", size, 1, 0) + bytes(200))).client(message[at:])
    assert rules(watching) == ["D22"]
    assert watching.snapshot()["commands"] == 1
    talk.client(store(100))
    assert watching.snapshot()["commands"] == 2


def test_a_command_in_pieces_of_two_bytes_is_seen() -> None:
    watching = engine()
    whole = command(0x0001, data_set=True)
    pieces = [whole[at : at + 2] for at in range(0, len(whole), 2)]
    pdvs = [pdv(1, 3 if number == len(pieces) - 1 else 1, piece) for number, piece in enumerate(pieces)]
    wire(watching).association().client(b"".join(p_data(each) for each in pdvs)).client(p_data(*pdvs))
    assert watching.snapshot()["commands"] == 2
    assert rules(watching) == []


def test_lost_bulk_data_is_not_missed() -> None:
    watching = engine()
    talk = wire(watching).association()
    message = store(16000, 16384)
    talk.client(message[:6000]).lose(True, 6000).client(message[12000:]).server(RSP).client(store(100)).server(RSP)
    counted = watching.snapshot()
    assert (counted["commands"], counted["blind"]) == (4, 0)
    assert rules(watching) == []


def test_a_lost_beginning_of_a_data_set_blinds_nobody() -> None:
    """It is waited for, since it is looked at; then it is given up, and the framing is known without it."""
    watching = engine()
    talk = wire(watching).association()
    message = store(16000, 16384)
    talk.client(message[:3000]).lose(True, 9000).client(message[12000:]).server(RSP)
    talk.now += 1
    talk.client(store(100)).server(RSP)
    counted = watching.snapshot()
    assert (counted["commands"], counted["blind"]) == (4, 0)
    assert rules(watching) == []


def test_a_lost_header_blinds_until_the_next_is_found() -> None:
    watching = engine()
    talk = wire(watching).association()
    message = store(200_000)
    at = message.index(b"\x04\0", 20_000)  # a header in the middle
    talk.client(message[: at - 500]).lose(True, 1000).client(message[at + 500 :])
    talk.now += 1
    talk.raw(False, talk.next[False], ACK)  # the server has it all
    talk.client(store(50_000)).server(RSP).client(store(50_000)).server(RSP)
    counted = watching.snapshot()
    records = watching.take_alerts()
    assert [record["alert"]["signature_id"] for record in records] == ["D43"]
    assert evidence(records, "D43") == "segments were lost in a PDU header"
    assert counted["commands"] == 1 + 2 + 2
    assert counted["blind"] == 1


def test_a_lost_request_blinds_and_the_answer_still_counts() -> None:
    watching = engine()
    talk = wire(watching).open().lose(True, 200).server(associate(2))
    talk.client(store(5000)).server(RSP)
    talk.now += 20
    watching.inspect([])
    watching.finish()
    assert rules(watching) == ["D43"]


def test_nothing_is_skipped_before_the_answer() -> None:
    watching = engine()
    wire(watching).open().client(associate()).client(store(10_000))
    assert watching.snapshot()["skipped"] == 0
    records = watching.take_alerts()
    assert evidence(records, "D23") == "from the client: P-DATA-TF before A-ASSOCIATE-AC"


def test_an_association_behind_a_huge_false_pdu_is_seen() -> None:
    """A P-DATA-TF header that announces 16 MB, then the real association on the same connection."""
    watching = engine()
    talk = wire(watching).open().client(struct.pack("!BxIIBB", 4, 1 << 24, (1 << 24) - 4, 1, 2) + bytes(300))
    talk.client(associate(calling=b"ROGUE"))
    assert {"D23", "D22", "D01"} <= set(rules(watching))


def test_data_before_the_answer_reached_us_waits_for_it() -> None:
    """The client's data overtook the answer on its way to the sensor: no violation, and all of it is walked."""
    watching = engine()
    talk = wire(watching).open().client(associate())
    answer = associate(2)
    seq = talk.next[False]
    talk.next[False] += len(answer)  # the client acknowledges what we have not seen
    talk.client(store(5000))
    assert watching.snapshot()["skipped"] == 0
    talk.raw(False, seq, ACK, answer)
    counted = watching.snapshot()
    assert (counted["commands"], counted["skipped"]) == (1, 5000 - HEAD)
    assert rules(watching) == []


def test_an_answer_that_never_comes_is_called_blind() -> None:
    watching = engine()
    talk = wire(watching).open().client(associate())
    talk.next[False] += len(associate(2))
    talk.client(store(200_000)).client(store(1000))
    counted = watching.snapshot()
    assert counted["skipped"] == 0
    assert counted["commands"] == 2
    assert rules(watching) == ["D43"]


def test_a_pdu_over_the_maximum_is_alerted_and_its_surplus_looked_at() -> None:
    watching = engine()
    talk = wire(watching).association(max_length=16384)
    talk.client(p_data(pdv(1, 3, command(0x0001, data_set=True))) + p_data(pdv(1, 2, bytes(100_000))))
    assert watching.snapshot()["skipped"] == 16384 - 6 - HEAD
    records = watching.take_alerts()
    assert evidence(records, "D21").endswith("announces 100006 bytes, the limit is 16384")
    talk.client(store(1000)).server(RSP)
    assert watching.snapshot()["commands"] == 3


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 0x80000000])
def test_a_pdu_that_wraps_the_sequence_space_hides_nothing(announced: int) -> None:
    watching = engine()
    talk = wire(watching).association(max_length=0)
    talk.client(struct.pack("!BxIIBB", 4, announced, announced - 4, 1, 2))
    counted = watching.snapshot()["skipped"]
    assert counted == (16 << 20) - 6
    assert rules(watching) == (["D21", "D22"] if announced & 1 else ["D21"])  # and no fragment is of odd length


def test_pdvs_that_do_not_fit_are_alerted() -> None:
    for body, what in (
        (struct.pack("!IBB", 500, 1, 2) + bytes(20), "a PDV that runs past its PDU"),
        (struct.pack("!IBB", 1, 1, 2) + bytes(20), "a PDV that runs past its PDU"),
        (pdv(1, 2, bytes(10)) + b"abc", "bytes left over behind the last PDV of a PDU"),
        (pdv(5, 2, bytes(10)), "a PDV in a presentation context that was not accepted"),
        (pdv(2, 2, bytes(10)), "a PDV in a presentation context that was not accepted"),
        (b"abc", "P-DATA-TF without a PDV"),
        (pdv(1, 1, b"ab") + pdv(1, 2, b"cd"), "a PDV of another message inside a command set"),
        (pdv(1, 3, b"junk"), "command set: bytes left over after the last element"),
        (pdv(1, 3, bytes(20000)), "command set: over the limit"),
    ):
        watching = engine()
        talk = wire(watching).association(max_length=65536).client(pdu(4, body))
        assert evidence(watching.take_alerts(), "D22") == f"from the client: {what}"
        talk.client(store(100))
        assert watching.snapshot()["commands"] >= 1, what


def test_fragments_of_odd_lengths_are_alerted_once_and_hide_nothing() -> None:
    odd = pdu(4, pdv(1, 0, bytes(99))) + pdu(4, pdv(1, 0, bytes(101))) + pdu(4, pdv(1, 2, bytes(100)))
    watching = engine()
    talk = wire(watching).association(max_length=65536).client(p_data(pdv(1, 3, command(0x0001))) + odd)
    assert evidence(watching.take_alerts(), "D22") == "from the client: a fragment of an odd number of bytes"
    talk.client(store(100))
    assert watching.snapshot()["commands"] == 2
    watching = engine()
    wire(watching).association(max_length=65537).client(p_data(pdv(1, 3, command(0x0001))) + odd)
    assert rules(watching) == []  # whom an odd maximum makes send such


def test_an_unknown_pdu_type_and_wrong_lengths_are_alerted() -> None:
    watching = engine()
    talk = wire(watching).association().client(pdu(9, bytes(10)) + store(1000))
    assert evidence(watching.take_alerts(), "D22") == "from the client: a PDU of unknown type"
    assert watching.snapshot()["commands"] == 1  # it found the way again
    talk.client(pdu(5, bytes(9)))
    talk.now += 61
    talk.client(pdu(7, bytes(5000)))
    assert set(rules(watching)) == {"D22", "D21"}


def test_a_request_over_the_limit_is_alerted_and_not_gathered() -> None:
    watching = engine()
    talk = wire(watching).open().client(struct.pack("!BxI", 1, 0x7FFFFFFF) + associate()[6:])
    talk.client(bytes(300_000))
    assert watching.snapshot()["memory"] < 30_000
    assert rules(watching) == ["D21"]


def test_contexts_are_known_from_the_answer() -> None:
    watching = engine()
    talk = wire(watching).open().client(associate(contexts=((1, CT_STORAGE), (3, VERIFICATION))))
    talk.server(associate(2, contexts=((1, b""),))).client(store(100, context=3))
    assert evidence(watching.take_alerts(), "D22").endswith("was not accepted")


def test_false_headers_in_a_merged_frame_cost_no_more_than_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """60,000 bytes of tiny PDUs that nobody granted: each is found behind the last, not by a search of all the rest."""
    searched = 0

    def counted(data: bytes, limit: int) -> tuple[int, bool] | None:
        nonlocal searched
        searched += len(data)
        return find_header(data, limit)

    monkeypatch.setattr(resync, "find_header", counted)
    watching = engine()
    tiny = p_data(pdv(1, 0, b"abcd")) * 3700
    talk = wire(watching).open().client(associate())
    talk.client(tiny, mss=len(tiny))
    assert len(tiny) > 59_000
    assert searched < 3700 * 5000
    assert watching.snapshot()["faults"] == 0


def test_a_header_that_begins_in_one_segment_and_ends_in_a_long_one_is_found() -> None:
    for cut in range(1, 42):
        watching = engine()
        talk = wire(watching).open()
        talk.raw(True, talk.next[True], ACK, struct.pack("!BxIIBB", 4, 90_000, 89_996, 1, 0) + b"?" * 50)
        talk.lose(True, 62)
        hidden = associate(calling=b"ROGUE")
        talk.client(b"?" * 10 + hidden[:cut])
        talk.client(hidden[cut:] + bytes(9000), mss=20_000)
        assert "D01" in rules(watching), cut
