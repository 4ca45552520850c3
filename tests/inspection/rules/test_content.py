"""D28 to D31: what the beginning of a data set, or of a flow, should not hold."""

from __future__ import annotations

import struct

import pytest

from tests.inspection.rules.test_roles_and_queries import element
from tests.inspection.scene import CT, OWN, STRANGER, engine, evidence, rules
from tests.inspection.wire import CT_STORAGE, Wire, command, p_data, pdv

PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + bytes(100)
NO_PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"NE\0\0" + bytes(100)
ELF = b"\x7fELF\2\1\1" + bytes(100)
PRIVATE, DOCUMENT, PIXELS, COMMENT = 0x00091010, 0x00420011, 0x7FE00010, 0x00204000


MACH_O = ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe")
PDF, CDA = b"1.2.840.10008.5.1.4.1.1.104.1", b"1.2.840.10008.5.1.4.1.1.104.2"


def stores(data: bytes, instance: bytes = b"1.2.3", pieces: int = 1, sop_class: bytes = CT_STORAGE) -> list[str]:
    watching = engine()
    talk = Wire(watching, CT, OWN).association()
    more = element(0x00001000, instance)
    talk.client(p_data(pdv(1, 3, command(0x0001, True, sop_class, more))))
    step = -(-len(data) // (2 * pieces)) * 2  # fragments are of an even number of bytes (PS3.8 E.1)
    for at in range(0, len(data), step):
        talk.client(p_data(pdv(1, 2 if at + step >= len(data) else 0, data[at : at + step])))
    return rules(watching)


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("tag", [PRIVATE, PIXELS, DOCUMENT])
@pytest.mark.parametrize("program", [PROGRAM, ELF, b"#!/bin/sh\nid>x\n", b"PK\3\4" + bytes(80)])
def test_d28_a_program_in_a_value(tag: int, program: bytes, pieces: int) -> None:
    assert stores(element(0x00080060, b"CT") + element(tag, program), pieces=pieces) == ["D28"]


@pytest.mark.parametrize(
    ("value", "what", "severity"),
    [
        (PROGRAM, "a Windows program", 1),
        (ELF, "a Linux program (ELF)", 1),
        *((bytes.fromhex(each) + bytes(40), "a macOS or Java program", 1) for each in MACH_O),
        (b"#!/bin/sh\n", "a script", 1),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(40), "an OLE document or installer", 2),
        (b"PK\3\4" + bytes(40), "a ZIP archive", 3),  # vendors keep their own data in those
    ],
)
def test_d28_each_kind(value: bytes, what: str, severity: int) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).association().client(p_data(pdv(1, 3, command(0x0001, True))))
    talk.client(p_data(pdv(1, 2, element(PRIVATE, value))))
    records = watching.take_alerts()
    assert evidence(records, "D28") == f"a value begins like {what}"
    assert records[0]["alert"]["severity"] == severity


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (PRIVATE, NO_PROGRAM),
        (PRIVATE, b"MZ" + bytes(100)),
        (PRIVATE, b"x" + PROGRAM),
        (COMMENT, PROGRAM),
        (PIXELS, b"\x7fEL" + bytes(100)),
        (PIXELS, b"\3\0" * 400),
    ],
)
def test_d28_what_is_none_is_quiet(tag: int, value: bytes) -> None:
    assert stores(element(tag, value)) == []


@pytest.mark.parametrize(
    ("first", "spoke"),
    [
        (bytes(128) + b"DICM" + bytes(50), ["D29"]),
        (ELF.ljust(128, b"\0") + b"DICM" + bytes(50), ["D29"]),
        (b"GET /" + bytes(123) + b"DICX", []),
        (b"GET / HTTP/1.1\r\n" + bytes(100), []),
    ],
)
def test_d29_a_dicom_file_outside_of_dicom(first: bytes, spoke: list[str]) -> None:
    watching = engine()
    Wire(watching, STRANGER, "10.20.0.80", 8080).open().client(first)
    records = watching.take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == spoke
    if b"ELF" in first:
        assert evidence(records, "D29") == "a flow begins with a DICOM file that is a Linux program (ELF) too"
        assert records[0]["alert"]["severity"] == 1


@pytest.mark.parametrize(
    ("sop_class", "value", "spoke"),
    [
        (PDF, b"<html>" + bytes(20), ["D30"]),
        (PDF, b"%PDF-1.7" + bytes(20), []),
        (CDA, b"\xef\xbb\xbf<ClinicalDocument>", []),
        (CDA, b"%PDF-1.7", ["D30"]),
        (PDF.replace(b"104.1", b"104.3"), b"anything", []),
    ],
)
def test_d30_a_document_that_is_not_what_it_says(sop_class: bytes, value: bytes, spoke: list[str]) -> None:
    assert stores(element(DOCUMENT, value), sop_class=sop_class) == spoke


@pytest.mark.parametrize(
    ("uid", "spoke"), [(b"../../etc/cron", ["D31"]), (b"1.2\\3", ["D31"]), (b"1.2.3/4", ["D31"]), (b"1.2.3.4", [])]
)
def test_d31_a_path_where_a_uid_belongs(uid: bytes, spoke: list[str]) -> None:
    assert stores(element(0x00080060, b"CT"), instance=uid) == spoke
    assert stores(element(0x0020000D, uid)) == spoke
