"""What the demo's modality sends: the DICOM files that pydicom ships, and a generated CT series."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.data import data_manager
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS = COLUMNS = 512
PATIENT = ("Quillfeather^Ambrosia^T", "DEMO-7741-0093")
_WORDS = ("PatientName", "PatientID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "AccessionNumber")
_SHORTEST_WORD = 6  # shorter ones occur in random bytes by chance

# DCMTK's storescu proposes one compressed transfer syntax a run; its option by transfer syntax.
PROPOSALS = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


@dataclass(frozen=True, slots=True)
class Image:
    """A file to send: its SOP Instance UID, how it is proposed, and the words in it that nobody may find at rest."""

    path: Path
    instance: str
    proposal: str
    words: frozenset[str]


def real_files(into: Path) -> list[Image]:
    """pydicom's files that a storescu can send, each with a SOP Instance UID of its own.

    Several of them are versions of one instance. A UID that was seen before is replaced in the bytes by another of the
    same length, so that odd encodings stay as odd as they are.
    """
    into.mkdir()
    seen: set[str] = set()
    images = []
    source = Path(data_manager.__file__).parent / "test_files"
    for path in sorted(source.glob("*.dcm")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = pydicom.dcmread(path, stop_before_pixels=True)
            except (pydicom.errors.InvalidDicomError, OSError):
                continue
        syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
        uid = str(dataset.get("SOPInstanceUID", ""))
        if syntax not in PROPOSALS or not uid or "SOPClassUID" not in dataset:
            continue
        content = path.read_bytes()
        if uid in seen:
            fresh = next(each for n in itertools.count(1) if (each := _same_length(uid, n)) not in seen)
            if content.count(uid.encode()) < 2:
                continue  # deflated: the UID cannot be replaced in place
            content, uid = content.replace(uid.encode(), fresh.encode()), fresh
        seen.add(uid)
        copy = into / path.name
        copy.write_bytes(content)
        images.append(Image(copy, uid, PROPOSALS[syntax], _words(dataset) | {uid}))
    return images


def _same_length(uid: str, number: int) -> str:
    """Another UID of the same length: the last digits count."""
    tail = str(number)
    return uid[: len(uid) - len(tail)] + tail


def ct_series(into: Path, count: int) -> Iterator[Image]:
    """A CT series of `count` instances of 0.5 MB, written as it is asked for."""
    into.mkdir()
    noise = random.Random(2762)  # noqa: S311 - pixels, not keys
    study, series, root = generate_uid(), generate_uid(), generate_uid()[:40]
    for number in range(1, count + 1):
        dataset = _ct(f"{root}.{number}", study, series, number, noise.randbytes(ROWS * COLUMNS * 2))
        path = into / f"ct{number:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        yield Image(path, str(dataset.SOPInstanceUID), "-xe", _words(dataset))


def large_ct(path: Path, megabytes: int) -> Image:
    """One multi-frame-sized CT instance, mostly zeros, for showing that memory does not follow the size."""
    dataset = _ct(generate_uid(), generate_uid(), generate_uid(), 1, bytes(megabytes << 20))
    dataset.NumberOfFrames = (megabytes << 20) // (ROWS * COLUMNS * 2)
    dataset.save_as(path, enforce_file_format=True)
    return Image(path, str(dataset.SOPInstanceUID), "-xe", _words(dataset))


def _ct(instance: str, study: str, series: str, number: int, pixels: bytes) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = instance
    dataset.StudyDate, dataset.StudyTime = "20261122", "093000"
    dataset.AccessionNumber = "ACC-552018"
    dataset.Modality = "CT"
    dataset.PatientName, dataset.PatientID = PATIENT
    dataset.PatientBirthDate, dataset.PatientSex = "19710304", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, number
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.PixelData = pixels
    return dataset


def _words(dataset: pydicom.Dataset) -> frozenset[str]:
    """The names, ids and UIDs in a data set that are long enough to be searched for."""
    found = (str(dataset.get(keyword, "")) for keyword in _WORDS)
    return frozenset(word for word in found if len(word) >= _SHORTEST_WORD)
