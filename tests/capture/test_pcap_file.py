"""Captures that somebody made, with other people's tools and by hand."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from appliance.capture.pcap_file import PcapFile, PcapUnreadable
from appliance.capture.source import Source
from tests.capture.lab import needs, run
from tests.inspection.test_engine import recorded

MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D


def classic(frames: list[tuple[float, bytes, int]], magic: int = MICRO, endian: str = "<", linktype: int = 1) -> bytes:
    """A pcap file."""
    out = [struct.pack(endian + "IHHIIII", magic, 2, 4, 0, 0, 262144, linktype)]
    unit = 1e9 if magic == NANO else 1e6
    for when, data, length in frames:
        out += [struct.pack(endian + "IIII", int(when), round(when % 1 * unit), len(data), length), data]
    return b"".join(out)


FRAMES = [(1_700_000_000.25, b"\0" * 12 + b"\x08\0" + bytes(50), 64), (1_700_000_001.5, bytes(60), 1500)]


@pytest.mark.parametrize("magic", [MICRO, NANO])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_pcap_of_either_endianness_and_resolution(tmp_path: Path, magic: int, endian: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(classic(FRAMES, magic, endian))
    file = PcapFile(path)
    assert [(when, bytes(data), length) for when, data, length, _ in file] == FRAMES
    assert file.progress == 1.0
    file.close()


def test_gzipped_and_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap.gz"
    path.write_bytes(gzip.compress(classic(FRAMES)))
    file = PcapFile(path)
    assert len(list(file)) == 2
    file.close()
    path = tmp_path / "y.pcap"
    path.write_bytes(classic(FRAMES)[:-70])
    file = PcapFile(path)
    assert len(list(file)) == 1
    file.close()


def block(kind: int, body: bytes, endian: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(endian + "II", kind, 12 + len(body)) + body + struct.pack(endian + "I", 12 + len(body))


def section(*interfaces: tuple[int, int], endian: str = "<") -> bytes:
    """A pcapng section; of each interface its link type and the resolution of its times (1 s = 10**n)."""
    head = block(0x0A0D0D0A, struct.pack(endian + "IHHq", 0x1A2B3C4D, 1, 0, -1), endian)
    return head + b"".join(
        block(1, struct.pack(endian + "HHI", link, 0, 0) + struct.pack(endian + "HHB3xI", 9, 1, digits, 0), endian)
        for link, digits in interfaces
    )


def packet(interface: int, stamp: int, data: bytes, endian: str = "<") -> bytes:
    head = struct.pack(endian + "5I", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, endian)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_each_interface_and_each_section_has_its_own_clock_and_link(tmp_path: Path, endian: str) -> None:
    path, second = tmp_path / "x.pcapng", 1_700_000_000
    raw = bytes((0x45,)) + bytes(19)
    one = section((1, 9), (101, 6), endian=endian) + packet(1, second * 10**6, raw, endian)
    one += packet(0, second * 10**9 + 5 * 10**8, bytes(60), endian)
    two = section((101, 3), endian=endian) + packet(0, (second + 2) * 1000, raw, endian)
    path.write_bytes(one + two)  # as of `cat`
    file = PcapFile(path)
    found = [(when, bytes(data)) for when, data, _, _ in file]
    ethernet = bytes(12) + b"\x08\0" + raw
    assert found == [(second, ethernet), (second + 0.5, bytes(60)), (second + 2, ethernet)]
    assert not file.cut
    file.close()


@pytest.mark.parametrize("whole", [classic(FRAMES), section((1, 6)) + packet(0, 1, bytes(60)) * 2], ids=["pcap", "ng"])
def test_a_file_that_is_cut_short_or_damaged_says_so(tmp_path: Path, whole: bytes) -> None:
    def read(content: bytes) -> tuple[int, bool]:
        path = tmp_path / "x.pcap"
        path.write_bytes(content)
        file = PcapFile(path)
        count = len(list(file))
        file.close()
        return count, file.cut

    assert read(whole) == read(gzip.compress(whole)) == (2, False)
    for missing in (1, 5, 30, 65, 75):
        assert read(whole[:-missing])[1], missing
    assert read(gzip.compress(whole)[:-9])[1]
    huge = b"\xff\xff\xff\x7f"
    if whole[:4] == b"\x0a\x0d\x0d\x0a":
        at = len(whole) - len(packet(0, 1, bytes(60)))
        assert read(whole[: at + 4] + huge + whole[at + 8 :]) == (1, True)  # no more is read than a block can have
        assert read(whole[: at + 4] + bytes(4) + whole[at + 8 :]) == (1, True)
    else:
        assert read(whole[:-60][:-8] + huge + whole[-64:])[1]


IP = b"\x45" + bytes(19)


@pytest.mark.parametrize(
    ("linktype", "data", "frame"),
    [
        (101, IP, bytes(12) + b"\x08\0" + IP),
        (101, b"\x60" + bytes(39), bytes(12) + b"\x86\xdd" + b"\x60" + bytes(39)),
        (113, bytes(14) + b"\x08\0" + IP, bytes(12) + b"\x08\0" + IP),
        (276, b"\x08\0" + bytes(18) + IP, bytes(12) + b"\x08\0" + IP),
    ],
)
def test_captures_of_any_interface_become_frames(tmp_path: Path, linktype: int, data: bytes, frame: bytes) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(classic([(1.0, data, len(data))], linktype=linktype))
    file = PcapFile(path)
    ((_, found, length, _),) = list(file)
    file.close()
    assert (found, length) == (frame, len(frame))


def test_frames_of_other_links_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(classic(FRAMES, linktype=105))
    file = PcapFile(path)
    assert list(file) == []
    assert file.passed_over == 2
    file.close()


@needs("editcap")
@pytest.mark.parametrize("form", ["pcapng", "nsecpcap", "pcap"])
def test_what_wiresharks_editcap_writes_is_read(tmp_path: Path, form: str) -> None:
    one, two = tmp_path / "x.pcap", tmp_path / "y"
    one.write_bytes(classic(FRAMES))
    run("editcap", "-F", form, str(one), str(two))
    file = PcapFile(two)
    assert [(round(when, 6), bytes(data), length) for when, data, length, _ in file] == FRAMES
    file.close()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8bnot gzip", classic([])[:10], b"\x0a\x0d\x0d\x0a\0\0"])
def test_what_is_no_capture_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(PcapUnreadable):
        list(PcapFile(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PcapUnreadable, match="No such file"):
        PcapFile(tmp_path / "missing.pcap")


def test_an_association_reads_back_as_it_was(tmp_path: Path) -> None:
    packets = recorded()
    path = tmp_path / "x.pcap"
    path.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in packets]))
    file = PcapFile(path)
    assert [bytes(data) for _, data, _, _ in file] == [data for _, data, _, _ in packets]
    file.close()


def test_a_file_is_a_source_as_an_interface_is(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    frames = [(now, bytes(data), length) for now, data, length, _ in recorded()]
    path.write_bytes(classic(frames * 300))
    source: Source = PcapFile(path)
    assert source.how == "capture file"
    sizes = [len(list(batch)) for batch in source.batches(-1, 1.0)]
    assert sum(sizes) == 300 * len(frames)
    assert max(sizes) == 2000
    assert source.losses() == (0, False)
    source.close()
