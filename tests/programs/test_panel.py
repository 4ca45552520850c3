"""The panel as a process: lamps on a fake sysfs, programs that are killed, metrics, a collector, reloads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import LocalError
from appliance.host.snapshot import Reporter
from appliance.panel.desk import ask
from appliance.panel.lamps import BY_KEY, TABLE, URGENCY
from tests import rsyslog
from tests.delivery.upstream import free_port
from tests.panel.sysfs import board, lamp, read
from tests.panel.syslog.test_export import Sink, Site

RUN = """
import os
import sys
from pathlib import Path
from appliance.panel import leds
directory = Path(sys.argv.pop(1))
find = leds.find
leds.find = lambda names, _=None, **more: find(names, directory, **more)
from appliance.cli.main import run
from appliance.panel import board, look
from appliance.panel.health.facts import Machine
look.look_at_machine = lambda _: Machine()  # how this machine is, is not asked here
if "CLOCK" in os.environ:
    import time
    right, wrong = time.time, Path(os.environ["CLOCK"])
    time.time = lambda: right() + float(wrong.read_text())
board.SILENT_AFTER = float(os.environ.get("SILENT_AFTER", board.SILENT_AFTER))
sys.exit(run(sys.argv[1:]))
"""
TALK = """
import select, sys, time
from pathlib import Path
from appliance.host.snapshot import Reporter
reporter = Reporter(Path(sys.argv[1]), sys.argv[2])
words = {"receive": {"associations": 0, "stored_bytes": 0}, "forward": {"destinations": {}}, "sensor": {"packets": 1}}
while not reporter.send(words.get(sys.argv[2], {})):
    time.sleep(0.05)
print("spoke", flush=True)
while not select.select([sys.stdin], [], [], 0.5)[0]:
    reporter.send(words.get(sys.argv[2], {}))
"""

STRANGER = """
import os, sys
from pathlib import Path
from appliance.host.snapshot import Reporter
reporter = Reporter(Path(sys.argv[1]), "receive")
os.setgroups([]); os.setgid(65533); os.setuid(65533)
print(reporter.send({"stored": 666}))
"""


def until(condition: Callable[[], bool], seconds: float = 30) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not come to that in time"
        time.sleep(0.01)
    return time.monotonic() - began


class Box:
    """A panel, its lamps, and programs that only talk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime = root / "run"
        self.lamps = board(root / "leds", "ready", "traffic", "backlog", "alarm")
        self.config = root / "appliance.toml"
        self.panel: subprocess.Popen[bytes] | None = None
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.configure()

    def configure(self, more: str = "") -> None:
        self.config.write_text(
            f'[appliance]\nae_title = "EDGE01"\nstate_dir = "{self.root}/state"\nruntime_dir = "{self.runtime}"\n'
            f'[receive]\nlisten_plain = ["127.0.0.1:11112"]\n[vault]\nrecipients = ["age1{"q" * 58}"]\n'
            f'min_free = "1MiB"\n[sensor]\ninterface = "eth9"\nrespond = "dry-run"\n{more}'
        )

    def start(self, *wrap: str) -> None:
        command = [*wrap, sys.executable, "-c", RUN, str(self.root / "leds")]
        command += ["program", "panel", "--config", str(self.config)]
        with (self.root / "panel.log").open("ab") as log:
            self.panel = subprocess.Popen(command, stderr=log, stdout=log)

    def talk(self, name: str) -> None:
        command = [sys.executable, "-c", TALK, str(self.runtime), name]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.programs[name] = process
        assert process.stdout is not None
        assert process.stdout.readline() == b"spoke\n"

    def kill(self, name: str) -> None:
        process = self.programs.pop(name)
        process.kill()
        process.communicate()

    def status(self) -> dict[str, Any]:
        return ask(self.runtime)

    def answers(self) -> bool:
        try:
            self.status()
        except LocalError:
            return False
        return True

    def shows(self, lamp: str) -> str:
        return read(self.lamps[lamp], "pattern")

    @property
    def log(self) -> str:
        path = self.root / "panel.log"
        return path.read_text() if path.exists() else ""  # a test that was skipped has started no panel

    def stop(self) -> None:
        for name in tuple(self.programs):
            self.kill(name)
        if self.panel:
            self.panel.terminate()
            assert self.panel.wait(15) == 0, self.log
            self.panel = None


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    try:
        made.stop()
    finally:
        if made.panel:
            made.panel.kill()
            made.panel.wait()
    assert "Traceback" not in made.log and "INTERNAL-ERROR" not in made.log, made.log


ON, OFF, FAST = "255 10000 255 0 0 100 0 0", "0 60000 0 0", "255 200 255 0 0 200 0 0"


@pytest.fixture
def running(box: Box) -> Box:
    box.start()
    until(box.answers)
    for name in ("receive", "forward", "sensor", "respond"):
        box.talk(name)
    until(lambda: (box.shows("ready"), box.shows("alarm")) == (ON, OFF))
    return box


def steps(lamp: Path) -> list[tuple[int, int]]:
    """What the kernel was told to play, as levels of 0 and 1 with their milliseconds."""
    numbers = [int(word) for word in read(lamp, "pattern").split()]
    return [(level // 255, length) for level, length in zip(numbers[::4], numbers[1::4], strict=True)]


# The rows that hold, and in what the words of the programs differ then from those of a box that is well.
WELL: dict[str, dict[str, Any]] = {"receive": {"associations": 0}, "forward": {"destinations": {}}, "sensor": {}}
SCENES: list[tuple[str, dict[str, dict[str, Any]]]] = [
    ("ready:serving traffic:idle backlog:none alarm:quiet", {}),
    ("traffic:open", {"receive": {"associations": 1}}),
    ("traffic:moving", {"receive": {"associations": 1, "stored_bytes": 10}}),
    ("backlog:waiting", {"forward": {"destinations": {"pacs": {"error": "connection refused"}}}}),
    ("backlog:locked", {"forward": {"identity": {"state": "locked", "lamp": True, "source": "unlock"}}}),
    ("backlog:held", {"forward": {"destinations": {"pacs": {"held": 3}}}}),
    ("alarm:notice", {"sensor": {"stopped": True}}),
    ("alarm:alarm", {"forward": {"config_error": "a mistake"}}),
    ("ready:off", {"receive": {"stopped": True}}),
]


@pytest.fixture
def scenes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_every_row_of_the_table_is_shown_by_four_lamps_and_by_one(box: Box, scenes: ExitStack) -> None:
    (single,) = board(box.root / "leds", "single").values()
    shown = {row.key for row in TABLE if row.by != "panel"}  # by systemd: tests/units/test_units.py

    def shows(*keys: str) -> bool:
        urgent = min((key for key in keys if key in URGENCY), key=URGENCY.index, default="ready:serving")
        for key in keys:
            lamp, wanted = box.lamps[key.partition(":")[0]], BY_KEY[key].pattern.steps
            if steps(lamp)[: len(wanted)] != list(wanted):
                return False
        only = BY_KEY[urgent].single.steps
        return steps(single)[: len(only)] == list(only)

    box.start()
    until(lambda: box.answers() and shows("ready:starting"))
    shown.add("ready:starting")
    reporters = {name: Reporter(box.runtime, name) for name in WELL}
    scenes.callback(lambda: [each.close() for each in reporters.values()])
    for rows, said in SCENES:
        keys = rows.split()
        for name, reporter in reporters.items():
            until(lambda name=name, said=said, reporter=reporter: reporter.send(WELL[name] | said.get(name, {})))
        until(lambda keys=keys: shows(*keys))
        shown.update(keys)
    text = box.config.read_text()
    box.config.write_text(text.replace('min_free = "1MiB"', 'min_free = "900TiB"'))
    assert reporters["receive"].send(WELL["receive"])
    until(lambda: shows("ready:refusing", "alarm:alarm"))
    shown.add("ready:refusing")
    assert shown == set(BY_KEY), "the table has a row that nobody showed"


@pytest.mark.parametrize("how", ["killed", "ends"])
@pytest.mark.parametrize("name", ["receive", "forward", "sensor", "respond"])
def test_a_program_that_is_gone_lights_the_alarm_within_five_seconds(running: Box, name: str, how: str) -> None:
    if how == "killed":
        running.kill(name)
    else:
        running.programs.pop(name).communicate(b"")
    took = until(lambda: running.shows("alarm") == FAST)
    assert took < 5
    assert running.shows("ready") == (OFF if name == "receive" else ON)
    assert running.status()["programs"][name]["state"] == "ended"
    (finding,) = [each for each in running.status()["findings"] if each["level"] != "ok"]
    assert (finding["subject"], finding["question"]) == (name, "program")
    running.talk(name)
    until(lambda: (running.shows("alarm"), running.shows("ready")) == (OFF, ON))
    until(lambda: f"HEALTH-RAISED: program: {name} ended by itself" in running.log)
    until(lambda: f"HEALTH-CLEARED: program: {name} runs" in running.log)


def test_a_program_that_hangs_lights_the_alarm_when_it_was_silent_too_long(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILENT_AFTER", "3")  # what a busy machine takes for silence is not what is asked here
    box.start()
    until(box.answers)
    for name in ("receive", "forward", "sensor", "respond"):
        box.talk(name)
    until(lambda: (box.shows("ready"), box.shows("alarm")) == (ON, OFF))
    box.programs["receive"].send_signal(signal.SIGSTOP)
    until(lambda: (box.shows("ready"), box.shows("alarm")) == (OFF, FAST))
    assert box.status()["programs"]["receive"]["state"] == "silent"
    box.programs["receive"].send_signal(signal.SIGCONT)
    until(lambda: (box.shows("ready"), box.shows("alarm")) == (ON, OFF))


def test_a_clock_that_is_set_after_the_start_makes_nobody_silent(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setenv("CLOCK", str(clock))
    box.start()
    until(box.answers)
    for name in ("receive", "forward", "sensor", "respond"):
        box.talk(name)
    until(lambda: (box.shows("ready"), box.shows("alarm")) == (ON, OFF))
    before = box.status()
    (tmp_path / "new").write_text("90000")
    (tmp_path / "new").rename(clock)
    box.programs["receive"].kill()  # it is judged anew
    until(lambda: box.shows("alarm") == FAST)
    after = box.status()
    assert after["time"] > before["time"] + 80000
    (bad,) = [each for each in after["findings"] if each["level"] != "ok"]
    assert bad["subject"] == "receive" and after["time"] - bad["since"] < 60
    assert after["time"] - after["programs"]["forward"]["since"] < 60


def test_the_ready_lamp_is_renewed_while_we_live_and_goes_dark_when_we_hang(running: Box) -> None:
    ready = running.lamps["ready"]

    def renewed() -> bool:
        return read(ready, "repeat") == "1"

    (ready / "repeat").write_text("")
    until(renewed)
    assert running.panel
    running.panel.send_signal(signal.SIGSTOP)
    (ready / "repeat").write_text("")
    time.sleep(5)  # longer than any renewal: the kernel's pattern comes to its end
    assert not renewed()
    running.panel.send_signal(signal.SIGCONT)
    until(renewed)


def test_a_panel_that_stops_leaves_the_lamps_dark(running: Box) -> None:
    running.stop()
    assert {running.shows(lamp) for lamp in running.lamps} == {OFF}


def test_a_stranger_on_the_box_cannot_speak_for_a_program(running: Box) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can take on another user")
    socket_path = running.runtime / "panel.sock"
    socket_path.chmod(0o777)
    for each in (running.runtime, running.root, *running.root.parents[:4]):
        if each.stat().st_uid == os.geteuid() and str(each).startswith("/tmp/"):
            each.chmod(each.stat().st_mode | 0o001)
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(running.runtime)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\n", done.stderr
    assert "stored" not in running.status()["programs"]["receive"]


def scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return ""


def test_metrics_are_served_where_the_configuration_says(box: Box) -> None:
    port = free_port()
    box.configure(f'[panel]\nmetrics = "127.0.0.1:{port}"\n')
    box.start()
    until(lambda: "appliance_build_info" in scrape(port))
    box.talk("receive")
    until(lambda: 'appliance_program_up{program="receive"} 1.0' in scrape(port))


def test_a_place_for_the_spool_that_comes_late_is_used(box: Box) -> None:
    box.configure(f'[alerts]\nsyslog = "tls://127.0.0.1:{free_port()}"\nca = "/nowhere/ca.crt"\n')
    (box.root / "state").mkdir()
    (box.root / "state/syslog").write_bytes(b"")  # no directory
    box.start()
    until(box.answers)
    reporter = Reporter(box.runtime, "receive")
    for number in range(3):
        reporter.send({"medium": f"word {number}"})  # the panel looks anew where that changes
        box.status()
    until(lambda: box.status()["syslog"]["waiting"] > 0)  # what is to be told waits in memory
    until(lambda: "DISK-REFUSED" in box.log)
    assert box.log.count("DISK-REFUSED") == 1
    (box.root / "state/syslog").unlink()
    reporter.send({"medium": ""})
    until(lambda: box.status()["syslog"]["lost"] > 0)  # the collector never took what waited
    reporter.tell({"alert": {"signature_id": "D01", "signature": "unknown peer", "severity": 1}})
    until(lambda: b" D01 " in b"".join(path.read_bytes() for path in (box.root / "state/syslog").iterdir()))
    reporter.close()


def test_without_a_place_for_the_spool_the_collector_hears_all_the_same(box: Box, tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    site, place = Site(tmp_path / "tls"), box.root / "state/syslog"
    sink = Sink(site.context)
    box.configure(
        f'[alerts]\nsyslog = "tls://127.0.0.1:{sink.port}"\nca = "{site.root}/ca.crt"\n'
        f'certificate = "{site.root}/panel.crt"\nkey = "{site.root}/panel.key"\nserver_name = "localhost"\n'
    )
    (box.root / "state").mkdir()
    place.write_bytes(b"")  # no directory
    box.start()
    until(box.answers)
    reporter = Reporter(box.runtime, "receive")
    for number in (1, 2):
        about = {"signature_id": "D01", "signature": f"alert {number}", "severity": 1}
        reporter.tell({"alert": about})
        until(lambda number=number: number in sink.records())
        if number == 1:
            place.unlink()
            reporter.send({"medium": "another"})  # the panel looks anew
            until(place.is_dir)
    assert sink.records() == [1, 2]
    assert box.status()["syslog"]["lost"] == 0
    reporter.close()
    sink.close()


def test_metrics_are_served_on_the_socket_of_the_service_manager(box: Box) -> None:
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        pytest.skip("systemd-socket-activate is not on this machine")
    pytest.importorskip("systemd.daemon", reason="systemd-python is not installed")
    port = free_port()
    box.start(activate, "-l", f"127.0.0.1:{port}", "--fdname=metrics")
    until(lambda: "appliance_build_info" in scrape(port))


def test_a_port_that_is_taken_is_said_and_the_rest_works(box: Box) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        box.configure(f'[panel]\nmetrics = "127.0.0.1:{other.getsockname()[1]}"\n')
        box.start()
        until(box.answers)
        until(lambda: "METRICS-UNSERVED" in box.log)


def test_a_broken_file_keeps_the_old_configuration_and_lights_the_lamp(running: Box) -> None:
    assert running.panel
    good = running.config.read_text()
    running.config.write_text(good + "[panel]\nbogus = 1\n")
    running.panel.send_signal(signal.SIGHUP)
    until(lambda: running.shows("alarm") == FAST)
    (finding,) = [each for each in running.status()["findings"] if each["level"] != "ok"]
    assert finding["question"] == "configuration" and "panel.bogus: unknown key" in finding["what"]
    running.config.write_text(good)
    running.panel.send_signal(signal.SIGHUP)
    until(lambda: running.shows("alarm") == OFF)


def test_lamps_that_are_named_otherwise_change_places_while_it_runs(running: Box) -> None:
    other = lamp(running.root / "leds", "other:green:signal")
    running.configure('[panel]\nleds = { ready = "other:green:signal", alarm = "edge:white:alarm" }\n')
    until(lambda: (read(other, "pattern"), running.shows("alarm")) == (ON, OFF))
    assert running.shows("ready") == OFF
    running.configure()
    until(lambda: (running.shows("ready"), read(other, "pattern")) == (ON, OFF))


def test_alerts_and_findings_reach_rsyslog_also_when_it_comes_late(box: Box, tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    site = Site(tmp_path / "tls")
    (tmp_path / "sink").mkdir()
    with rsyslog.collector("ossl", tmp_path / "sink", site.root) as sink:
        sink.stop()
        box.configure(
            f'[alerts]\nsyslog = "tls://127.0.0.1:{sink.port}"\nca = "{site.root}/ca.crt"\n'
            f'certificate = "{site.root}/panel.crt"\nkey = "{site.root}/panel.key"\nserver_name = "localhost"\n'
        )
        box.start()
        until(box.answers)
        reporter = Reporter(box.runtime, "sensor")
        about = {"signature_id": "D01", "signature": "unknown peer", "severity": 1, "metadata": {"advice": "Look."}}
        for number in range(20):
            record = {"src_ip": f"192.0.2.{number}", "alert": about, "study": "QUILLFEATHER"}
            reporter.tell(record)
        until(lambda: box.status()["syslog"]["waiting"] >= 20)
        reporter.close()
        assert box.panel is not None
        box.panel.kill()  # what waits is on the disk
        box.panel.wait()
        sink.start()
        box.start()

        def told() -> list[dict[str, Any]]:
            text = sink.records.read_text() if sink.records.exists() else ""
            return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

        until(lambda: len([each for each in told() if each["kind"] == "D01"]) == 20)
        assert b"QUILLFEATHER" not in sink.records.read_bytes()
        sources = [each["data"].partition('source="')[2].partition('"')[0] for each in told() if each["kind"] == "D01"]
        assert sources == [f"192.0.2.{number}" for number in range(20)]
        assert [each for each in told() if each["kind"] == "HEALTH-RAISED" and each["app"] == "appliance-panel"]
        spooled = b"".join(path.read_bytes() for path in (tmp_path / "state/syslog").iterdir())
        assert b"QUILLFEATHER" not in spooled


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into its memory")
def test_it_starts_soon_and_stays_small(running: Box) -> None:
    assert running.panel
    rollup = Path(f"/proc/{running.panel.pid}/smaps_rollup").read_text()
    (pss,) = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    assert pss < 60 << 10, f"{pss} KiB"
