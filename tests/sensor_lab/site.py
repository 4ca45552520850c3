"""The lab's hospital: who belongs there and how, its certificates, and the servers that run all the time.

The appliance is the real `receive`, the PACS is DCMTK's dcmqrscp. One configuration serves the appliance, the sensor's
registry and `appliance sensor --pcap`.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from appliance.capture.certificate import read_certificate
from appliance.capture.site_ca import read_site_ca
from appliance.config.load import load_config
from appliance.host.certificates import Authority
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Surroundings
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import generate_identity
from tests.host.pki import authority_below, root_authority
from tests.inspection.handshake import certificate
from tests.sensor_lab.ground import Ground, Host, ground
from tests.sensor_lab.mirror import Mirror

TOOLS = ("ip", "ss", "storescu", "dcmqrscp", "nmap", "openssl", "tshark")

CONFIG = """
[appliance]
ae_title = "EDGE01"
state_dir = "{state}"
runtime_dir = "{run}"

[receive]
listen = ["10.20.0.2:2762"]
listen_plain = ["10.20.0.2:104", "[fd20::2]:104"]
called_ae_titles = ["EDGE01", {more}]
certificate = "{tls}/edge.crt"
key = "{tls}/edge.key"
client_ca = "{tls}/ca.crt"
workers = 1

[[peer]]
name = "CT suite"
ae_titles = ["CT1"]
addresses = ["10.20.0.11", "fd20::11"]
tls = "allowed"
services = ["echo", "store", "commit"]

[[peer]]
name = "CT suite (low dose)"
ae_titles = ["CT2"]
addresses = ["10.20.0.11"]
tls = "allowed"
services = ["echo", "store"]
sop_classes = ["1.2.840.10008.5.1.4.1.1.2"]
calls = ["ARCH"]

[[peer]]
name = "MR"
ae_titles = ["MR1"]
addresses = ["10.20.0.12"]
tls = "required"

[[peer]]
name = "Ultrasound"
ae_titles = ["US1"]
addresses = ["10.20.0.12"]
tls = "allowed"
hours = "06:00-22:00"

[vault]
recipients = ["{recipient}"]
index_key = "file:{state}/index-key"
min_free = "1MiB"

[[destination]]
name = "archive"
kind = "dimse"
address = "10.20.0.4:104"
ae_title = "ARCH"
tls = "never"

[sensor]
interface = "{mirror}"
mode = "mirror"
decoy_ae = "ARCHIVE"
decoy_port = 11112
ca = "{tls}/ca.crt"
local = ["10.20.0.0/24", "fd20::/64"]
vlans = [20]
dhcp_servers = ["10.20.0.4"]
moving = ["10.20.0.9"]

[[sensor.server]]
name = "Archive"
addresses = ["10.20.0.4"]
ae_titles = ["ARCH", "ORTHANC"]
ports = [104, 2762, 2763, 4242]

[[sensor.server]]
name = "Reading room"
addresses = ["10.20.0.21", "fd20::21"]
ae_titles = ["READ1"]
ports = [11113]
asks = ["echo", "find", "move", "get", "store"]

[[sensor.server]]
name = "Dose station"
addresses = ["10.20.0.21"]
ae_titles = ["DOSE1"]
asks = ["echo", "store"]

[[sensor.server]]
name = "Second opinion"
addresses = ["192.0.2.21"]
ae_titles = ["PARTNER"]
"""

ARCHIVE = """
NetworkTCPPort = 104
MaxPDUSize = 16384
MaxAssociations = 200
HostTable BEGIN
reader = (READ1, 10.20.0.21, 11113)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCH {where} RW (200, 1024mb) ANY
AETable END
"""


@dataclass
class Lab:
    """Everything that a scene may use."""

    ground: Ground
    mirror: Mirror
    where: Path
    config: Path
    registry: Registry

    @property
    def edge(self) -> Host:
        return self.ground.hosts["edge"]

    @property
    def pacs(self) -> Host:
        return self.ground.hosts["pacs"]

    @property
    def ct(self) -> Host:
        return self.ground.hosts["ct"]

    @property
    def mr(self) -> Host:
        return self.ground.hosts["mr"]

    @property
    def viewer(self) -> Host:
        return self.ground.hosts["viewer"]

    @property
    def attacker(self) -> Host:
        return self.ground.hosts["attacker"]

    @property
    def tls(self) -> Path:
        """Where the PEM files are: ca, edge, pacs, mr, chained (of the CA below, one below ours); of other CAs old
        (expired), early, weak, foreign, feigned (of one that calls itself as ours does)."""
        return self.where / "tls"

    def engine(self) -> Inspection:
        """A sensor that knows this site and has seen nothing yet."""
        signed = read_site_ca(self.tls / "ca.crt").signed
        return Inspection(self.registry, self.ground.mirror, certificates=read_certificate, signed=signed)

    def announce(self) -> None:
        """All but the attacker say by ARP where they are, as they do all day: their kernels choose when."""
        for name, host in self.ground.hosts.items():
            if name != "attacker":
                host.announce()

    def room(self, name: str) -> Path:
        """An empty directory."""
        made = self.where / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        return made

    def python(self, host: Host, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script of ours on a host; it must succeed."""
        return host.run(sys.executable, "-c", script, *words, check=True)


def _write_site(where: Path, mirror: str) -> Path:
    tls, state = where / "tls", where / "state"
    for each in (tls, state, where / "run", where / "archive"):
        each.mkdir(parents=True)
    ours, theirs, feigned = root_authority("Lab CA"), Authority.create("Somebody else's CA"), Authority.create("Lab CA")
    below = authority_below(ours, "Lab CA of scanners")
    (tls / "ca.crt").write_bytes(ours.certificate)
    (tls / "below.crt").write_bytes(below.certificate)
    issuers = {"edge": ours, "pacs": ours, "mr": ours, "foreign": theirs, "feigned": feigned, "chained": below}
    for name, authority in issuers.items():
        authority.issue(f"{name}.lab.example", [f"{name}.lab.example"], server=True, client=True).write(
            tls / f"{name}.crt", tls / f"{name}.key"
        )
    (tls / "old.pem").write_bytes(certificate(-900, -500))
    (tls / "early.pem").write_bytes(certificate(5000, 6000))
    (tls / "weak.pem").write_bytes(certificate(-10, 5000, weak=True))
    (state / "index-key").write_text(IndexKey.generate().export() + "\n")
    (state / "index-key").chmod(0o400)
    more = ", ".join(f'"EDGE{number:02}"' for number in range(2, 20))
    values = {
        "state": state,
        "run": where / "run",
        "tls": tls,
        "mirror": mirror,
        "more": more,
        "recipient": generate_identity("classical").recipient,
    }
    path = where / "appliance.toml"
    path.write_text(CONFIG.format(**values))
    (where / "archive.cfg").write_text(ARCHIVE.format(where=where / "archive"))
    return path


@contextmanager
def lab(where: Path) -> Iterator[Lab]:
    """The hospital at work, watched, for the length of a block. Its files are below `where`."""
    with ground() as network:
        path = _write_site(where, network.mirror)
        own = frozenset(ipaddress.ip_address(each) for each in ("10.20.0.2", "fd20::2"))
        known = Registry.build(load_config(path), Surroundings(own, zone=UTC))
        mirror = Mirror(network)
        made = Lab(network, mirror, where, path, known)
        with (where / "receive.log").open("wb") as log:
            receive = (sys.executable, "-m", "appliance", "program", "receive", "--config", str(path))
            made.edge.start(*receive, env={**os.environ, "APPLIANCE_LOG_LEVEL": "DEBUG"}, stderr=log)
        made.pacs.serve(104, "dcmqrscp", "-c", str(where / "archive.cfg"), cwd=where)
        mirror.start()
        try:
            _until_listening(made)
            yield made
        finally:
            mirror.close()


def _until_listening(made: Lab) -> None:
    import time

    until = time.monotonic() + 30
    while not (made.edge.listens(104) and made.edge.listens(2762)):
        assert time.monotonic() < until, (made.where / "receive.log").read_text()[-2000:]
        time.sleep(0.05)
