"""Evidence on the disk: pcapng files, each sealed to recipients of its own before a byte of it is written.

What waits is in memory, for so long and so much. The oldest files go when all of them would exceed the quota. Nothing
here can open one: the box holds no identity for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from appliance.base import limits
from appliance.base.errors import ConfigError, DiskError
from appliance.capture.pcapng import pcapng
from appliance.inspection.evidence import EvidencePacket
from appliance.seal.encrypting import encrypt
from appliance.seal.errors import SealError
from appliance.seal.keys import Recipient, check_recipients, parse_recipient

NAME = "evidence"
SUFFIX = ".pcapng.age"
ABOUT = (
    "Control PDUs (A-ASSOCIATE, A-RELEASE, A-ABORT) of DICOM associations that a rule spoke about. No command and no "
    "data set is in here. The frames were made anew around these bytes. User names and passcodes may be in requests."
)


def evidence_recipients(texts: Sequence[str]) -> list[Recipient]:
    """The recipients. Raises ConfigError."""
    try:
        recipients = [parse_recipient(text) for text in texts]
        check_recipients(recipients)
    except SealError as error:
        raise ConfigError(f"evidence_recipients of [sensor]: {error.message}", fix=error.fix) from None
    return recipients


class EvidenceStore:
    """The files of one directory. Raises DiskError; the next call tries again."""

    def __init__(self, directory: Path, recipients: Sequence[Recipient], quota: int, interface: str) -> None:
        self._directory = directory
        self._recipients = recipients
        self._quota = quota
        self._interface = interface
        self._waiting: list[EvidencePacket] = []
        self._bytes = 0
        self._since = 0.0
        self._number = 0
        self.files = 0
        self.missed = 0  # packets that could not be written
        try:
            directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            for each in directory.glob("*.part"):  # sealed, and cut short
                each.unlink()
        except OSError as error:
            raise _refused(directory, error) from None

    def add(self, packets: Sequence[EvidencePacket], now: float) -> None:
        """Take packets; write when there are many. `now` is monotonic."""
        if not packets:
            return
        if not self._waiting:
            self._since = now
        self._waiting += packets
        self._bytes += sum(len(each.frame) for each in packets)
        if self._bytes >= limits.EVIDENCE_FILE.default:
            self.flush()

    def tick(self, now: float) -> None:
        """Write what waited long enough."""
        if self._waiting and now - self._since >= limits.EVIDENCE_WAIT.default:
            self.flush()

    def flush(self) -> None:
        """Seal and write what waits. What cannot be written is not kept: memory is bounded, too."""
        packets, self._waiting, self._bytes = self._waiting, [], 0
        if not packets:
            return
        sealed = b"".join(encrypt([pcapng(packets, self._interface, ABOUT)], self._recipients))
        if len(sealed) > self._quota:
            self.missed += len(packets)
            return
        try:
            self._make_room(len(sealed))
            self._write(sealed)
        except OSError as error:
            self.missed += len(packets)
            raise _refused(self._directory, error) from None
        self.files += 1

    def _write(self, sealed: bytes) -> None:
        stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
        while (path := self._directory / f"{stamp}-{self._number:04}{SUFFIX}").exists():
            self._number += 1
        part = path.with_name(path.name + ".part")
        try:
            with part.open("xb") as file:
                os.fchmod(file.fileno(), 0o640)
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            self._number += 1
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)  # else a power cut takes the name away
            finally:
                os.close(directory)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _make_room(self, wanted: int) -> None:
        kept = evidence_files(self._directory)
        sizes = {each: each.stat().st_size for each in kept}
        total = sum(sizes.values())
        while kept and (total + wanted > self._quota or len(kept) >= limits.EVIDENCE_FILES.default):
            oldest = kept.pop(0)
            oldest.unlink(missing_ok=True)
            total -= sizes[oldest]


def evidence_files(directory: Path) -> list[Path]:
    """The files that are there, the oldest first."""
    return sorted(each for each in directory.iterdir() if each.name.endswith(SUFFIX)) if directory.is_dir() else []


def _refused(directory: Path, error: OSError) -> DiskError:
    return DiskError(f"cannot keep evidence in {directory}: {error.strerror}", fix="Make room on the disk.")
