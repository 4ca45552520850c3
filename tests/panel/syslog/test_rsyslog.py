"""A real collector: rsyslog over mutual TLS, with OpenSSL and with GnuTLS, killed and started again."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from appliance.config.values import HostPort
from appliance.panel.syslog.collector import connect
from appliance.panel.syslog.export import Exporter
from appliance.panel.syslog.message import Message
from appliance.routing.retry import Backoff
from tests import rsyslog
from tests.panel.syslog.test_export import Site, message, once, until


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def start(site: Site, port: int, spool: Path) -> Exporter:
    address, root = HostPort("127.0.0.1", port), site.root
    pair = (root / "panel.crt", root / "panel.key")
    made = Exporter(
        address,
        spool,
        lambda: connect(address, root / "ca.crt", *pair, "localhost"),
        settle=0.5,
        backoff=Backoff(0.1, 0.3),
    )
    made.start()
    return made


def read(running: rsyslog.Running) -> list[dict[str, Any]]:
    text = running.records.read_text() if running.records.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def numbers(running: rsyslog.Running) -> list[int]:
    return [int(record["text"].rpartition(" ")[2]) for record in read(running)]


@pytest.mark.parametrize("driver", rsyslog.DRIVERS)
def test_rsyslog_reads_what_we_wrote(site: Site, tmp_path: Path, driver: str) -> None:
    with rsyslog.collector(driver, tmp_path, site.root) as running:
        ours = start(site, running.port, tmp_path / "spool")
        odd = 'a "quoted" ] and \\ value\n<13>1 - - - - - -'
        ours.offer(Message(2, 1_700_000_000.25, "sensor", "D01", (("title", odd), ("source", "192.0.2.9")), "x y", 7))
        ours.offer(Message(4, 1_700_000_000.0, "panel", "HEALTH-RAISED", (), "w" * 5000))
        until(lambda: len(read(running)) == 2)
        first, second = read(running)
        until(lambda: ours.state()["waiting"] == 0)
        ours.stop()
    assert (first["pri"], first["app"], first["pid"], first["kind"]) == ("82", "appliance-sensor", "7", "D01")
    assert (first["protocol"], first["text"].strip()) == ("1", "x y")
    assert first["time"] == "2023-11-14T22:13:20.250000+00:00" or first["time"] == "2023-11-14T22:13:20.250000Z"
    assert re.search(r'\[meta sequenceId="1"\]', first["data"])
    assert r'title="a \"quoted\" \] and \\x5c value\\x0a<13>1 - - - - - -" source="192.0.2.9"]' in first["data"]
    assert len(second["text"]) > 1500 and second["kind"] == "HEALTH-RAISED"


@pytest.mark.parametrize("driver", rsyslog.DRIVERS)
def test_kill_minus_nine_of_the_collector_loses_nothing(site: Site, tmp_path: Path, driver: str) -> None:
    with rsyslog.collector(driver, tmp_path, site.root) as running:
        ours = start(site, running.port, tmp_path / "spool")
        told = 0
        for pause in (0.05, 0.0, 0.2):
            for _ in range(200):
                told += 1
                ours.offer(message(told))
            time.sleep(pause)  # that the kill comes at several moments
            running.stop(signal.SIGKILL)
            for _ in range(20):
                told += 1
                ours.offer(message(told))
            running.start()
        until(lambda: ours.state()["waiting"] == 0, 20)
        ours.stop()
        until(lambda: len(set(numbers(running))) == told)
        assert once(numbers(running)) == list(range(1, told + 1))


def test_a_panel_that_the_collector_does_not_know_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other")
    with rsyslog.collector("ossl", tmp_path, site.root) as running:
        address, root = HostPort("127.0.0.1", running.port), other.root
        made = Exporter(
            address,
            tmp_path / "spool",
            lambda: connect(address, site.root / "ca.crt", root / "panel.crt", root / "panel.key", "localhost"),
            backoff=Backoff(0.1, 0.3),
        )
        made.start()
        made.offer(message(1))
        until(lambda: bool(made.state()["error"]))
        made.stop()
        assert made.state()["waiting"] == 1 and read(running) == []
