"""Modalities outside the guest: they send without a pause and write down what was answered, and what that was.

Owns the record of answers. A sender whose association breaks opens another: the plug may be out.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.dsutils import encode

# A segment takes small ones; others are files. The last has several blocks of the sealing lane.
SIZES = ((1_000, 13_000), (70_000, 200_000, 9_000), (1_500_000,))


class Answers:
    """SOP Instance UID -> SHA-256 of the data set, of each instance that was answered 0x0000."""

    def __init__(self, log: Path) -> None:
        """`log` grows with each write of the guest's disk: how long it is when an answer arrives is kept beside it."""
        self._log = log
        self._lock = threading.Lock()
        self._digests: dict[str, tuple[bytes, int]] = {}

    def add(self, uid: str, digest: bytes) -> None:
        with self._lock:
            self._digests[uid] = digest, self._log.stat().st_size

    def so_far(self, place: float = math.inf) -> dict[str, bytes]:
        """All that had arrived when the log was this long."""
        with self._lock:
            return {uid: digest for uid, (digest, length) in self._digests.items() if length <= place}

    def first(self) -> int:
        """How long the log was when the first arrived."""
        return min(length for _, length in self._digests.values())

    def __len__(self) -> int:
        return len(self._digests)


class Load:
    """One thread an association, until `stop`."""

    def __init__(self, port: int, called_ae: str, answers: Answers) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(port, called_ae, answers, sizes), daemon=True) for sizes in SIZES
        ]
        self.troubles: list[str] = []
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """After the answer that is awaited; who waits for one that never comes is left alone."""
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _send(self, port: int, called_ae: str, answers: Answers, sizes: tuple[int, ...]) -> None:
        ae = AE(ae_title="LOAD")
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        # A frozen guest answers late, and that is no fault.
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
        while not self._stop.is_set():
            association = ae.associate("127.0.0.1", port, ae_title=called_ae)
            number = 0
            while association.is_established and not self._stop.is_set():
                self._one(association.send_c_store, answers, sizes[number % len(sizes)])
                number += 1
            if association.is_established:
                association.release()
            elif not self._stop.is_set():
                time.sleep(0.2)

    def _one(self, send: Callable[[Dataset], Dataset], answers: Answers, size: int) -> None:
        data_set = instance(size)
        content = encode(data_set, False, True)
        assert content is not None
        try:
            status = send(data_set)
        except (RuntimeError, ValueError) as error:  # the association ended meanwhile
            self.troubles.append(str(error))
            return
        if status.get("Status") == 0x0000:
            answers.add(str(data_set.SOPInstanceUID), hashlib.sha256(content).digest())


def instance(size: int) -> Dataset:
    """A CT instance with this many bytes of pixel data, different each time."""
    data_set = Dataset()
    data_set.file_meta = meta = _meta()
    data_set.SOPClassUID = meta.MediaStorageSOPClassUID = CTImageStorage
    data_set.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = generate_uid(), generate_uid()
    data_set.Modality, data_set.PatientName, data_set.PatientID = "CT", "Cut^Power", "PC-1"
    data_set.Rows, data_set.Columns, data_set.SamplesPerPixel = 100, size // 200, 1
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 16, 16, 15, 0
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.add_new("PixelData", "OW", os.urandom(size // 200 * 200))
    return data_set


def _meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
