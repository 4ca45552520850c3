"""Data sets for the tests of transcoding: pydicom's files, files that DCMTK made of them, and elements by hand."""

from __future__ import annotations

import struct
import subprocess
import zlib
from io import BytesIO
from pathlib import Path

from pydicom.data import data_manager
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from appliance.delivery.elements import SHORT
from appliance.delivery.file_meta import FileMeta, parse_file_meta

FILES = Path(data_manager.__file__).parent / "test_files"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
RLE, JPEG, J2K = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def content(name: str) -> tuple[FileMeta, bytes]:
    """What one of pydicom's files says of itself, and its data set."""
    return part10((FILES / name).read_bytes())


def part10(whole: bytes) -> tuple[FileMeta, bytes]:
    """The same of a Part 10 file."""
    meta = parse_file_meta(whole)
    return meta, whole[meta.data_set_offset :]


def made(directory: Path, name: str, *program: str) -> tuple[FileMeta, bytes]:
    """The same of what a program of DCMTK makes of one of pydicom's files."""
    path = directory / f"{program[0]}-{name}"
    subprocess.run([*program, str(FILES / name), str(path)], check=True, timeout=30, capture_output=True)
    return part10(path.read_bytes())


def read(data: bytes, syntax: str) -> Dataset:
    """A data set as pydicom reads it."""
    if syntax == DEFLATED:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    dataset: Dataset = read_dataset(BytesIO(data), syntax == IMPLICIT, syntax != BIG_ENDIAN)
    return dataset


def element(tag: int, vr: str, value: bytes, *, big: bool = False, length: int | None = None) -> bytes:
    """An element in Explicit VR."""
    length, order = len(value) if length is None else length, "><"[not big]
    layout = "HH2sH" if vr in SHORT else "HH2sxxL"
    return struct.pack(order + layout, tag >> 16, tag & 0xFFFF, vr.encode(), length) + value


def implicit(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    """An element in Implicit VR."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes) -> bytes:
    """An item that says its length."""
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def undefined(content: bytes) -> bytes:
    """An item that ends with its delimiter."""
    return struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + content + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)


def sequence(tag: int, *items: bytes, undefined_length: bool = False) -> bytes:
    """A sequence in Explicit VR."""
    if undefined_length:
        return element(tag, "SQ", b"".join(items) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), length=0xFFFFFFFF)
    return element(tag, "SQ", b"".join(items))
