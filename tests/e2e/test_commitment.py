"""A modality stores, asks for commitment, and hears what this box holds: pynetdicom on both of its ends."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, MRImageStorage, StorageCommitmentPushModel

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import free_port
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site
from tests import orthanc as orthancs
from tests.delivery.requestor import Report, Requestor
from tests.delivery.upstream import until
from tests.e2e.conftest import Start
from tests.hunting import hunt

WELL_KNOWN = "1.2.840.10008.1.20.1.1"


@dataclass
class Scanner:
    """CT1: sends, asks and listens."""

    site: Site
    box: Box
    listener: Requestor
    directory: Path
    number: int = 0

    def store(self, count: int) -> list[tuple[str, str]]:
        """Send images; what they are."""
        self.number += 1
        references = []
        association = self._associate(CTImageStorage)
        for image in ct_series(self.directory / f"ct{self.number}", count):
            read = dcmread(image.path)
            assert association.send_c_store(read).Status == 0
            references.append((str(read.SOPClassUID), str(read.SOPInstanceUID)))
        association.release()
        return references

    def ask(self, references: list[tuple[str, str]], transaction: str, action: int = 1, more: Any = None) -> int:
        """Send an N-ACTION; the status of its response."""
        said = Dataset()
        said.TransactionUID = transaction
        said.ReferencedSOPSequence = []
        for sop_class, instance in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
            said.ReferencedSOPSequence.append(item)
        association = self._associate(StorageCommitmentPushModel)
        status, _ = association.send_n_action(said, action, StorageCommitmentPushModel, WELL_KNOWN)
        association.release()
        return int(status.Status)

    def hears(self, count: int, seconds: float = 30) -> list[Report]:
        """The reports, once there are so many."""
        assert self.box.wait(lambda: len(self.listener.reports) >= count, seconds), self.site.log.read_text()[-3000:]
        return self.listener.reports

    def _associate(self, sop_class: str) -> Any:
        ae = AE("CT1")
        ae.add_requested_context(sop_class)
        context = ssl.create_default_context(cafile=self.site.ct.ca)
        context.load_cert_chain(self.site.ct.certificate, self.site.ct.key)
        association = ae.associate(
            "127.0.0.1", self.site.port, ae_title="PACS", tls_args=(context, "edge01.demo.example")
        )
        assert association.is_established
        return association


@pytest.fixture
def scanner(start: Start, tmp_path: Path) -> Iterator[Callable[..., Scanner]]:
    listener = Requestor(port=free_port())

    def begin(tls: bool = True) -> Scanner:
        def edit(text: str) -> str:
            directory = tmp_path / "site" / "tls"
            where = (
                f'server_name = "ct1.demo.example", certificate = "{directory}/appliance.crt", '
                f'key = "{directory}/appliance.key"'
                if tls
                else 'tls = "never"'
            )
            entry = (
                'certificate = "san:ct1.demo.example"\nservices = ["echo", "store", "commit"]\n'
                f'commitment = {{ address = "127.0.0.1:{listener.port}", ae_title = "CT_COMMIT", {where} }}'
            )
            return text.replace('certificate = "san:ct1.demo.example"', entry, 1)

        site, box, _ = start(edit)
        if tls:
            listener.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=site.ct.ca)
            listener.context.verify_mode = ssl.CERT_REQUIRED
            listener.context.load_cert_chain(site.ct.certificate, site.ct.key)
        return Scanner(site, box, listener, tmp_path)

    yield begin
    listener.stop()


@pytest.mark.slow
def test_what_was_stored_is_committed_over_tls_and_what_was_not_is_named(scanner: Callable[..., Scanner]) -> None:
    ct = scanner()
    ct.listener.start()
    references = ct.store(5)
    assert ct.ask(references, "1.2.826.0.1.77001") == 0
    (report,) = ct.hears(1, 10)
    assert (report.event_type, report.transaction, report.calling_ae) == (1, "1.2.826.0.1.77001", "PACS")
    assert report.committed == references and report.failed == []

    wrong = (MRImageStorage, references[0][1])
    missing = (CTImageStorage, "1.2.826.0.1.77999")
    assert ct.ask([*references[1:], wrong, missing], "1.2.826.0.1.77002") == 0
    report = ct.hears(2)[1]
    assert (report.event_type, report.transaction) == (2, "1.2.826.0.1.77002")
    assert report.committed == references[1:]
    assert report.failed == [(*wrong, 0x0119), (*missing, 0x0112)]

    assert ct.ask(references[:1], "1.2.826.0.1.77001") == 0  # that transaction is over, its UID is dead
    report = ct.hears(3)[2]
    assert report.failed == [(*references[0], 0x0131)]
    assert ct.ask(references, "1.2.826.0.1.77003", action=2) == 0x0123
    assert ct.ask([], "1.2.826.0.1.77003") == 0x0115

    uids = {"transaction": b"1.2.826.0.1.77", "instance": references[0][1].encode()}
    assert hunt(uids, ct.site.state, ct.site.log) > 1


@pytest.mark.slow
def test_forward_is_killed_and_the_listener_was_away(scanner: Callable[..., Scanner]) -> None:
    ct = scanner(tls=False)
    references = ct.store(3)
    for pid in ct.box.pids("forward"):
        os.kill(pid, signal.SIGKILL)
    assert ct.ask(references, "1.2.826.0.1.77004") == 0  # receive needs nobody for this
    log = ct.site.log
    assert ct.box.wait(lambda: "COMMITMENT-UNREPORTED" in log.read_text(), 30)
    for pid in ct.box.pids("forward"):
        os.kill(pid, signal.SIGKILL)
    ct.listener.start()
    (report,) = ct.hears(1, 90)
    assert (report.event_type, report.committed) == (1, references)
    assert ct.box.wait(lambda: ct.box.said("forward").get("commitments") == {"asked": 0, "decided": 0}, 30)


@pytest.mark.slow
@pytest.mark.skipif(not orthancs.find(), reason=orthancs.MISSING)
def test_orthanc_asks_and_hears(start: Start, tmp_path: Path) -> None:
    dicom, http, plain = free_port(), free_port(), free_port()
    entry = (
        '[[peer]]\nname = "archive"\nae_titles = ["ORTHANC"]\naddresses = ["127.0.0.1"]\ntls = "never"\n'
        'services = ["echo", "store", "commit"]\n'
        f'commitment = {{ address = "127.0.0.1:{dicom}", ae_title = "ORTHANC", tls = "never" }}\n[vault]'
    )
    start(
        lambda text: text.replace("[receive]", f'[receive]\nlisten_plain = ["127.0.0.1:{plain}"]').replace(
            "[vault]", entry, 1
        )
    )
    settings = tmp_path / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(tmp_path / "orthanc"),
                "IndexDirectory": str(tmp_path / "orthanc"),
                "DicomAet": "ORTHANC",
                "DicomPort": dicom,
                "HttpPort": http,
                "AuthenticationEnabled": False,
                "DicomModalities": {"edge": ["EDGE01", "127.0.0.1", plain]},
                "Plugins": [],
            }
        )
    )

    def call(path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", body, timeout=20) as answer:
            return json.loads(answer.read())

    def up() -> bool:
        try:
            return bool(call("/system"))
        except OSError:
            return False

    with (tmp_path / "orthanc.log").open("wb") as log:
        found = orthancs.find()
        assert found
        environment = {**os.environ, **found.environment}
        orthanc = subprocess.Popen([found.program, str(settings)], env=environment, stdout=log, stderr=log)
    try:
        until(up, 30)
        references, stored = [], []
        for image in ct_series(tmp_path / "ct", 3):
            read = dcmread(image.path)
            references.append([str(read.SOPClassUID), str(read.SOPInstanceUID)])
            stored.append(call("/instances", image.path.read_bytes())["ID"])
        call("/modalities/edge/store", json.dumps(stored).encode())

        def ask(instances: list[list[str]]) -> Any:
            asked = call("/modalities/edge/storage-commitment", json.dumps({"DicomInstances": instances}).encode())
            until(lambda: call(f"/storage-commitment/{asked['ID']}")["Status"] != "Pending", 30)
            return call(f"/storage-commitment/{asked['ID']}")

        assert ask(references)["Status"] == "Success"
        answer = ask([*references, [CTImageStorage, "1.2.826.0.1.77999"]])
        assert answer["Status"] == "Failure"
        assert [each["SOPInstanceUID"] for each in answer["Failures"]] == ["1.2.826.0.1.77999"]
        assert len(answer["Success"]) == 3
    finally:
        orthanc.terminate()
        orthanc.wait(20)
