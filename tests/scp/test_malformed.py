"""Associations, PDUs and messages that broke other DICOM software: the malformed-input list (facts: network, 4.1).

Data sets are in test_odd_data_sets.py, those who hardly say anything in test_silent.py.
"""

from __future__ import annotations

import struct
import time

import pytest

from appliance.scp import ingest
from tests.scp.malformed import (
    INVALID_PARAMETER,
    UNEXPECTED_PARAMETER,
    UNEXPECTED_PDU,
    UNRECOGNIZED_PDU,
    Refusals,
    abort_of,
    answer,
    command_set,
    message,
    request,
    store_rq,
)
from tests.scp.scene import CT, Scene, data_set
from tests.upper_layer import wire

# SOP Instance UID as a path


@pytest.mark.parametrize("uid", [b"../../x", b"/etc/passwd", b"1.2.3\0/../4", b"..", b"1.2.3\n4", b"1" * 65, b""])
def test_a_sop_instance_uid_that_is_none_is_answered_0117(scp: Scene, refusals: Refusals, uid: bytes) -> None:
    with scp.connect() as modality:
        modality.associate()
        said = answer(modality, 3, store_rq(uid), data_set("1.2.3.4"))
        assert said.status == ingest.INVALID_INSTANCE and said.error_comment
    assert not scp.files()
    (line,) = refusals()
    assert "0x0117" in line and "passwd" not in line


# AE titles


@pytest.mark.parametrize(
    ("called", "calling", "reject"),
    [
        (b"EDGE01", b"../secret/VICTIM", (1, 1, 3)),
        (b"EDGE01", b"..", (1, 1, 3)),
        (b"EDGE01", b"$(reboot);`id`|&", (1, 1, 3)),
        (b"EDGE01", b" " * 16, (1, 1, 3)),
        (b"EDGE01", bytes(16), (1, 1, 3)),
        (b"EDGE01", b"CT1\0\0ROGUE", (1, 1, 3)),
        (b"EDGE01", b"CT1\r\nSTORED", (1, 1, 3)),
        (b"../secret/VICTIM", b"CT1", (1, 1, 7)),
        (b"..", b"CT1", (1, 1, 7)),
        (b" " * 16, b"CT1", (1, 1, 7)),
        (b"EDGE01\0/../../x", b"CT1", (1, 1, 7)),
    ],
)
def test_an_ae_title_that_is_no_ae_title_of_ours_is_rejected(
    scp: Scene, refusals: Refusals, called: bytes, calling: bytes, reject: tuple[int, int, int]
) -> None:
    with scp.connect() as stranger:
        stranger.socket.sendall(request(called, calling))
        assert stranger.socket.recv(100) == bytes((3, 0, 0, 0, 0, 4, 0, *reject))
    (line,) = refusals()
    assert line.isprintable()
    assert not scp.files()


@pytest.mark.parametrize("calling", [b"CT1".ljust(16, b"\0"), b"  CT1", b"CT1 \0\0"])
def test_an_ae_title_that_real_devices_pad_is_known(scp: Scene, refusals: Refusals, calling: bytes) -> None:
    with scp.connect() as modality:
        modality.socket.sendall(request(b"EDGE01".ljust(16, b"\0"), calling))
        assert modality.socket.recv(65536)[:1] == b"\x02"
    assert not refusals()


# PDUs at the wrong time


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("instead_of_data", [False, True])
def test_an_a_associate_inside_an_association_is_aborted(
    scp: Scene, refusals: Refusals, kind: int, instead_of_data: bool
) -> None:
    with scp.connect() as modality:
        modality.associate()
        if instead_of_data:
            modality.socket.sendall(message(3, store_rq(b"1.2.3.4")))
        again = bytearray(request(b"EDGE01", b"CT1"))
        again[0] = kind
        modality.socket.sendall(again)
        assert abort_of(modality) == UNEXPECTED_PDU
    assert len(refusals()) == 1 and not scp.files()


# DIMSE messages


@pytest.mark.parametrize("field", [0x0001, 0x0020])
def test_a_data_set_that_was_promised_and_does_not_come_is_not_awaited_for_long(
    impatient: Scene, refusals: Refusals, field: int
) -> None:
    uids = (2, CT.encode() + b"\0"), (0x1000, b"1.2.3.4\0")
    with impatient.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, command_set(field, *uids)))
        began = time.monotonic()
        while modality.socket.recv(4096):
            pass
        assert time.monotonic() - began < 5
    lines = refusals()
    assert "the rest of a PDU or message took too long" in lines[-1]
    assert len([line for line in lines if "ASSOCIATION-ABORTED" in line]) == 1
    assert not impatient.files()


def test_a_command_where_a_data_set_was_promised_is_aborted(scp: Scene, refusals: Refusals) -> None:
    with scp.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, store_rq(b"1.2.3.4")) + message(3, store_rq(b"1.2.3.5")))
        assert abort_of(modality) == UNEXPECTED_PARAMETER
    assert len(refusals()) == 1 and not scp.files()


@pytest.mark.parametrize(
    ("context_id", "command", "status"),
    [
        (3, store_rq(b""), ingest.INVALID_INSTANCE),
        (3, store_rq(b"1.2.3.4", b""), ingest.CLASS_NOT_SUPPORTED),
        (3, store_rq(b"1.2.3.4", b"../x"), ingest.CLASS_NOT_SUPPORTED),
        (3, command_set(0x0001, (2, CT.encode() + b"\0"), (0x1000, b"1.2.3.4\0"), data_set_type=0x0101), 0xC000),
        (3, command_set(0x0001), ingest.INVALID_INSTANCE),
        (3, command_set(0x0020), 0x0211),
        (3, command_set(0x7777), 0x0211),
        (3, command_set(0x0130, (3, b"1.2.3\0"), (0x1001, b"1.2.3\0"), (0x1008, b"\1\0")), 0x0211),
        (1, store_rq(b"1.2.3.4"), 0x0211),
        (3, command_set(0x0030, data_set_type=0x0101), 0x0211),
    ],
)
def test_a_request_that_cannot_be_served_gets_its_status(
    scp: Scene, refusals: Refusals, context_id: int, command: bytes, status: int
) -> None:
    follows = wire.element(0x0800, b"\1\1") not in command
    with scp.connect() as modality:
        modality.associate()
        data = (data_set("1.2.3.4"),) if follows else ()
        assert answer(modality, context_id, command, *data).status == status
    assert len(refusals()) == 1 and not scp.files()


NAMELESS = wire.element(0x0110, b"\x07\0") + wire.element(0x0800, b"\1\1")  # no command field


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"\0",
        b"\xff" * 40,
        NAMELESS,
        wire.element(0x0100, b"\1\0") + wire.element(0x0110, b"\7\0"),  # no data set type
        wire.element(0x0100, b"\1\0") + wire.element(0x0800, b"\1\0"),  # no message id
        wire.element(0x0100, b"\1\0") * 2 + NAMELESS,
        command_set(0x0001)[:-3],
        struct.pack("<HHL", 0, 0x0100, 0xFFFFFFFF) + NAMELESS,
        struct.pack("<HHL", 8, 0x0016, 4) + b"1.2\0" + NAMELESS,
        wire.element(0x0100, b"\1\x80") + NAMELESS,  # a C-STORE-RSP without status
    ],
)
def test_a_command_set_that_is_none_is_aborted(scp: Scene, refusals: Refusals, command: bytes) -> None:
    with scp.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, command))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scp.files()


def test_a_command_set_without_end_is_aborted(scp: Scene, refusals: Refusals) -> None:
    with scp.connect() as modality:
        modality.associate()
        endless = wire.pdu(4, wire.pdv(3, 1, bytes(60_000)))
        modality.socket.sendall(endless * 2)
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scp.files()


def test_a_response_that_nobody_asked_for_stores_nothing(scp: Scene, refusals: Refusals) -> None:
    with scp.connect() as modality:
        modality.associate()
        response = command_set(0x8001, (0x0120, b"\7\0"), (0x0900, b"\0\0"), data_set_type=0x0101)
        modality.socket.sendall(message(3, response))
        assert modality.socket.recv(4096)[:1] == b"\x07"  # A-ABORT
    assert len(refusals()) == 1 and not scp.files()


# PDU lengths


@pytest.mark.parametrize("length", [0, 1, 3, 67, 0x100001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_a_associate_rq_of_an_impossible_length_is_aborted(scp: Scene, refusals: Refusals, length: int) -> None:
    with scp.connect() as stranger:
        stranger.socket.sendall(struct.pack(">BxL", 1, length))
        assert stranger.socket.recv(100) == wire.abort(0, 0)  # AA-1: Sta2 aborts as service user
    assert len(refusals()) == 1


@pytest.mark.parametrize("kind", [4, 5, 7])
@pytest.mark.parametrize("length", [0, 1, 5, 0x00FFFFFF, 0xFFFFFFFF])
def test_a_pdu_of_an_impossible_length_is_aborted(scp: Scene, refusals: Refusals, kind: int, length: int) -> None:
    with scp.connect() as modality:
        modality.associate()
        modality.socket.sendall(struct.pack(">BxL", kind, length))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scp.files()


def test_a_pdu_shorter_than_it_says_is_cut_off(impatient: Scene, refusals: Refusals) -> None:
    with impatient.connect() as modality:
        modality.associate()
        whole = message(3, store_rq(b"1.2.3.4"), data_set("1.2.3.4"))
        modality.socket.sendall(whole[:-10])
        assert modality.socket.recv(100) == b""
    (line,) = refusals()
    assert "took too long" in line and not impatient.files()


def test_a_pdu_longer_than_it_says_is_aborted(scp: Scene, refusals: Refusals) -> None:
    with scp.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, store_rq(b"1.2.3.4")) + b"\xee" * 50)
        assert abort_of(modality) == UNRECOGNIZED_PDU
    assert len(refusals()) == 1 and not scp.files()


@pytest.mark.parametrize("length", [0, 1, 9, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_pdv_that_does_not_fit_its_pdu_is_aborted(scp: Scene, refusals: Refusals, length: int) -> None:
    with scp.connect() as modality:
        modality.associate()
        modality.socket.sendall(wire.pdu(4, struct.pack(">LBB", length, 3, 3) + b"1234"))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scp.files()
