from __future__ import annotations

import io
import struct
import zlib

import pytest
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from appliance.base import limits
from appliance.upper_layer.data_head import DataHead, HeadParser
from tests.upper_layer.wire import BIG_ENDIAN, CT, CUTS, DEFLATED, EXPLICIT, IMPLICIT, Cut

FOUND = DataHead(
    sop_class=CT, sop_instance="1.2.3.4", modality="CT", study="1.2.3.5", series="1.2.3.6", malformed=False
)
NOTHING = DataHead(None, None, None, None, None, malformed=False)
JUNK = DataHead(None, None, None, None, None, malformed=True)


def data_set(**extra: object) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = CT
    ds.SOPInstanceUID = "1.2.3.4"
    ds.Modality = "CT"
    ds.PatientName = "Doe^Jane"
    ds.StudyInstanceUID = "1.2.3.5"
    ds.SeriesInstanceUID = "1.2.3.6"
    ds.InstanceNumber = 1
    for name, value in extra.items():
        setattr(ds, name, value)
    return ds


def encode(ds: Dataset, syntax: str) -> bytes:
    buffer = pydicom_buffer(syntax)
    write_dataset(buffer, ds)
    data: bytes = buffer.getvalue()
    if syntax == DEFLATED:
        deflate = zlib.compressobj(wbits=-15)
        data = deflate.compress(data) + deflate.flush()
    return data


def pydicom_buffer(syntax: str) -> io.BytesIO:
    from pydicom.filebase import DicomBytesIO

    buffer = DicomBytesIO()
    buffer.is_little_endian = syntax != BIG_ENDIAN
    buffer.is_implicit_VR = syntax == IMPLICIT
    return buffer  # type: ignore[return-value]


def parse(data: bytes, syntax: str = EXPLICIT, cut: Cut = CUTS[0]) -> DataHead:
    parser = HeadParser(syntax)
    for piece in cut(data):
        buffer = bytearray(piece)
        parser.feed(memoryview(buffer))
        buffer.clear()
    return parser.result()


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    size = len(value) if length is None else length
    if vr in (b"SQ", b"UN", b"OB", b"OW", b"UT", b"UC", b"ZZ"):
        return head + struct.pack("<xxL", size) + value
    return head + struct.pack("<H", size) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


UNDEFINED = 0xFFFFFFFF
ITEM_END = implicit(0xFFFEE00D, b"")
SEQUENCE_END = implicit(0xFFFEE0DD, b"")
INSTANCE = explicit(0x00080018, b"UI", b"1.2.3.4\0")
SERIES = explicit(0x0020000E, b"UI", b"1.2.3.6\0")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, "1.2.3.4.5", "1.2.840.10008.1.2.4.50"])
def test_every_encoding(syntax: str, cut: Cut) -> None:
    assert parse(encode(data_set(), syntax), syntax, cut) == FOUND


def nested(depth: int, undefined: bool) -> Sequence:
    item = Dataset()
    item.ReferencedSOPInstanceUID = "9.9.9"
    item.SOPInstanceUID = "6.6.6"
    item.SeriesInstanceUID = "6.6.6"
    item.is_undefined_length_sequence_item = undefined
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([item, item])
        outer["ReferencedImageSequence"].is_undefined_length = undefined
        outer.is_undefined_length_sequence_item = undefined
        item = outer
    return Sequence([item])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_sequences_are_walked_not_descended_into(syntax: str, undefined: bool, cut: Cut) -> None:
    ds = data_set(ReferencedStudySequence=nested(3, undefined), ProcedureCodeSequence=Sequence([]))
    ds["ReferencedStudySequence"].is_undefined_length = undefined
    ds["ProcedureCodeSequence"].is_undefined_length = undefined
    assert parse(encode(ds, syntax), syntax, cut) == FOUND


def test_sequences_nested_600_deep() -> None:
    depth = 600
    inner = b""
    for _ in range(depth):
        inner = implicit(0xFFFEE000, inner, UNDEFINED) if inner else implicit(0xFFFEE000, b"", UNDEFINED)
        inner = explicit(0x00081115, b"SQ", inner + ITEM_END, UNDEFINED) + SEQUENCE_END
    assert parse(INSTANCE + inner + SERIES).series == "1.2.3.6"


def test_sequences_without_an_end() -> None:
    opening = explicit(0x00081115, b"SQ", implicit(0xFFFEE000, b"", UNDEFINED), UNDEFINED)
    parser = HeadParser(EXPLICIT)
    parser.feed(INSTANCE + opening * 10000)
    assert parser.done
    assert parser.result() == DataHead(None, "1.2.3.4", None, None, None, malformed=False)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_an_unknown_of_undefined_length_is_implicit_inside(syntax: str) -> None:
    inside = implicit(0x00081115, implicit(0xFFFEE000, implicit(0x00080018, b"6.6.6\0"), UNDEFINED), UNDEFINED)
    unknown = implicit(0xFFFEE000, inside + ITEM_END + SEQUENCE_END, UNDEFINED) + ITEM_END + SEQUENCE_END
    if syntax == EXPLICIT:
        data = INSTANCE + explicit(0x00091001, b"UN", unknown, UNDEFINED) + SERIES
    else:
        data = (
            bytes.fromhex("0008 0018 5549 0008")
            + b"1.2.3.4\0"
            + bytes.fromhex("0009 1001 554e 0000 ffffffff")
            + unknown
            + bytes.fromhex("0020 000e 5549 0008")
            + b"1.2.3.6\0"
        )
    head = parse(data, syntax)
    assert (head.sop_instance, head.series, head.malformed) == ("1.2.3.4", "1.2.3.6", False)


def test_a_vr_of_the_future_has_a_long_length() -> None:
    assert parse(INSTANCE + explicit(0x00091001, b"ZZ", b"abcd") + SERIES).series == "1.2.3.6"


def test_the_parser_stops_past_the_series() -> None:
    parser = HeadParser(EXPLICIT)
    parser.feed(INSTANCE + SERIES)
    assert parser.done
    parser = HeadParser(EXPLICIT)
    parser.feed(INSTANCE + explicit(0x00200010, b"SH", b"")[:7])
    assert not parser.done
    parser.feed(b"\0")
    assert parser.done


def test_what_comes_after_done_is_not_looked_at() -> None:
    parser = HeadParser(EXPLICIT)
    parser.feed(INSTANCE + SERIES + INSTANCE)
    parser.feed(b"junk" * 1000)
    assert parser.result() == DataHead(None, "1.2.3.4", None, None, "1.2.3.6", malformed=False)


def test_elements_out_of_order_end_the_head() -> None:
    other = explicit(0x00080018, b"UI", b"6.6.6\0")
    head = parse(INSTANCE + other + SERIES)
    assert (head.sop_instance, head.series, head.malformed) == ("1.2.3.4", None, True)


@pytest.mark.parametrize(
    "value", [b"../../x\0", b"..", b"/etc/passwd\0", b"1.2\x003.4", b"", b"1." * 33, b"1.2\\1.3", b"x" * 1000]
)
def test_values_that_are_no_uid(value: bytes) -> None:
    head = parse(explicit(0x00080018, b"UI", value) + SERIES)
    assert (head.sop_instance, head.series, head.malformed) == (None, "1.2.3.6", False)


@pytest.mark.parametrize(
    ("value", "modality"), [(b"CT", "CT"), (b"OT ", "OT"), (b"", None), (b"ct", None), (b"A\\B", None)]
)
def test_modalities(value: bytes, modality: str | None) -> None:
    assert parse(explicit(0x00080060, b"CS", value) + SERIES).modality == modality


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("data", "syntax", "expected"),
    [
        (b"", EXPLICIT, NOTHING),
        (INSTANCE[:-1], EXPLICIT, NOTHING),
        (b"\xff" * 100, EXPLICIT, JUNK),
        (b"\xff" * 100, IMPLICIT, NOTHING),  # a tag past the series
        (bytes(128) + b"DICM" + bytes(100), EXPLICIT, JUNK),
        (bytes(128) + b"DICM" + bytes(100), IMPLICIT, JUNK),
        (b"GET / HTTP/1.1\r\n\r\n", EXPLICIT, JUNK),
        (bytes.fromhex("08000500 01020304"), EXPLICIT, JUNK),
        (b"\xff" * 100, DEFLATED, JUNK),
        (b"", DEFLATED, NOTHING),
    ],
    ids=range(10),
)
def test_junk(data: bytes, syntax: str, expected: DataHead, cut: Cut) -> None:
    assert parse(data, syntax, cut) == expected


def test_an_element_that_reaches_beyond_the_head() -> None:
    parser = HeadParser(EXPLICIT)
    parser.feed(INSTANCE + explicit(0x00091001, b"OB", b"", 1 << 30))
    assert parser.done
    assert parser.result().sop_instance == "1.2.3.4"


def test_an_element_that_fills_the_head() -> None:
    room = limits.DATASET_HEAD.default - len(INSTANCE) - 12
    filler = explicit(0x00091001, b"OB", bytes(room - len(SERIES)))
    assert parse(INSTANCE + filler + SERIES).series == "1.2.3.6"
    filler = explicit(0x00091001, b"OB", bytes(room - len(SERIES) + 2))
    assert parse(INSTANCE + filler + SERIES).series is None


def bomb() -> bytes:
    deflate = zlib.compressobj(9, wbits=-15)
    zeros = explicit(0x00091001, b"OB", b"", 1 << 30) + bytes(1 << 26)
    return deflate.compress(INSTANCE + zeros) + deflate.flush()


def test_a_deflated_bomb() -> None:
    parser = HeadParser(DEFLATED)
    parser.feed(bomb())
    assert parser.done
    assert parser.result().sop_instance == "1.2.3.4"


def test_a_deflated_stream_of_nothing() -> None:
    parser = HeadParser(DEFLATED)
    empty_block = bytes.fromhex("000000ffff")
    fed = 0
    while not parser.done:
        parser.feed(empty_block * 100)
        fed += 500
    assert fed <= limits.DATASET_HEAD.default + 500


def test_the_head_alone_is_kept_and_let_go() -> None:
    parser = HeadParser(IMPLICIT)
    most = 0
    tag = 0x00090000
    while not parser.done:
        tag += 1
        parser.feed(implicit(tag, b"x" * 92))
        most = max(most, len(parser._head))
    assert 0 < most <= limits.DATASET_HEAD.default
    assert not parser._head


def test_a_head_shows_nothing() -> None:
    assert repr(FOUND) == "DataHead(malformed=False)"
