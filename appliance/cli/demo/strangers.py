"""Who has no business here: each tries, the SCP refuses, the sensor sees what can be seen from the wire."""

from __future__ import annotations

import select
import shutil
import socket
import ssl
import subprocess
from dataclasses import dataclass

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.site import Site


@dataclass(frozen=True, slots=True)
class Visit:
    """What one stranger tried, and how it ended: `refused` is None where it could not be tried."""

    who: str
    refused: bool | None
    ended: str
    rules: tuple[str, ...]  # the sensor's rules of which one must have spoken; none where TLS hides it


def all_visits(site: Site) -> list[Visit]:
    """Let each stranger try once."""
    return [
        visit(site) for visit in (_unregistered, _wrong_address, _wrong_certificate, _foreign_ca, _cleartext, _nmap)
    ]


def _echo(who: str, modality: Modality, site: Site, rules: tuple[str, ...] = ()) -> Visit:
    said = modality.echo(site.port, "EDGE01")
    return Visit(who, bool(said), said or "was let in", rules)


def _unregistered(site: Site) -> Visit:
    return _echo("unregistered AE ROGUE, with a certificate of the site", Modality("ROGUE", site.other), site)


def _wrong_address(site: Site) -> Visit:
    return _echo("registered AE MR1, from another address", Modality("MR1", site.other), site)


def _wrong_certificate(site: Site) -> Visit:
    return _echo("registered AE CT1, with another device's certificate", Modality("CT1", site.other), site)


def _foreign_ca(site: Site) -> Visit:
    return _echo("registered AE CT1, with a certificate of another CA", Modality("CT1", site.foreign), site)


def _cleartext(site: Site) -> Visit:
    return _echo("unregistered AE in cleartext", Modality("LAPTOP", None), site, ("D15", "D01"))


def _nmap(site: Site) -> Visit:
    who = "nmap --script dicom-ping"
    if not shutil.which("nmap"):
        return Visit(who, None, "nmap is not installed", ())
    command = ["nmap", "-Pn", "-n", "--script", "+dicom-ping", "-p", str(site.port), "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "dicom-ping:" not in done.stdout and "discovered" not in done.stdout:
        return Visit(who, None, "nmap did not run its script: " + " ".join(done.stdout.split())[:200], ())
    found = "DICOM Service Provider discovered" in done.stdout
    return Visit(who, not found, "nmap found a DICOM server" if found else "nmap found nothing", ("D05", "D15"))


class Staller:
    """Two connections that never get anywhere: one silent, one with half a TLS record and half a PDU header."""

    def __init__(self, site: Site) -> None:
        self._silent = socket.create_connection(("127.0.0.1", site.port))
        self._half: socket.socket = socket.create_connection(("127.0.0.1", site.port))
        context = ssl.create_default_context(cafile=site.ct.ca)
        context.load_cert_chain(site.ct.certificate, site.ct.key)
        self._half = context.wrap_socket(self._half, server_hostname="edge01.demo.example")
        self._half.sendall(b"\x01\x00\x00")  # three of the six bytes of an A-ASSOCIATE-RQ's header

    def hangs(self) -> bool:
        """Whether both connections are still open."""
        return not select.select([self._silent, self._half], [], [], 0)[0]

    def __enter__(self) -> Staller:
        return self

    def __exit__(self, *_: object) -> None:
        self._silent.close()
        self._half.close()
