"""What is sent in the benchmarks: the sizes of real studies. Pixels are noise, made once below build/bench."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid


@dataclass(frozen=True, slots=True)
class Input:
    """A series: its name, and the files."""

    name: str
    directory: Path

    @property
    def files(self) -> list[str]:
        return sorted(str(path) for path in self.directory.glob("*.dcm"))

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.directory.glob("*.dcm"))


CT, SMALL, LARGE = "200 CT of 0.5 MB", "1000 of 13 kB", "one of 420 MB"
SERIES = {
    CT: ("ct", CTImageStorage, [524_288] * 200),
    SMALL: ("small", CTImageStorage, [12_800] * 1000),
    LARGE: ("large", CTImageStorage, [420_000_000]),
    "20 CR/DX of 6 to 11 MB": (
        "mix",
        DigitalXRayImageStorageForPresentation,
        [6_000_000 + 250_000 * number for number in range(20)],
    ),
}


def make(root: Path, names: list[str]) -> list[Input]:
    """The inputs of these names below `root`, made where they are missing."""
    made = []
    for name in names:
        directory, sop_class, sizes = SERIES[name]
        series = Input(name, root / directory)
        if len(series.files) != len(sizes):
            _write(series.directory, sop_class, sizes)
        made.append(series)
    return made


def distinct(root: Path, name: str, count: int) -> list[Input]:
    """As many series of one kind, each with instances of its own: the first is the one that `make` gives."""
    made = make(root, [name])
    directory, sop_class, sizes = SERIES[name]
    for number in range(2, count + 1):
        series = Input(name, root / f"{directory}-{number}")
        if len(series.files) != len(sizes):
            _write(series.directory, sop_class, sizes)
        made.append(series)
    return made


def write_sparse(path: Path, size: int) -> None:
    """One instance with `size` bytes of pixel data, all zero, which take no room on the disk. Even, below 4 GiB."""
    dataset = _instance(DigitalXRayImageStorageForPresentation, generate_uid(), generate_uid(), 0)
    dataset.save_as(path, enforce_file_format=True)
    with path.open("ab") as file:
        file.write(b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little"))
        file.truncate(file.tell() + size)


def _instance(sop_class: str, study: str, series: str, number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PatientName, dataset.PatientID = "CT", "Bench^Mark", "BENCH"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.InstanceNumber = number
    dataset.BitsAllocated = 16
    return dataset


def _write(directory: Path, sop_class: str, sizes: list[int]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    noise = random.Random(104).randbytes(16 << 20)
    study, series = generate_uid(), generate_uid()
    for number, size in enumerate(sizes):
        dataset = _instance(sop_class, study, series, number)
        start = number * 4096 % (1 << 20)
        pixels = noise[start : start + size]
        while len(pixels) < size:
            pixels += noise[: size - len(pixels)]
        dataset.PixelData = pixels
        dataset.save_as(directory / f"{number:05d}.dcm", enforce_file_format=True)
