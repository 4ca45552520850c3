"""Whose software may send: DCMTK, Orthanc and pynetdicom, over TLS and cleartext.

Each sends the same images twice, to a storescp and through the appliance to its upstream. What arrived must be the
same, bit for bit: some senders encode anew what they were given, so the file on the disk is not the measure.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality, Upstream, free_port
from appliance.cli.demo.images import Image, ct_series
from appliance.cli.demo.site import Party, Site
from tests.e2e.conftest import Start

IMAGES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """Where a sender sends: a port of this machine, an AE title, and the TLS identity (None: cleartext)."""

    port: int
    called_ae: str
    party: Party | None

    @property
    def dcmtk(self) -> list[str]:
        return [*Modality("CT1", self.party).arguments(), "-aec", self.called_ae, "127.0.0.1", str(self.port)]


Sender = Callable[[Target, list[Image], Path], None]


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def storescu(target: Target, images: list[Image], work: Path) -> None:
    run("storescu", "-R", "-xe", *target.dcmtk, *(str(image.path) for image in images))


def dcmsend(target: Target, images: list[Image], work: Path) -> None:
    run("dcmsend", *target.dcmtk, *(str(image.path) for image in images))


def pynetdicom(target: Target, images: list[Image], work: Path) -> None:
    import pydicom
    from pynetdicom import AE

    datasets = [pydicom.dcmread(image.path) for image in images]
    entity = AE(ae_title="CT1")
    entity.add_requested_context(datasets[0].SOPClassUID, datasets[0].file_meta.TransferSyntaxUID)
    arguments = (client_context(target.party), "edge01.demo.example") if target.party else None
    association = entity.associate("127.0.0.1", target.port, ae_title=target.called_ae, tls_args=arguments)
    assert association.is_established
    assert [association.send_c_store(dataset).Status for dataset in datasets] == [0] * len(datasets)
    association.release()


def orthanc(target: Target, images: list[Image], work: Path) -> None:
    with running_orthanc(target, work) as call:
        for image in images:
            call("/instances", image.path.read_bytes())
        everything = json.loads(call("/instances"))
        said = json.loads(call("/modalities/edge/store", json.dumps(everything).encode()))
        assert said["FailedInstancesCount"] == 0 and said["InstancesCount"] == len(images)
        call("/modalities/edge/echo", b"{}")


@contextlib.contextmanager
def running_orthanc(target: Target, work: Path) -> Iterator[Callable[..., bytes]]:
    """An Orthanc with one modality, `edge`; yields what calls its REST API."""
    http, database = free_port(), work / f"orthanc-{target.port}"
    settings: dict[str, object] = {
        "StorageDirectory": str(database),
        "IndexDirectory": str(database),
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "DicomAet": "CT1",
        "Plugins": [],
        "DicomModalities": {
            "edge": {
                "AET": target.called_ae,
                "Host": "127.0.0.1",
                "Port": target.port,
                "UseDicomTls": target.party is not None,
            }
        },
    }
    if target.party:
        settings |= {
            "DicomTlsCertificate": str(target.party.certificate),
            "DicomTlsPrivateKey": str(target.party.key),
            "DicomTlsTrustedCertificates": str(target.party.ca),
        }
    database.mkdir()
    (database / "orthanc.json").write_text(json.dumps(settings))

    def call(path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", body, timeout=30) as answer:
            said: bytes = answer.read()
            return said

    log = (database / "log").open("wb")
    process = subprocess.Popen(["Orthanc", str(database / "orthanc.json")], stdout=log, stderr=log)
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", http)) == 0:
                    break
            assert process.poll() is None, (database / "log").read_text()[-2000:]
            time.sleep(0.05)
        yield call
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def client_context(party: Party):  # type: ignore[no-untyped-def]
    from appliance.host import tls

    return tls.client_context(party.ca, party.certificate, party.key)


# Who, with what program, and whether it knows TLS: DCMTK 3.6.7's dcmsend does not.
SENDERS: list[tuple[Sender, str | None, bool]] = [
    (storescu, "storescu", True),
    (dcmsend, "dcmsend", False),
    (pynetdicom, None, True),
    (orthanc, "Orthanc", True),
]


def both_ways(plain: int) -> Callable[[str], str]:
    """Lets the CT come over TLS and in cleartext."""
    return lambda text: text.replace(
        "called_ae_titles", f'listen_plain     = ["127.0.0.1:{plain}"]\ncalled_ae_titles'
    ).replace('certificate = "san:ct1.demo.example"', 'tls         = "allowed"', 1)


def expected(sender: Sender, images: list[Image], site: Site, tls: bool, work: Path) -> dict[str, bytes]:
    """What the same sender delivers to a storescp."""
    # A client may check the server's name, so this storescp has the appliance's.
    server = Party(site.root / "tls/appliance.key", site.root / "tls/appliance.crt", site.ct.ca)
    direct = Upstream(work / "direct", free_port(), server if tls else None)
    direct.options = ("-pm",)
    direct.start()
    try:
        sender(Target(direct.port, "PACS", site.ct if tls else None), images, work)
        return direct.instances()
    finally:
        direct.stop()


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "cleartext"])
@pytest.mark.parametrize(("sender", "program", "knows_tls"), SENDERS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_it_sends_is_delivered_bit_for_bit(
    start: Start, tmp_path: Path, sender: Sender, program: str | None, knows_tls: bool, tls: bool
) -> None:
    if program and not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    if tls and not knows_tls:
        pytest.skip(f"{program} of DCMTK 3.6.7 knows no TLS")
    plain = free_port()
    site, box, upstream = start(both_ways(plain))
    images = list(ct_series(tmp_path / "ct", IMAGES))
    sent = expected(sender, images, site, tls, tmp_path)
    sender(Target(site.port if tls else plain, "PACS", site.ct if tls else None), images, tmp_path)
    assert wait_for(box, upstream)
    arrived = upstream.instances()
    assert set(arrived) == {image.instance for image in images}
    assert arrived == sent


def wait_for(box: Box, upstream: Upstream) -> bool:
    def delivered() -> int:
        return int(box.said("forward").get("destinations", {}).get("pacs", {}).get("delivered", 0))

    return box.wait(lambda: delivered() == IMAGES, 60) and upstream.count() == IMAGES


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "cleartext"])
def test_echoscu_is_answered(start: Start, tls: bool) -> None:
    plain = free_port()
    site, _, _ = start(both_ways(plain))
    assert Modality("CT1", site.ct if tls else None).echo(site.port if tls else plain, "EDGE01") == ""
    assert Modality("ROGUE", site.ct if tls else None).echo(site.port if tls else plain, "EDGE01") != ""
