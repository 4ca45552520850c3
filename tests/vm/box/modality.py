"""A scanner outside the guest, DCMTK's storescu or pynetdicom: what it sent, and what was answered 0x0000.

Owns the images and the record of answers. What was not answered is sent again, as a scanner does.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from appliance.cli.demo.dcmtk import Modality, data_set
from appliance.cli.demo.site import Party
from appliance.host import tls
from tests.vm.power_cut.senders import instance

SIZE = 20_000  # bytes of pixel data; an emulated processor seals them


class Scanner:
    """One AE title."""

    def __init__(self, ae_title: str, party: Party, port: int, directory: Path) -> None:
        self._ae_title, self._party, self._port, self._directory = ae_title, party, port, directory
        self.answered: dict[str, bytes] = {}  # SOP Instance UID -> data set
        directory.mkdir(exist_ok=True)

    def images(self, number: int) -> list[Path]:
        """New ones, each with a SOP Instance UID of its own."""
        made = []
        for _ in range(number):
            image = instance(SIZE)
            made.append(self._directory / f"{image.SOPInstanceUID}.dcm")
            image.save_as(made[-1], enforce_file_format=True)
        return made

    def send(self, images: list[Path], *, ae_title: str | None = None) -> tuple[int, str]:
        """One association. How many were answered 0x0000 now, and what storescu said."""
        command = ["storescu", "-v", "-xe", *Modality(ae_title or self._ae_title, self._party).arguments()]
        command += ["-aec", "EDGE01", "-to", "60", "-ta", "60", "-td", "120", "127.0.0.1", str(self._port)]
        done = subprocess.run([*command, *map(str, images)], capture_output=True, text=True, timeout=300)
        said, now, sending = done.stdout + done.stderr, 0, None
        for line in said.splitlines():
            if line.startswith("I: Sending file: "):
                sending = Path(line.removeprefix("I: Sending file: "))
            elif line.startswith("I: Received Store Response (Success)") and sending:
                self.answered[sending.stem] = data_set(sending.read_bytes())
                sending, now = None, now + 1
        return now, said

    @contextmanager
    def associated(self) -> Iterator[Callable[[Path], int]]:
        """An association that stays open meanwhile; yields what stores an image over it, and returns its status."""
        ae = AE(ae_title=self._ae_title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 120
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        context = tls.client_context(self._party.ca, self._party.certificate, self._party.key)
        association = ae.associate("127.0.0.1", self._port, ae_title="EDGE01", tls_args=(context, "edge01.rad.example"))
        if not association.is_established:
            raise RuntimeError("the scanner is not let in")

        def store(image: Path) -> int:
            status = int(association.send_c_store(image).Status)
            if status == 0:
                self.answered[image.stem] = data_set(image.read_bytes())
            return status

        try:
            yield store
        finally:
            association.release()

    def send_all(self, images: list[Path], seconds: float) -> int:
        """Again, until each is answered 0x0000; how many associations that took."""
        give_up, tries = time.monotonic() + seconds, 0
        while left := [image for image in images if image.stem not in self.answered]:
            if time.monotonic() > give_up:
                raise RuntimeError(f"{len(left)} of {len(images)} instances were not answered in {seconds:.0f} s")
            self.send(left)
            tries += 1
        return tries
