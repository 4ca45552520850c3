"""Real tools on a real wire, seen live through the ring: who belongs is quiet, who does not is named."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pydicom.data
import pytest

from appliance.capture.ring import Ring
from appliance.config.model import Peer
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Server
from tests.capture.lab import Watcher, Wire, needs, needs_root, run, wire

pytestmark = [needs_root, needs("ip", "echoscu", "storescu", "storescp", "nmap", "openssl")]


@dataclass
class Site:
    """The near host has an SCP in clear, one behind TLS and a watcher; clients call from the far host."""

    wire: Wire
    plain: int
    tls: int
    rogue: int
    registry: Registry
    files: list[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def watch(self) -> Watcher:
        return Watcher(Ring(self.wire.near), Inspection(self.registry, self.wire.near))

    def echo(self, *options: str, calling: str = "CT1", called: str = "EDGE01", port: int = 0) -> int:
        command = ("echoscu", *options, "-aet", calling, "-aec", called, self.wire.near_ip, str(port or self.plain))
        return self.wire.inside(*command).returncode


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


def _listens(address: str, port: int) -> bool:
    for _ in range(100):
        try:
            socket.create_connection((address, port), 0.2).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    where = tmp_path_factory.mktemp("site")
    with wire(7) as lab:
        plain, tls, rogue = _free_port(), _free_port(), _free_port()
        near, far = ipaddress.ip_address(lab.near_ip), ipaddress.ip_address(lab.far_ip)
        peers = (
            Peer(name="CT", ae_titles=("CT1",), addresses=(str(far),), tls="allowed"),
            Peer(name="MR", ae_titles=("MR1",), addresses=("10.20.0.12",), tls="allowed"),
            Peer(name="US", ae_titles=("US1",), addresses=(str(far),), tls="required"),
        )
        servers = (
            Server("this appliance", frozenset({near}), plain, frozenset({"EDGE01"}), False, True),
            Server("this appliance", frozenset({near}), tls, frozenset({"EDGE01"}), True, True),
        )
        registry = Registry(peers, servers, frozenset({"EDGE01"}), frozenset({near}), "ARCHIVE")
        key, certificate = str(where / "key.pem"), str(where / "crt.pem")
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            certificate,
            "-subj",
            "/CN=x",
        )
        files = [
            str(path)
            for name in ("CT_small.dcm", "MR_small.dcm")
            if (path := Path(str(pydicom.data.get_testdata_file(name)))).exists()
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        made = Site(lab, plain, tls, rogue, registry, files)
        store = ("storescp", "+xa", "--fork", "-od", str(where))
        serve = ("openssl", "s_server", "-accept", str(tls), "-cert", certificate, "-key", key, "-quiet")
        made.processes += [
            subprocess.Popen((*store, str(plain)), **quiet),  # type: ignore[call-overload]
            subprocess.Popen(serve, stdin=subprocess.DEVNULL, **quiet),  # type: ignore[call-overload]
            lab.start_inside(*store, str(rogue)),
        ]
        assert _listens(lab.near_ip, plain)
        assert _listens(lab.near_ip, tls)
        assert _listens(lab.far_ip, rogue)
        yield made
        for process in made.processes:
            process.terminate()
            process.wait(5)


def test_who_belongs_is_quiet(site: Site) -> None:
    with site.watch() as watcher:
        assert site.echo() == 0
        to = ("-aet", "CT1", "-aec", "EDGE01", site.wire.near_ip, str(site.plain))
        for options in ((), ("-xi",), ("-R", "--max-pdu", "4096"), ("-R",)):
            done = site.wire.inside("env", "TCP_NODELAY=1", "storescu", *options, *to, *site.files * 8)
            assert done.returncode == 0, done.stderr
        assert watcher.wait(lambda: watcher.engine.statistics.commands >= 100)
    assert watcher.alerts == []
    said = watcher.engine.snapshot()
    assert (said["blind"], said["faults"], watcher.dropped) == (0, 0, 0)
    assert said["associations"] == 5
    assert said["commands"] == 2 + 4 * 2 * len(site.files) * 8
    assert said["skipped"] > 5 * said["inspected"]


STRANGERS = [
    ({"calling": "ROGUE"}, {"D01"}),
    ({"called": "GUESS"}, {"D02"}),
    ({"calling": "MR1"}, {"D03"}),
    ({"called": "ARCHIVE"}, {"D13"}),
    ({"calling": "US1"}, {"D15"}),
    ({"calling": "ANY"}, {"D01"}),
]


@pytest.mark.parametrize(("said", "rules"), STRANGERS)
def test_echoscu_under_false_names(site: Site, said: dict[str, str], rules: set[str]) -> None:
    with site.watch() as watcher:
        site.echo(**said)
        watcher.wait(lambda: bool(watcher.alerts))
    assert watcher.rules == rules
    assert watcher.alerts[0]["src_ip"] == site.wire.far_ip


def test_an_alert_takes_less_than_a_tenth_of_a_second(site: Site) -> None:
    with site.watch() as watcher:
        for name in ("A1", "A2", "A3"):
            site.echo(calling=name, called=name)
            time.sleep(0.2)
        watcher.wait(lambda: len(watcher.alerts) >= 2)
    delays = [
        told - datetime.fromisoformat(record["timestamp"]).timestamp()
        for record, told in zip(watcher.alerts, watcher.told, strict=False)
    ]
    assert min(delays) < 0.1, delays  # the machine may be busy with other tests


def test_nmaps_dicom_ping(site: Site) -> None:
    with site.watch() as watcher:
        done = site.wire.inside(
            "nmap", "-Pn", "-n", "--script", "+dicom-ping", "-p", str(site.plain), site.wire.near_ip
        )
        watcher.wait(lambda: "D05" in watcher.rules)
    assert "DICOM Service Provider discovered" in done.stdout
    assert watcher.rules == {"D01", "D02", "D05"}
    assert (
        "nmap"
        in next(r for r in watcher.alerts if r["alert"]["signature_id"] == "D05")["alert"]["metadata"]["evidence"]
    )


@pytest.mark.parametrize("how", ["-sS", "-sT", "-sN"])
def test_nmaps_port_scans(site: Site, how: str) -> None:
    with site.watch() as watcher:
        site.wire.inside("nmap", "-Pn", "-n", how, "-T5", "-p", "1-300", site.wire.near_ip)
        watcher.wait(lambda: bool(watcher.alerts))
    assert watcher.rules == {"D40"}
    assert len(watcher.alerts) == 2  # at once, and at the end with the count
    assert watcher.alerts[0]["src_ip"] == site.wire.far_ip


def test_a_server_that_nobody_registered(site: Site) -> None:
    with site.watch() as watcher:
        run("echoscu", "-aet", "EDGE01", "-aec", "X", site.wire.far_ip, str(site.rogue), check=False)
        watcher.wait(lambda: "D11" in watcher.rules)
    assert watcher.rules == {"D02", "D11"}
    assert next(r for r in watcher.alerts if r["alert"]["signature_id"] == "D11")["dest_ip"] == site.wire.far_ip


def test_tls_from_who_is_listed_and_from_who_is_not(site: Site) -> None:
    hello = ("openssl", "s_client", "-connect", f"{site.wire.near_ip}:{site.tls}")
    with site.watch() as watcher:
        site.wire.inside("sh", "-c", f"{' '.join(hello)} </dev/null")
        assert watcher.wait(lambda: watcher.engine.statistics.tls >= 1)
    assert watcher.alerts == []
    nobody = Registry((), site.registry.servers, frozenset(), site.registry.own, None)
    with Watcher(Ring(site.wire.near), Inspection(nobody)) as watcher:
        for version in ("-tls1_2", "-tls1_3"):
            site.wire.inside("sh", "-c", f"{' '.join(hello)} {version} </dev/null")
        assert watcher.wait(lambda: watcher.engine.statistics.tls >= 2)
    assert watcher.rules == {"D19"}


def test_cleartext_at_a_tls_listener(site: Site) -> None:
    with site.watch() as watcher:
        site.echo("-to", "2", "-ta", "2", port=site.tls)
        watcher.wait(lambda: "D15" in watcher.rules)
    assert watcher.rules == {"D15"}


def test_banner_grabbing_at_a_dicom_port(site: Site) -> None:
    grab = (
        "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))"
        ".sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')"
    )
    with site.watch() as watcher:
        site.wire.inside(sys.executable, "-c", grab, site.wire.near_ip, str(site.plain), check=True)
        watcher.wait(lambda: bool(watcher.alerts))
    assert watcher.rules == {"D22"}
