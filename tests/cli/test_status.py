"""`appliance status`: the bad first, with what to do; plain text where there is no terminal; exit statuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from appliance.cli.main import run
from appliance.cli.status_screen import screen
from appliance.panel.desk import Desk
from appliance.panel.health import examine
from appliance.panel.health.facts import Facts
from appliance.panel.lamps import states
from tests.cli.sites import make_site
from tests.panel.health.given import NOW, QUEUE, facts, said
from tests.panel.health.test_health import SPOILT

ALERT = {
    "program": "sensor", "seen": NOW - 60, "timestamp": "2023-11-14T22:12:20.000000+00:00", "src_ip": "192.0.2.9",
    "alert": {"signature_id": "D01", "signature": "unknown [bold]peer", "severity": 1, "metadata": {"advice": "Look."}},
}  # fmt: skip


def status(known: Facts) -> dict[str, Any]:
    """What the panel answers."""
    findings = examine(known)
    return {
        "time": NOW,
        "programs": dict(known.programs),
        "alerts": {"count": len(known.alerts), "latest": list(known.alerts), "rules": []},
        "findings": [{**each.as_dict(), "since": each.since or NOW - 7200} for each in findings],
        "lamps": states(known.programs, False, [lamp for each in findings for lamp in each.lamps]),
        "syslog": known.exporter,
    }


BAD = facts(
    clock_set=False,
    alerts=[ALERT],
    programs={"forward": said(destinations={"pacs": {**QUEUE, "held": 3, "error": "connection refused"}})},
)


class Answering:
    def __init__(self, root: Path) -> None:
        self.config = make_site(root)
        self.config.write_text(self.config.read_text().replace("/run/appliance", str(root / "run")))
        (root / "run").mkdir(exist_ok=True)
        self.desk = Desk(root / "run")
        self.threads: list[threading.Thread] = []

    def answer(self, known: Facts, times: int = 1) -> None:
        def serve() -> None:
            for _ in range(times):
                self.desk.answer(status(known))

        self.threads.append(threading.Thread(target=serve, daemon=True))
        self.threads[-1].start()


@pytest.fixture
def panel(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    made = Answering(tmp_path)
    monkeypatch.setattr("time.time", lambda: NOW)
    capsys.readouterr()
    yield made
    for thread in made.threads:
        thread.join(1)
    made.desk.socket.close()


def test_all_well(panel: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    panel.answer(facts())
    assert run(["status", "--config", str(panel.config)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("All well.\n")
    assert "✓" in out and "pacs" in out and "takes deliveries" in out and "for 2 h" in out
    assert "Lamps: ready serving, traffic open, backlog none, alarm quiet" in out
    assert "!" not in out and "\x1b" not in out


def test_what_is_bad_comes_first_with_what_to_do(panel: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    panel.answer(BAD)
    assert run(["status", "--config", str(panel.config)]) == 1
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "1 thing needs you now, and 3 things soon."
    assert lines[1] == "! D01 unknown [bold]peer: 1 alert, the last from 192.0.2.9, 60 s ago"
    assert lines[2] == "    → Look."
    assert "! pacs 3 instances held here: refused for good, or held back by a person (for 2 h)" in lines
    assert "    → `appliance queue held` says why. Mend it there, then `appliance queue retry`." in lines
    assert out.index("! clock") < out.index("What works") < out.index("Programs") < out.index("Deliveries")
    assert "failing" in out and "2023-11-14 22:12:20" in out


def test_for_machines(panel: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    panel.answer(BAD)
    assert run(["status", "--json", "--config", str(panel.config)]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert {"time", "programs", "alerts", "findings", "lamps", "syslog"} == set(answer)
    (clock,) = [each for each in answer["findings"] if each["question"] == "clock"]
    assert set(clock) == {"question", "subject", "level", "what", "fix", "since", "lamps"}


def test_nobody_answers(panel: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    panel.desk.socket.close()
    assert run(["status", "--config", str(panel.config)]) == 70
    assert "the panel does not answer" in capsys.readouterr().err


def test_watching_goes_on_until_it_is_interrupted(panel: Answering) -> None:
    panel.answer(facts(), times=1000)
    command = [sys.executable, "-m", "appliance", "status", "--watch", "--json", "--config", str(panel.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        for _ in range(2):
            assert json.loads(watching.stdout.readline())["programs"]
        watching.send_signal(2)
        assert watching.wait(10) == 130


def drawn(known: Facts, width: int = 80) -> list[str]:
    """The lines of the screen on a terminal without colours."""
    console = Console(width=width, no_color=True, highlight=False, file=io.StringIO())
    for part in screen(status(known), NOW):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_every_trouble_fits_on_a_terminal_and_hangs_together() -> None:
    for each in SPOILT:
        lines = drawn(each)
        assert all(len(line) <= 80 for line in lines)
        for line in lines[1 : lines.index("")]:
            assert line.startswith(("! ", "  ", "    → ", "      ")), lines


def test_a_terminal_without_our_letters_shows_the_rest(panel: Answering) -> None:
    panel.answer(BAD)
    command = [sys.executable, "-m", "appliance", "status", "--config", str(panel.config)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"    ? `appliance queue held` says why." in done.stdout


def test_a_box_that_starts_is_not_called_well() -> None:
    lines = drawn(facts(programs={"receive": said("starting"), "sensor": said("starting")}))
    assert lines[0] == "It starts: receive, sensor are not ready yet."
    assert not [line for line in lines if "0 associations" in line or "0 packets" in line]
    lines = drawn(facts(programs={"forward": said(starting="comparing, 12 of 256")}))
    assert lines[0] == "It starts: forward is not ready yet."
    assert len([line for line in lines if "starts: comparing, 12 of 256" in line]) == 2


def test_what_is_well_of_one_thing_is_one_line_and_empty_columns_are_left_out() -> None:
    lines = drawn(facts(), 140)
    (pacs,) = [line for line in lines if line.startswith("✓  pacs")]
    assert "takes deliveries; nothing waits; has proven all that it stored" in pacs
    (headings,) = [line.split() for line in lines if "destination" in line]
    assert headings == ["destination", "state", "waiting", "delivered"]
    busy = facts(
        programs={"forward": said(destinations={"pacs": {**QUEUE, "waiting": 9, "leased": 1, "oldest": NOW - 9}})}
    )
    (headings,) = [line.split() for line in drawn(busy, 140) if "destination" in line]
    assert headings == ["destination", "state", "waiting", "sent", "now", "delivered", "oldest", "empty"]


@pytest.mark.parametrize("mistake", ["\n[[peer]]\nnam = 1\n", "\n[peer\n"])
def test_a_file_with_mistakes_does_not_hide_what_runs(
    panel: Answering, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    with panel.config.open("a") as file:
        file.write(mistake)
    panel.answer(facts(own={"config_error": "x.toml:9: [peer is no section"}))
    assert run(["status", "--config", str(panel.config)]) == 1
    out = capsys.readouterr().out
    assert "x.toml:9: [peer is no section" in out and "What works" in out
