"""The configuration changes under a running appliance: what was begun goes on, what comes is under the new one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.demo.dcmtk import Modality
from appliance.config.load import load_config
from tests.delivery.relay import Relay
from tests.delivery.upstream import StoreScp, free_port, until
from tests.e2e.conftest import Start, starting
from tests.e2e.test_receive import associated
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


class Gate(Relay):
    """A way to a peer that lets 100 kB through, and the rest when `opened`."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.opened = threading.Event()

    def _harm(self, data: bytes) -> bytes:
        if self.passed > 100_000:
            assert self.opened.wait(30)
        return super()._harm(data)


def put_in_force(box: Box) -> None:
    """Save, as an editor does; returns when forward has it."""
    before = (box.ask("queue") or {})["config"]
    box.configure()
    until(lambda: (box.ask("queue") or {"config": before})["config"]["digest"] != before["digest"])


def test_destinations_come_change_and_go_while_it_runs(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "one") as one, StoreScp(tmp_path / "two") as two:
        box.destination("pacs", free_port())  # nobody is there
        box.configure()
        box.start()
        box.state.put()
        until(lambda: "cannot connect" in box.log)
        box.destination("pacs", one.port)  # the entry is mended: no restart, and no waiting for the next try
        put_in_force(box)
        until(lambda: box.delivered() == 1, 5)
        box.destination("second", two.port)
        put_in_force(box)
        box.state.put()
        until(lambda: (box.delivered(), box.delivered("second")) == (2, 1))
        del box.destinations["pacs"]
        put_in_force(box)
        box.state.put()
        until(lambda: box.delivered("second") == 2)
        assert set((box.ask("queue") or {})["destinations"]) == {"second"}
        box.destination("pacs", one.port)  # it comes back, with what it had
        put_in_force(box)
        assert box.delivered() == 2
        box.state.put()
        until(lambda: box.delivered() == 3)
        assert len(one.received()) == 3
        assert len(two.received()) == 3
    assert box.stop() == 0
    assert "INTERNAL-ERROR" not in box.log


def test_a_running_transfer_goes_on_under_what_it_began_with(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "old") as old, StoreScp(tmp_path / "new") as new, Gate(old.port) as gate:
        box.destination("pacs", gate.port)
        box.configure()
        box.start()
        box.ready()
        box.state.put(pixels=2_000_000)
        until(lambda: gate.passed > 100_000)
        box.destination("pacs", new.port)
        put_in_force(box)
        box.state.put()
        until(lambda: len(new.received()) == 1)  # what came later need not wait for it
        until(lambda: box.delivered() == 1)
        gate.opened.set()
        until(lambda: box.delivered() == 2)
        assert len(old.received()) == 1
        assert {**old.received(), **new.received()} == box.state.sent
    assert box.stop() == 0
    assert "DELIVERY-FAILED" not in box.log


def test_a_broken_file_keeps_forward_at_work_and_is_told(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        box.ready()
        good = box.path.read_text()
        box.path.write_text(good.replace("kind =", "kin ="))
        until(lambda: (box.ask("queue") or {}).get("config_error"))
        assert "kind" in (box.ask("queue") or {})["config_error"]
        box.state.put()
        until(lambda: box.delivered() == 1)
        box.path.write_text(good)
        until(lambda: (box.ask("queue") or {"config_error": "?"})["config_error"] == "")
    assert box.stop() == 0
    assert box.log.count("CONFIG-REJECTED") == 1


def test_what_matched_no_route_goes_where_a_new_one_says(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        good = box.path.read_text()
        box.path.write_text(good.replace("[[route]]\n", '[[route]]\nwhen = { modality = ["MR"] }\n'))
        box.start()
        box.ready()
        first = box.state.put()
        until(lambda: f"object {first} from CT suite matches no [[route]]" in box.log)
        before = (box.ask("queue") or {})["config"]["digest"]
        box.path.write_text(good)
        until(lambda: box.delivered() == 1)
        assert (box.ask("queue") or {})["config"]["digest"] != before
        until(lambda: "OBJECTS-ROUTED" in box.log)
        assert upstream.received() == box.state.sent
        # And where the file was changed while it did not run.
        box.path.write_text(good.replace("[[route]]\n", '[[route]]\nwhen = { modality = ["MR"] }\n'))
        until(lambda: (box.ask("queue") or {"config": {"digest": ""}})["config"]["digest"] == before)
        box.state.put()
        until(lambda: box.log.count("matches no [[route]]") == 2)
        assert box.stop() == 0
        box.path.write_text(good)
        box.start()
        until(lambda: box.delivered() == 2)
    assert box.stop() == 0


def test_keep_counts_at_once(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        box.state.put()
        until(lambda: box.delivered() == 1)
        box.keep = "1s"
        put_in_force(box)
        until(lambda: (box.ask("queue") or {}).get("objects") == 0)
    assert box.stop() == 0


# The whole appliance, and the command


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as begin:
        yield begin


def command(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "appliance", "reload", "--config", str(config), *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=60)


def programs(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["programs"]
    return found


def test_the_command_says_what_became_of_the_file(start: Start) -> None:
    site, box, _ = start()
    pids = {name: box.pids(name)[0] for name in ("receive", "forward", "panel")}
    done = command(site.config, "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"receive: in force", "forward: in force", "panel: in force"} <= set(done.stdout.splitlines())

    good = site.config.read_text()
    site.config.write_text(good.replace("[receive]\n", "[receive]\nidle = '90s'\n"))
    done = command(site.config, "--wait", "--json", "--only", "receive")
    assert (done.returncode, programs(done)) == (0, {"receive": {"state": "in force"}})

    other = good.replace(f"127.0.0.1:{site.port}", f"127.0.0.1:{free_port()}")
    assert other != good
    site.config.write_text(other)
    done = command(site.config, "--wait", "--json")
    assert done.returncode == 1
    assert programs(done)["receive"] == {"state": "needs a restart", "keys": ["receive.listen"]}
    assert programs(done)["forward"] == {"state": "in force"}

    site.config.write_text(good.replace(f"{site.root}/tls/appliance.crt", str(site.config)))
    done = command(site.config, "--wait", "--json")
    assert done.returncode == 78
    assert "cannot use certificate" in programs(done)["receive"]["error"]

    site.config.write_text(good + "\n[[peer]]\nnam = 'x'\n")
    done = command(site.config, "--wait")
    assert done.returncode == 78
    assert 'peer #3.nam: unknown key; did you mean "name"' in done.stderr
    site.config.write_text(good)
    assert command(site.config, "--wait").returncode == 0
    assert pids == {name: box.pids(name)[0] for name in pids}


def test_a_broken_file_lights_the_lamp_and_status_quotes_it(start: Start) -> None:
    site, box, _ = start()
    good = site.config.read_text()
    # Nobody is told: the programs notice by themselves.
    fresh = site.config.with_name("fresh")
    fresh.write_text(good.replace("[vault]\n", "[vault]\nkep = '3h'\n"))
    fresh.replace(site.config)

    def broken() -> list[dict[str, Any]]:
        status = box.status()
        return [each for each in status["findings"] if each["question"] == "configuration" and each["level"] != "ok"]

    assert box.wait(lambda: broken() and "forward" in broken()[0]["subject"], 30)
    assert box.wait(lambda: set(broken()[0]["subject"].split(", ")) >= {"receive", "forward", "panel"}, 30)
    assert 'vault.kep: unknown key; did you mean "keep"' in broken()[0]["what"]
    assert box.status()["lamps"]["alarm"] == "alarm"
    site.config.write_text(good)
    assert box.wait(lambda: not broken(), 30)


def test_under_one_supervisor_the_sensor_goes_and_comes_with_its_section(start: Start) -> None:
    site, box, _ = start()
    if not box.pids("sensor"):
        pytest.skip("without CAP_NET_RAW there is no sensor")
    text = site.config.read_text()
    site.config.write_text(text.partition("[sensor]")[0])
    assert box.wait(lambda: not box.pids("sensor"), 30)
    site.config.write_text(text)
    assert box.wait(lambda: bool(box.pids("sensor")), 30)
    assert "PROGRAM-DIED" not in site.log.read_text()


def test_what_is_changed_about_a_device_counts_for_its_next_association(start: Start) -> None:
    site, box, _ = start()
    ct, good = Modality("CT1", site.ct), site.config.read_text()
    hour = time.localtime().tm_hour
    closed = f"{(hour + 12) % 24:02}:00-{(hour + 14) % 24:02}:00"

    def put_in_force(text: str) -> None:
        site.config.write_text(text)
        os.kill(box.pids("receive")[0], signal.SIGHUP)
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert box.wait(lambda: box.said("receive").get("config", {}).get("digest") == digest, 20, 0.05)

    with associated(site) as begun:
        assert ct.echo(site.port, "EDGE01") == ""
        for old, new in (
            ('["CT1"]', '["CT2"]'),
            ('["CT1"]\naddresses   = ["127.0.0.1"]', '["CT1"]\naddresses   = ["127.0.0.2"]'),
            ("san:ct1.demo.example", "san:other.demo.example"),
            ('["CT1"]', '["CT1"]\naccept = false'),
            ('["CT1"]', f'["CT1"]\nhours = "{closed}"'),
            ('["CT1"]', '["CT1"]\nservices = ["store"]'),
            ('["CT1"]', '["CT1"]\nmax_associations = 1'),
            ('["CT1"]', '["CT1"]\nuser_identity = { type = "username", usernames = ["ct"] }'),
            ('called_ae_titles = ["EDGE01", "PACS"]', 'called_ae_titles = ["PACS"]'),
        ):
            assert old in good
            put_in_force(good.replace(old, new, 1))
            assert ct.echo(site.port, "EDGE01") != "", new
        put_in_force(good)
        assert ct.echo(site.port, "EDGE01") == ""
        begun.sendall(bytes.fromhex("05000000000400000000"))  # A-RELEASE-RQ: it began under what was, and is there yet
        assert begun.recv(10)[:1] == b"\x06"


HEARD_LATE = """
import hashlib, os, signal, sys, time
from pathlib import Path
from appliance.host.snapshot import Reporter
config, reporter, reloads = Path(sys.argv[1]), Reporter(Path(sys.argv[2]), "receive"), 0
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
sys.stdin.readline()
while True:
    read = hashlib.sha256(config.read_bytes()).hexdigest()
    reporter.send({"config": {"read": read, "reloads": reloads, "restart": []}, "config_error": ""})
    reloads += bool(signal.sigtimedwait([signal.SIGHUP], 1))
"""


def test_a_program_that_the_panel_has_not_heard_yet_is_waited_for(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.destination("pacs", free_port())
    box.configure()
    runtime = load_config(box.path).appliance.runtime_dir
    panel = subprocess.Popen([sys.executable, "-m", "appliance", "program", "panel", "--config", str(box.path)])
    late = subprocess.Popen([sys.executable, "-c", HEARD_LATE, str(box.path), str(runtime)], stdin=subprocess.PIPE)
    try:
        until(lambda: (runtime / "status.sock").exists())
        done = command(box.path, "--wait", "--json", "--only", "receive", "--timeout", "0.5")
        assert (done.returncode, programs(done)) == (70, {"receive": {"state": "no answer"}})
        assert late.stdin
        asking = [sys.executable, "-m", "appliance", "reload", "--config", str(box.path), "--wait", "--only", "receive"]
        with subprocess.Popen(asking, stdout=subprocess.PIPE, text=True) as asked:
            time.sleep(1)  # it asks meanwhile
            late.stdin.write(b"\n")
            late.stdin.flush()
            assert asked.communicate(timeout=60)[0] == "receive: in force\n"
        assert asked.returncode == 0
    finally:
        for each in (panel, late):
            each.kill()
            each.communicate()


def test_without_a_panel_it_says_that_it_cannot_know(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.destination("pacs", free_port())
    box.configure()
    done = command(box.path, "--wait")
    assert done.returncode == 70
    assert "the panel does not answer" in done.stderr
