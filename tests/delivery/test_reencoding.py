"""Data sets written in another transfer syntax: the same elements, the same pixels."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.base import limits
from appliance.delivery.elements import NotADataSet
from appliance.delivery.pixels import NoCodec, Undecodable
from appliance.delivery.reencoding import PixelOrder, TooLong, reencode
from tests.delivery.instances import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    J2K,
    RLE,
    content,
    element,
    implicit,
    item,
    made,
    read,
    sequence,
    undefined,
)

TARGETS = (EXPLICIT, IMPLICIT)
PLAIN = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm",
    "SC_rgb_small_odd.dcm", "examples_overlay.dcm", "examples_palette.dcm", "liver_1frame.dcm",
    "liver_expb_1frame.dcm", "priv_SQ.dcm", "reportsi.dcm", "rtplan.dcm", "rtdose_1frame.dcm", "test-SR.dcm",
    "waveform_ecg.dcm", "SC_ybr_full_422_uncompressed.dcm", "ExplVR_BigEnd.dcm",
)  # fmt: skip
COMPRESSED = (
    "MR_small_RLE.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_2frame.dcm",
    "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_rle_32bit.dcm", "SC_rgb_rle_32bit_2frame.dcm",
)  # fmt: skip
UID = element(0x00080018, "UI", b"2.999.1\0")

# pydicom warns of what some of its files are there for.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")


def written(data: bytes, source: str, target: str) -> bytes:
    out = BytesIO()
    reencode(memoryview(data), source, target, out.write)
    return out.getvalue()


def values(dataset: Dataset, *without: str) -> dict[int, Any]:
    """Every value by its tag; the group lengths are left out, as the standard has it."""
    return {
        int(each.tag): [values(item) for item in each.value] if isinstance(each.value, Sequence) else each.value
        for each in dataset
        if each.tag.element and each.keyword not in without
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", PLAIN)
def test_every_element_has_the_value_that_it_had(name: str, target: str) -> None:
    meta, data = content(name)
    before, after = read(data, meta.transfer_syntax), read(written(data, meta.transfer_syntax, target), target)
    if meta.transfer_syntax == BIG_ENDIAN and before.get("BitsAllocated") == 16:
        assert after.PixelData != before.PixelData
        turned = bytearray(before.PixelData)
        turned[::2], turned[1::2] = before.PixelData[1::2], before.PixelData[::2]
        before.PixelData = bytes(turned)
    if meta.transfer_syntax == EXPLICIT and target == IMPLICIT:  # what it says of private elements is lost with the VR
        for dataset in (before, after):
            dataset.remove_private_tags()
    assert values(before) == values(after)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", COMPRESSED)
def test_rle_gives_the_pixels_that_dcmtk_gives(name: str, target: str, tmp_path: Path) -> None:
    meta, data = content(name)
    assert meta.transfer_syntax == RLE
    after = read(written(data, RLE, target), target)
    oracle, decoded = made(tmp_path, name, "dcmdrle", "+te")
    expected = read(decoded, oracle.transfer_syntax)
    assert expected.get("PlanarConfiguration", 0) == 0
    assert values(after) == values(expected)
    assert values(after, "PixelData") == values(read(data, RLE), "PixelData")


@pytest.mark.parametrize("name", ["SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm"])
def test_planes_become_pixels_and_the_data_set_says_so(name: str) -> None:
    _, data = content(name)
    by_plane = data.replace(element(0x00280006, "US", b"\0\0"), element(0x00280006, "US", b"\1\0"))
    assert by_plane != data
    assert written(by_plane, RLE, EXPLICIT) == written(data, RLE, EXPLICIT)


def test_an_odd_length_of_pixels_is_padded(tmp_path: Path) -> None:
    _, compressed = made(tmp_path, "SC_rgb_small_odd.dcm", "dcmcrle")
    _, plain = content("SC_rgb_small_odd.dcm")
    before, after = read(plain, EXPLICIT), read(written(compressed, RLE, EXPLICIT), EXPLICIT)
    assert before.Rows * before.Columns * 3 % 2 == 1
    assert len(after.PixelData) % 2 == 0 and after["PixelData"].VR == "OB"
    assert values(after) == values(before)


def test_a_deflated_data_set_is_inflated(tmp_path: Path) -> None:
    _, deflated = made(tmp_path, "CT_small.dcm", "dcmconv", "+td")
    _, plain = made(tmp_path, "CT_small.dcm", "dcmconv", "+te")
    assert values(read(written(deflated, DEFLATED, EXPLICIT), EXPLICIT)) == values(read(plain, EXPLICIT))


def test_there_and_back_again_nothing_is_lost() -> None:
    """Explicit as Implicit and back: the VRs of private elements are lost on the way, and no value."""
    _, data = content("CT_small.dcm")
    back = written(written(data, EXPLICIT, IMPLICIT), IMPLICIT, EXPLICIT)
    before, after = read(data, EXPLICIT), read(back, EXPLICIT)
    assert [each.tag for each in before] == [each.tag for each in after]
    for each in before:
        if not each.tag.is_private:
            assert (after[each.tag].VR, after[each.tag].value) == (each.VR, each.value)


def test_what_implicit_vr_does_not_say_is_looked_up_or_unknown() -> None:
    data = (
        implicit(0x00090010, b"MAKER ")
        + implicit(0x00091001, b"\xff\xfe\xfd\xfc")
        + implicit(0x00091002, undefined(implicit(0x00091003, b"ab")) + implicit(0xFFFEE0DD, b""), length=0xFFFFFFFF)
        + implicit(0x00280103, b"\1\0")
        + implicit(0x00280106, b"\xff\xff")
        + implicit(0x00281101, b"\0\0\0\0\x10\0")
        + implicit(0x60003000, b"ab")
        + implicit(0x7FE00010, b"abcd")
    )
    assert written(data, IMPLICIT, EXPLICIT) == (
        element(0x00090010, "LO", b"MAKER ")
        + element(0x00091001, "UN", b"\xff\xfe\xfd\xfc")
        + sequence(0x00091002, undefined(element(0x00091003, "UN", b"ab")), undefined_length=True)
        + element(0x00280103, "US", b"\1\0")
        + element(0x00280106, "SS", b"\xff\xff")
        + element(0x00281101, "SS", b"\0\0\0\0\x10\0")
        + element(0x60003000, "OW", b"ab")
        + element(0x7FE00010, "OW", b"abcd")
    )
    assert written(implicit(0x00280106, b"\xff\xff"), IMPLICIT, EXPLICIT) == element(0x00280106, "US", b"\xff\xff")


def test_a_value_too_long_for_its_vr_becomes_un() -> None:
    points = b"1.5\\" * 20000
    assert written(implicit(0x30060050, points), IMPLICIT, EXPLICIT) == element(0x30060050, "UN", points)


def test_a_un_without_a_length_keeps_what_it_holds() -> None:
    inside = undefined(implicit(0x00091002, b"ab") + implicit(0x00080018, b"2.999.1\0"))
    unknown = inside + implicit(0xFFFEE0DD, b"")
    for source in (EXPLICIT, BIG_ENDIAN):
        big = source == BIG_ENDIAN
        data = element(0x00091001, "UN", unknown, length=0xFFFFFFFF, big=big)
        assert written(data, source, IMPLICIT) == implicit(0x00091001, unknown, length=0xFFFFFFFF)
        assert written(data, source, EXPLICIT) == element(0x00091001, "UN", unknown, length=0xFFFFFFFF)


def test_group_lengths_are_left_out_and_items_lose_their_lengths() -> None:
    length = element(0x00080000, "UL", struct.pack("<L", 99))
    data = length + sequence(0x00081115, item(length + UID), item(b"")) + sequence(0x00081140)
    assert written(data, EXPLICIT, EXPLICIT) == sequence(
        0x00081115, undefined(UID), undefined(b""), undefined_length=True
    ) + sequence(0x00081140)


@pytest.mark.parametrize(
    ("vr", "big", "little"),
    [
        ("US", b"\1\2", b"\2\1"),
        ("AT", b"\0\x28\1\2", b"\x28\0\2\1"),
        ("FL", b"\1\2\3\4", b"\4\3\2\1"),
        ("OF", b"\1\2\3\4\5\6\7\x08", b"\4\3\2\1\x08\7\6\5"),
        ("FD", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        ("UV", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        ("OB", b"\1\2", b"\1\2"),
        ("UN", b"\1\2", b"\1\2"),
        ("LO", b"ab", b"ab"),
    ],
)
def test_words_of_big_endian_are_turned(vr: str, big: bytes, little: bytes) -> None:
    value = element(0x00091001, vr, big, big=True)
    items = struct.pack(">HHL", 0xFFFE, 0xE000, len(value)) + value
    data = value + element(0x00091002, "SQ", items, big=True)
    inside = element(0x00091001, vr, little)
    assert written(data, BIG_ENDIAN, EXPLICIT) == inside + sequence(
        0x00091002, undefined(inside), undefined_length=True
    )


def test_what_cannot_be_done_without_a_doubt_is_not_done() -> None:
    _, dose = content("rtdose_expb.dcm")
    with pytest.raises(PixelOrder):
        written(dose, BIG_ENDIAN, EXPLICIT)
    with pytest.raises(NotADataSet, match="words are not known"):
        written(element(0x00091001, "XX", b"ab", big=True), BIG_ENDIAN, EXPLICIT)
    with pytest.raises(NotADataSet, match="ends within a word"):
        written(element(0x00091001, "US", b"abc", big=True), BIG_ENDIAN, EXPLICIT)
    with pytest.raises(NoCodec):
        written(content("MR_small_jp2klossless.dcm")[1], J2K, EXPLICIT)
    with pytest.raises(NotADataSet, match="none of a compression"):
        written(content("MR_small_RLE.dcm")[1], EXPLICIT, IMPLICIT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (element(0x00280010, "US", b"\x40\0"), element(0x00280010, "US", b"\x41\0")),  # a row more
        (element(0x00280010, "US", b"\x40\0"), element(0x00280010, "US", b"\x3f\0")),  # a row less
        (element(0x00280010, "US", b"\x40\0"), b""),
        (element(0x00280100, "US", b"\x10\0"), element(0x00280100, "US", b"\x20\0")),
        (element(0x00280010, "US", b"\x40\0"), element(0x00280008, "IS", b"2 ") + element(0x00280010, "US", b"\x40\0")),
        (element(0x00280010, "US", b"\x40\0"), element(0x00280008, "IS", b"x ") + element(0x00280010, "US", b"\x40\0")),
        (struct.pack("<L", 2), struct.pack("<L", 3)),  # the segments of its one frame
    ],
)  # fmt: skip
def test_pixels_that_are_not_what_the_data_set_says_are_refused(old: bytes, new: bytes) -> None:
    _, data = content("MR_small_RLE.dcm")
    assert old in data
    at = data.rindex(old, 0, data.index(b"OB\0\0\xff\xff\xff\xff") + 40)
    with pytest.raises((Undecodable, NotADataSet)):
        written(data[:at] + new + data[at + len(old) :], RLE, EXPLICIT)


def test_a_bomb_is_not_inflated() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = b"\0" * (1 << 20)
    data = b"".join(deflater.compress(zeros) for _ in range((limits.TRANSCODE_SIZE.default >> 20) + 1))
    with pytest.raises(TooLong):
        written(data + deflater.flush(), DEFLATED, EXPLICIT)


@pytest.mark.parametrize("data", [b"", b"\0", b"garbage that nobody deflated", zlib.compress(UID)[2:-6]])
def test_what_does_not_inflate_is_refused(data: bytes) -> None:
    with pytest.raises(NotADataSet):
        written(data, DEFLATED, EXPLICIT)
