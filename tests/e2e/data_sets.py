"""Data sets to send, one for each way of encoding them, each with a SOP Instance UID of its own.

They are pydicom's files, or made from one of them by DCMTK. What is replaced keeps its length, so that odd bytes stay.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.data import data_manager

from appliance.cli.demo.dcmtk import data_set

SOURCES = Path(data_manager.__file__).parent / "test_files"
PRIVATE_CLASS = "1.3.12.2.1107.5.9.1"  # Siemens CSA Non-Image Storage, the private class that is seen most

# By name: transfer syntax, pydicom's file, the DCMTK program that makes it of the file.
ENCODINGS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "implicit": ("1.2.840.10008.1.2", "MR_small_implicit.dcm", ()),
    "explicit": ("1.2.840.10008.1.2.1", "MR_small.dcm", ()),
    "big-endian": ("1.2.840.10008.1.2.2", "MR_small_bigendian.dcm", ()),
    "deflated": ("1.2.840.10008.1.2.1.99", "MR_small.dcm", ("dcmconv", "+td")),
    "jpeg-baseline": ("1.2.840.10008.1.2.4.50", "SC_rgb_jpeg_dcmtk.dcm", ()),
    "jpeg-lossless": ("1.2.840.10008.1.2.4.70", "MR_small.dcm", ("dcmcjpeg", "+e1")),
    "jpeg-2000-lossless": ("1.2.840.10008.1.2.4.90", "MR_small_jp2klossless.dcm", ()),
    "jpeg-2000": ("1.2.840.10008.1.2.4.91", "JPEG2000.dcm", ()),
    "rle": ("1.2.840.10008.1.2.5", "MR_small_RLE.dcm", ()),
    "private-class": ("1.2.840.10008.1.2.1", "MR_small.dcm", ()),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A Part 10 file, and what a command set says of it."""

    path: Path
    encoding: str
    sop_class: str
    instance: str
    transfer_syntax: str

    @property
    def data_set(self) -> bytes:
        """Its bytes behind the File Meta Information."""
        return data_set(self.path.read_bytes())


def sample(encoding: str, into: Path, dice: random.Random) -> Sample:
    """A new instance in one of `ENCODINGS`."""
    syntax, source, program = ENCODINGS[encoding]
    content = (SOURCES / source).read_bytes()
    dataset = pydicom.dcmread(SOURCES / source, stop_before_pixels=True)
    old, sop_class = str(dataset.SOPInstanceUID), str(dataset.SOPClassUID)
    new = "2.999." + "".join(str(dice.randint(1, 9)) for _ in old[6:])
    assert content.count(old.encode()) >= 2
    path = into / f"{encoding}-{new[-12:]}.dcm"
    path.write_bytes(content.replace(old.encode(), new.encode()))
    if program:
        made = path.with_suffix(".made.dcm")
        subprocess.run([*program, str(path), str(made)], check=True, timeout=30)
        if len(made.read_bytes()) % 2:  # a deflated stream is padded to an even length, PS3.5 A.5; dcmconv forgets it
            made.write_bytes(made.read_bytes() + b"\0")
        path = made
    if encoding == "private-class":
        whole, sop_class = pydicom.dcmread(path), PRIVATE_CLASS
        whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = PRIVATE_CLASS
        whole.save_as(path)
    return Sample(path, encoding, sop_class, new, syntax)
