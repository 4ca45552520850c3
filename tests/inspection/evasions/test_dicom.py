"""Group 9 of the evasions, hidden commands and false lengths: what a tolerant receiver takes is seen, or alerted."""

from __future__ import annotations

import struct

import pytest

from appliance.base import limits
from tests.inspection import wire
from tests.inspection.evasions.stranger import ACCEPT, BAD, GOOD, MOVE, association, call, later, told
from tests.inspection.handshake import certificate, talk
from tests.inspection.scene import CT, OWN, STRANGER, engine
from tests.inspection.wire import ILE, VERIFICATION, item, pdu

COMMAND = wire.command(0x21, True, b"1.2.840.10008.5.1.4.1.2.2.2", between=b"\0\0\0\6\6\0\0\0THIEF ")
CONTEXT = item(0x10, b"1.2.840.10008.3.1.1.1")
USER = item(0x50, item(0x51, struct.pack("!I", 16384)) + item(0x52, b"1.2.3.4"))


def request(*items: bytes, calling: bytes = b"ROGUE".ljust(16), version: int = 1, reserved: bytes = bytes(32)) -> bytes:
    """An A-ASSOCIATE-RQ of any items."""
    fixed = struct.pack("!HH", version, 0) + b"EDGE01".ljust(16) + calling + reserved
    return pdu(1, fixed + b"".join(items))


def proposal(number: int, abstract: bytes = wire.CT_STORAGE, syntaxes: int = 1) -> bytes:
    return item(0x20, bytes((number, 0, 0, 0)) + item(0x30, abstract) + item(0x40, ILE) * syntaxes)


REQUESTS = {
    "70 transfer syntaxes in a context": request(CONTEXT, proposal(1, syntaxes=70), USER),
    "a context id twice": request(CONTEXT, proposal(1), proposal(1), USER),
    "an even context id": request(CONTEXT, proposal(2), USER),
    "reserved bytes": request(CONTEXT, proposal(1), USER, reserved=b"\xff" * 32),
    "version bits": request(CONTEXT, proposal(1), USER, version=3),
    "a title with leading spaces": request(CONTEXT, proposal(1), USER, calling=b"   ROGUE".ljust(16)),
    "a title padded with NUL": request(CONTEXT, proposal(1), USER, calling=b"ROGUE".ljust(16, b"\0")),
    "a title in lower case": request(CONTEXT, proposal(1), USER, calling=b"ct_somatom1".ljust(16)),
    "a title with a backslash": request(CONTEXT, proposal(1), USER, calling=b"CT\\SOMATOM1".ljust(16)),
    "a title with control characters": request(CONTEXT, proposal(1), USER, calling=b"CT\x01\x02\n".ljust(16)),
    "a title of high bytes": request(CONTEXT, proposal(1), USER, calling=b"\xff\xfe\x80".ljust(16)),
    "an unknown item first": request(item(0x77, bytes(40)), CONTEXT, proposal(1), USER),
    "an item that runs past the PDU": request(CONTEXT, proposal(1), USER, b"\x50\0\xff\xff"),
    "items of no bytes": request(item(0x20, b""), item(0x50, b""), CONTEXT, proposal(1), USER),
    "user information before the contexts": request(USER, proposal(1), CONTEXT),
    "no items": request(),
}


@pytest.mark.parametrize("how", REQUESTS)
@pytest.mark.parametrize("port", [104, 8104])
def test_group_9_odd_requests(how: str, port: int) -> None:
    """On the registered port and on any other: the stranger is named however its request looks."""
    assert "D01" in told(call(port=port).client(REQUESTS[how]))


def test_group_9_a_request_that_looks_like_nothing_and_is_answered() -> None:
    """DCMTK takes it: an unknown item first, and a title of bytes that are no text. Its answer gives it away."""
    odd = request(item(0x77, bytes(40)), CONTEXT, proposal(1), USER, calling=b"\xff\xfeROGUE".ljust(16))
    talk = call(port=8104).client(odd)
    assert told(talk) == set()
    talk.server(ACCEPT)
    assert told(talk) >= {"D01", "D11"}


def test_group_9_many_syntaxes_hide_no_abstract_syntax() -> None:
    talk = call().client(request(CONTEXT, proposal(1, VERIFICATION, 70), USER))
    (record,) = [each for each in talk.engine.take_alerts() if each["alert"]["signature_id"] == "D01"]
    assert record["dicom"]["contexts"] == [{"id": 1, "abstract": VERIFICATION.decode()}]


def test_group_9_two_requests_on_one_connection() -> None:
    talk = wire.Wire(engine(), CT, OWN).open().client(GOOD).client(BAD)
    assert told(talk) >= {"D01", "D23"}


def test_group_9_data_before_the_answer() -> None:
    assert told(call().client(GOOD).client(MOVE)) >= {"D07", "D23"}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_group_9_a_command_in_tiny_pieces(size: int) -> None:
    cut = range(0, len(COMMAND), size)
    pieces = [wire.pdv(1, 3 if at + size >= len(COMMAND) else 1, COMMAND[at : at + size]) for at in cut]
    for packed in (1, 7):
        talk = association()
        for at in range(0, len(pieces), packed):
            talk.client(wire.p_data(*pieces[at : at + packed]))
        assert told(talk) >= {"D07"}


def test_group_9_messages_interleaved_across_contexts() -> None:
    """A command of another context between the parts of a command: malformed, and either way it is read it is told."""
    half = len(COMMAND) // 2
    contexts = {"contexts": ((1, wire.CT_STORAGE), (3, VERIFICATION))}
    talk = call().client(wire.associate(calling=b"ROGUE", **contexts)).server(wire.associate(2, **contexts))
    told(talk)
    talk.client(wire.p_data(wire.pdv(1, 1, COMMAND[:half]), wire.pdv(3, 3, wire.command(0x30))))
    talk.client(wire.p_data(wire.pdv(1, 3, COMMAND[half:])))
    assert told(talk) & {"D07", "D22"}


def _explicit() -> bytes:
    value = struct.pack("<H", 0x21)
    return struct.pack("<HH2sHI", 0, 0, b"UL", 4, 10) + struct.pack("<HH2sH", 0, 0x100, b"US", 2) + value


COMMANDS = {
    "explicit VR": _explicit(),
    "elements out of order": struct.pack("<HHIH", 0, 0x0800, 2, 0x0102) + COMMAND[12:],
    "a wrong group length": COMMAND[:8] + struct.pack("<I", 9999) + COMMAND[12:],
    "no group length": COMMAND[12:],
    "an element twice": COMMAND + struct.pack("<HHIH", 0, 0x0100, 2, 0x30),
}


@pytest.mark.parametrize("how", COMMANDS)
def test_group_9_odd_command_sets(how: str) -> None:
    talk = association().client(wire.p_data(wire.pdv(1, 3, COMMANDS[how])))
    assert told(talk) & {"D07", "D22"}


@pytest.mark.parametrize("length", [1 << 24, (1 << 31) + 1, (1 << 32) - 1, (1 << 32) - 7])
def test_group_9_announced_lengths_beyond_everything(length: int) -> None:
    """Beyond the maximum, beyond 2**31, wrapping the sequence space: alerted, and nothing behind it is hidden."""
    talk = association().client(struct.pack("!BxIIBB", 4, length, 100, 1, 0) + bytes(98) + MOVE)
    assert told(talk) >= {"D21"}
    talk = association().client(struct.pack("!BxI", 4, length) + MOVE)
    assert told(talk) >= {"D21"}


def test_group_9_a_length_just_beyond_what_was_negotiated() -> None:
    talk = call().client(BAD).server(wire.associate(2, max_length=4096))
    told(talk)
    talk.client(wire.p_data(wire.pdv(1, 2, bytes(4092))))
    assert told(talk) == {"D21"}


@pytest.mark.parametrize("before", [1, 200, 5000])
def test_a_command_behind_data_in_one_p_data(before: int) -> None:
    """A receiver takes each PDV of a P-DATA-TF, so must we."""
    for hidden in (wire.pdv(1, 3, COMMAND), wire.pdv(1, 1, COMMAND[:20]) + wire.pdv(1, 3, COMMAND[20:])):
        talk = association()
        talk.client(wire.p_data(wire.pdv(1, 3, wire.command(1, True))))
        talk.client(wire.p_data(wire.pdv(1, 0, bytes(before)), wire.pdv(1, 2, b"\0\0"), hidden))
        assert "D07" in told(talk)


def test_a_request_inside_bulk_data_that_nobody_granted() -> None:
    """A false P-DATA-TF before any answer covers the request that its receiver waits for."""
    talk = call(port=8104).client(struct.pack("!BxIIBB", 4, 4000, 3996, 1, 0) + BAD)
    assert told(talk) >= {"D01"}


def test_group_9_a_request_in_clear_at_a_tls_port() -> None:
    assert told(call(port=2762).client(BAD)) >= {"D15"}


def test_group_9_tls_where_dicom_in_clear_is_expected() -> None:
    talking = call(port=104)
    for from_client, data in talk(certificate()):
        talking.say(from_client, data)
    assert told(talking) & {"D19"}


def test_group_9_a_request_behind_tls_that_was_none() -> None:
    """The client's first bytes look like TLS, and the request that follows is what the server answers."""
    talking = call(port=2762).client(b"\x16\x03\x01\x00\x05hello" + BAD).server(ACCEPT)
    later(talking, 1)
    assert told(talking) & {"D01", "D15", "D22"}


def test_group_10_slow_flows_cannot_pin_buffers() -> None:
    """5,000 requests that stop in the middle: less is kept than may be, and one more stranger is named."""
    watching = engine()
    for number in range(5000):
        slow = wire.Wire(watching, f"10.21.{number >> 8}.{number & 255}", OWN, client_port=40000)
        slow.raw(True, slow.next[True], wire.ACK, BAD[:100])
    assert watching.snapshot()["memory"] <= limits.SENSOR_MEMORY.default
    assert told(wire.Wire(watching, STRANGER, OWN).open().client(BAD)) >= {"D01"}


def test_group_10_a_flood_of_alerts_hides_no_other_rule() -> None:
    watching = engine()
    for number in range(500):
        wire.Wire(watching, f"10.21.{number >> 8}.{number & 255}", OWN).open().client(BAD)
    first = watching.take_alerts()
    assert len([each for each in first if each["alert"]["signature_id"] == "D01"]) <= limits.SENSOR_ALERT_RATE.default
    assert told(wire.Wire(watching, CT, OWN).open().client(wire.associate(called=b"ARCHIVE"))) >= {"D13"}
    watching.tick(1_700_000_500.0)
    assert "D43" in {each["alert"]["signature_id"] for each in watching.take_alerts()}  # that some were held back


def test_group_10_a_flood_of_syns_pushes_out_no_association() -> None:
    watching = engine()
    talk = wire.Wire(watching, STRANGER, OWN).open().client(BAD).server(ACCEPT)
    told(talk)
    for number in range(limits.SENSOR_OPENINGS.default + 100):
        source = f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        watching.inspect([(talk.now, wire.frame(source, 40000, OWN, 104, 1, 0, wire.SYN), 54, None)])
    assert told(talk.client(MOVE)) >= {"D07"}
    assert watching.snapshot()["openings"] <= limits.SENSOR_OPENINGS.default
