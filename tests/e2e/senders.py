"""Whose software sends: DCMTK, Orthanc and pynetdicom, each as a function that sends one sample or fails."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pynetdicom import AE, build_context

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import PROPOSALS
from appliance.cli.demo.site import Party
from appliance.host import tls
from tests import orthanc as orthancs
from tests.e2e.data_sets import ENCODINGS, Sample


@dataclass(frozen=True, slots=True)
class Target:
    """Where a sender sends: a port of this machine, an AE title, the TLS identity (None: cleartext), and the name that
    Orthanc's modalities give it."""

    name: str
    port: int
    called_ae: str
    party: Party | None

    @property
    def dcmtk(self) -> list[str]:
        """Arguments of a DCMTK client."""
        return [*Modality("CT1", self.party).arguments(), "-aec", self.called_ae, "127.0.0.1", str(self.port)]


@dataclass(frozen=True, slots=True)
class Peers:
    """What a sender may need: Orthanc, where this machine has it."""

    orthanc: orthancs.Running | None


Sender = Callable[[Target, Sample, Peers], None]


def run(*command: str) -> None:
    """A client that must say that all went well."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def storescu(target: Target, sample: Sample, peers: Peers) -> None:
    run("storescu", "-R", PROPOSALS[sample.transfer_syntax], *target.dcmtk, str(sample.path))


def dcmsend(target: Target, sample: Sample, peers: Peers) -> None:
    run("dcmsend", "-dn", *target.dcmtk, str(sample.path))


def pynetdicom(target: Target, sample: Sample, peers: Peers) -> None:
    association = associate(target, [(sample.sop_class, [sample.transfer_syntax])])
    assert association.send_c_store(sample.path).Status == 0
    association.release()


def associate(target: Target, contexts: list[tuple[str, list[str]]]) -> Any:
    """A pynetdicom association as CT1 with these presentation contexts."""
    party = target.party
    arguments = (tls.client_context(party.ca, party.certificate, party.key), "edge01.demo.example") if party else None
    proposed = [build_context(abstract, syntaxes) for abstract, syntaxes in contexts]
    association = AE(ae_title="CT1").associate(
        "127.0.0.1", target.port, contexts=proposed, ae_title=target.called_ae, tls_args=arguments
    )
    assert association.is_established
    return association


def orthanc(target: Target, sample: Sample, peers: Peers) -> None:
    if peers.orthanc is None:
        pytest.skip(orthancs.MISSING)
    known = json.loads(peers.orthanc.call("/instances", sample.path.read_bytes()))["ID"]
    said = json.loads(peers.orthanc.call(f"/modalities/{target.name}/store", json.dumps([known]).encode()))
    assert (said["FailedInstancesCount"], said["InstancesCount"]) == (0, 1)


SENDERS: tuple[Sender, ...] = (storescu, dcmsend, pynetdicom, orthanc)
TRANSPORTS = ("tls", "cleartext")
# What DCMTK cannot do, as of 3.6.9: storescu sends no private SOP class, and dcmsend knows no TLS.
CASES = [
    (sender, encoding, transport)
    for sender in SENDERS
    for encoding in ENCODINGS
    for transport in TRANSPORTS
    if (sender, encoding) != (storescu, "private-class") and (sender, transport) != (dcmsend, "tls")
]


Echo = Callable[[Target, Peers], None]


def echoscu(target: Target, peers: Peers) -> None:
    run("echoscu", *target.dcmtk)


def pynetdicom_echo(target: Target, peers: Peers) -> None:
    association = associate(target, [("1.2.840.10008.1.1", ["1.2.840.10008.1.2"])])
    assert association.send_c_echo().Status == 0
    association.release()


def orthanc_echo(target: Target, peers: Peers) -> None:
    if peers.orthanc is None:
        pytest.skip(orthancs.MISSING)
    peers.orthanc.call(f"/modalities/{target.name}/echo", b"{}")


ECHOES: tuple[Echo, ...] = (echoscu, pynetdicom_echo, orthanc_echo)
