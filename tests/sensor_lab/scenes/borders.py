"""Servers, hosts and pairs that do not belong: D11, D12, D14, D36."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

from tests import orthanc
from tests.sensor_lab.ground import Host
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import dcmtk, echo, s_client

DAY = 86400


@contextlib.contextmanager
def running_orthanc(lab: Lab, host: Host, title: str, **settings: object) -> Iterator[None]:
    """Orthanc as a DICOM server at port 4242 of a host, and its REST API at port 8042 of its loopback."""
    found = orthanc.find()
    assert found is not None, orthanc.MISSING
    room = lab.room(f"orthanc-{host.name}")
    everything = {
        "StorageDirectory": str(room),
        "IndexDirectory": str(room),
        "AuthenticationEnabled": False,
        "DicomAet": title,
        "DicomPort": 4242,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "Plugins": [],
        **settings,
    }
    (room / "orthanc.json").write_text(json.dumps(everything))
    environment = {**os.environ, **found.environment}
    process = host.serve(4242, found.program, str(room / "orthanc.json"), env=environment)
    yield
    host.stop(process)


@shows("D11", "Orthanc", "D02", evidence="accepted")
def rogue_archive(lab: Lab) -> None:
    """The CT calls an Orthanc that nobody registered."""
    with running_orthanc(lab, lab.attacker, "ROGUE"):
        dcmtk(lab.ct, "echoscu", "CT1", "ROGUE", lab.attacker, 4242)


@quiet("D11", "Orthanc")
def registered_archive(lab: Lab) -> None:
    """The CT calls an Orthanc that is registered."""
    with running_orthanc(lab, lab.pacs, "ORTHANC"):
        assert dcmtk(lab.ct, "echoscu", "CT1", "ORTHANC", lab.pacs, 4242).returncode == 0


@shows("D11", "nmap", evidence="10.20.0.21 answers at port 11112")
def somebody_listens(lab: Lab) -> None:
    """nmap finds that the viewer listens at a port of DICOM; nobody says a word there."""
    lab.viewer.serve(11112, "storescp", "11112")
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-p", "11112", lab.viewer.address)
    lab.mirror.pass_time(70)


@quiet("D11", "nmap")
def a_registered_server_listens(lab: Lab) -> None:
    """nmap finds that the archive listens."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-p", "104", lab.pacs.address)
    lab.mirror.pass_time(70)


def _from_elsewhere(lab: Lab, host: Host, address: str, over_tls: bool = False) -> None:
    lab.edge.run("ip", "route", "replace", "192.0.2.0/24", "dev", "eth0", check=True)
    host.run("ip", "addr", "add", f"{address}/24", "dev", "eth0", check=True)
    host.run("ip", "route", "add", lab.edge.address, "dev", "eth0", "src", address, check=True)
    if over_tls:
        s_client(lab, host, lab.edge, 2762)
    else:
        dcmtk(host, "echoscu", "PARTNER", "EDGE01", lab.edge)
    host.run("ip", "addr", "del", f"{address}/24", "dev", "eth0", check=True)
    host.run("ip", "route", "del", lab.edge.address, "dev", "eth0")


@shows("D12", "echoscu", "D03", evidence="not one of the site")
def from_outside(lab: Lab) -> None:
    """Somebody outside of the site calls, under the name of a partner."""
    _from_elsewhere(lab, lab.attacker, "192.0.2.66")


@shows("D12", "openssl", "D19", evidence="TLS at a port of DICOM")
def from_outside_over_tls(lab: Lab) -> None:
    """Somebody outside of the site calls over TLS."""
    _from_elsewhere(lab, lab.attacker, "192.0.2.66", over_tls=True)


@quiet("D12", "echoscu", "D02")
def from_the_partner(lab: Lab) -> None:
    """The partner, which only the sensor knows, calls from where it is registered."""
    _from_elsewhere(lab, lab.viewer, "192.0.2.21")


def _forget_neighbours(*hosts: Host) -> None:
    for host in hosts:
        host.run("ip", "neigh", "flush", "all")


@shows("D14", "nmap")
def new_host(lab: Lab) -> None:
    """A day later a host looks around that was never seen before."""
    _forget_neighbours(lab.ct, lab.edge, lab.attacker)
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    lab.attacker.run("nmap", "-sn", "-n", "-PR", lab.edge.address)


@quiet("D14", "nmap")
def known_host(lab: Lab) -> None:
    """A day later a host looks around that was seen before."""
    _forget_neighbours(lab.ct, lab.edge)
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    _forget_neighbours(lab.ct)
    lab.ct.run("nmap", "-sn", "-n", "-PR", lab.edge.address)


def _everybody_was_seen(lab: Lab) -> None:
    _forget_neighbours(lab.ct, lab.edge, lab.pacs, lab.viewer)
    assert echo(lab) == 0
    assert dcmtk(lab.viewer, "echoscu", "READ1", "ARCH", lab.pacs).returncode == 0
    lab.mirror.pass_time(DAY + 60)


@shows("D36", "echoscu")
def new_pair(lab: Lab) -> None:
    """A day later two known machines speak that never did."""
    _everybody_was_seen(lab)
    assert dcmtk(lab.ct, "echoscu", "CT1", "ARCH", lab.pacs).returncode == 0


@quiet("D36", "echoscu")
def known_pair(lab: Lab) -> None:
    """A day later two machines speak as they did before."""
    _everybody_was_seen(lab)
    assert echo(lab) == 0
