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


SERIES = {
    "200 CT of 0.5 MB": ("ct", CTImageStorage, [524_288] * 200),
    "1000 of 13 kB": ("small", CTImageStorage, [12_800] * 1000),
    "one of 420 MB": ("large", CTImageStorage, [420_000_000]),
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


def _write(directory: Path, sop_class: str, sizes: list[int]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    noise = random.Random(104).randbytes(16 << 20)
    study, series = generate_uid(), generate_uid()
    for number, size in enumerate(sizes):
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
        start = number * 4096 % (1 << 20)
        pixels = noise[start : start + size]
        while len(pixels) < size:
            pixels += noise[: size - len(pixels)]
        dataset.PixelData = pixels
        dataset.save_as(directory / f"{number:05d}.dcm", enforce_file_format=True)
