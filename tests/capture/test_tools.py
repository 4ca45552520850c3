"""More real tools on a real wire: queries, moves, guesses, old TLS, forged ARP, fragments. Each has a quiet twin."""

from __future__ import annotations

import dataclasses
import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.capture.certificate import read_certificate
from appliance.capture.ring import Ring
from appliance.config.model import Peer
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Server
from tests.capture.lab import Watcher, Wire, needs, needs_root, run, wire
from tests.capture.test_strangers import _free_port, _listens
from tests.inspection.handshake import certificate

pytestmark = [needs_root, needs("ip", "dcmqrscp", "findscu", "movescu", "nmap", "openssl")]

ARCHIVE = """
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
reader = (READ1, {far}, 11113)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCH {where} RW (10, 1024mb) ANY
AETable END
"""


@dataclasses.dataclass
class Site:
    """The near host has an archive and a TLS server with an old certificate; a reading station is the far host."""

    wire: Wire
    archive: int
    tls: int
    registry: Registry

    def watch(self, **changes: object) -> Watcher:
        registry = dataclasses.replace(self.registry, **changes)  # type: ignore[arg-type]
        return Watcher(Ring(self.wire.near), Inspection(registry, self.wire.near, certificates=read_certificate))

    def reader(self, tool: str, *options: str) -> subprocess.CompletedProcess[str]:
        to = ("-aet", "READ1", "-aec", "ARCH", self.wire.near_ip, str(self.archive))
        return self.wire.inside(tool, "-S", *to, "-k", "QueryRetrieveLevel=STUDY", *options)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    where = tmp_path_factory.mktemp("archive")
    with wire(11) as lab:
        archive, tls = _free_port(), _free_port()
        near, far = (ipaddress.ip_address(each) for each in (lab.near_ip, lab.far_ip))
        reader = Peer(name="Reader", ae_titles=("READ1",), addresses=(str(far),), tls="allowed")  # type: ignore[arg-type]
        servers = (
            Server("archive", frozenset({near}), archive, frozenset({"ARCH"}), False, False),
            Server("tls", frozenset({near}), tls, frozenset({"ARCH"}), False, False),
        )
        known = Registry((reader,), servers, frozenset({"EDGE01"}), frozenset({near}), "DECOY")
        (where / "store").mkdir()
        (where / "cfg").write_text(ARCHIVE.format(port=archive, far=lab.far_ip, where=where / "store"))
        (where / "pem").write_bytes(certificate(-900, -500))
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        serve = ("openssl", "s_server", "-accept", str(tls), "-cert", str(where / "pem"), "-key", str(where / "pem"))
        processes = [
            subprocess.Popen(("dcmqrscp", "-c", str(where / "cfg")), cwd=where, **quiet),  # type: ignore[call-overload]
            subprocess.Popen((*serve, "-quiet", "-cipher", "ALL:@SECLEVEL=0"), **quiet),  # type: ignore[call-overload]
        ]
        assert _listens(lab.near_ip, archive)
        assert _listens(lab.near_ip, tls)
        yield Site(lab, archive, tls, known)
        for process in processes:
            process.terminate()
            process.wait(5)


@pytest.mark.parametrize(
    ("keys", "rules"), [(("-k", "PatientName"), {"D08"}), (("-k", "PatientName", "-k", "PatientID=4711"), set())]
)
def test_findscu_asks_for_everything_or_for_one(site: Site, keys: tuple[str, ...], rules: set[str]) -> None:
    with site.watch() as watcher:
        assert site.reader("findscu", *keys).returncode == 0
        assert watcher.wait(lambda: watcher.engine.statistics.commands >= 2)
    assert watcher.rules == rules


@pytest.mark.parametrize(("target", "spoke"), [("THIEF", True), ("READ1", False)])
def test_movescu_to_a_stranger(site: Site, target: str, spoke: bool) -> None:
    with site.watch() as watcher:
        site.reader("movescu", "-aem", target, "-k", "StudyInstanceUID=1.2.3.4711")
        assert watcher.wait(lambda: watcher.engine.statistics.commands >= 2)
    assert ("D07" in watcher.rules) is spoke
    assert "4711" not in str(watcher.alerts)


def test_nmaps_dicom_brute(site: Site, tmp_path: Path) -> None:
    titles = tmp_path / "titles"
    titles.write_text("".join(f"GUESS{number}\n" for number in range(15)))
    with site.watch() as watcher:
        script = ("--script", "+dicom-brute", "--script-args", f"passdb={titles}")
        site.wire.inside("nmap", "-Pn", "-n", *script, "-p", str(site.archive), site.wire.near_ip)
        watcher.wait(lambda: "D04" in watcher.rules)
    assert {"D01", "D02", "D04", "D05"} <= watcher.rules


def test_old_tls_and_an_old_certificate(site: Site) -> None:
    call = f"openssl s_client -connect {site.wire.near_ip}:{site.tls} -tls1_2"
    for cipher, rules in (
        ("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", {"D16", "D17"}),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", {"D17"}),
    ):
        with site.watch() as watcher:
            site.wire.inside("sh", "-c", f"{call} -cipher {cipher} </dev/null")
            assert watcher.wait(lambda: watcher.engine.statistics.tls >= 1)
            watcher.wait(lambda: "D17" in watcher.rules)
        assert watcher.rules == rules
        found = next(each for each in watcher.alerts if each["alert"]["signature_id"] == "D17")
        assert "expired on" in found["alert"]["metadata"]["evidence"]


FORGE = """
import sys
from scapy.arch.linux import L2Socket
from scapy.layers.l2 import ARP, Ether
far, near, mac = sys.argv[1:]
with L2Socket(iface=far) as out:
    out.send(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=mac, psrc=near, pdst=near))
"""


def test_a_forged_arp_answer(site: Site) -> None:
    with site.watch() as watcher:
        run("ip", "neigh", "flush", "dev", site.wire.near)
        site.wire.inside("ip", "neigh", "flush", "dev", site.wire.far)
        site.reader("findscu", "-k", "PatientID=1")  # the hosts ask for each other
        assert watcher.wait(lambda: watcher.engine.statistics.link_frames >= 2)
        assert watcher.rules == set()
        site.wire.inside(sys.executable, "-c", FORGE, site.wire.far, site.wire.near_ip, "02:66:66:66:66:66", check=True)
        watcher.wait(lambda: "D38" in watcher.rules)
    assert watcher.rules == {"D38"}
    site.wire.inside("ip", "neigh", "flush", "dev", site.wire.far)


def test_nmap_hides_in_tiny_fragments(site: Site) -> None:
    with site.watch() as watcher:
        site.wire.inside("nmap", "-Pn", "-n", "-sS", "-f", "-p", str(site.archive), site.wire.near_ip)
        watcher.wait(lambda: bool(watcher.alerts))
    assert watcher.rules == {"D48"}


def test_the_decoy_port(site: Site) -> None:
    with site.watch(decoy_port=11112) as watcher:
        site.wire.inside("nmap", "-Pn", "-n", "-sS", "-p", "11112,11113", site.wire.near_ip)
        watcher.wait(lambda: bool(watcher.alerts))
    assert watcher.rules == {"D13"}
