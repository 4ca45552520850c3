"""`appliance queue` with the real forward behind it, and a PACS that comes and goes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from appliance.cli.queue.drain import Progress
from appliance.cli.status_screen import screen
from tests.cli.terminal import on_a_terminal
from tests.delivery.upstream import StoreScp, free_port, until
from tests.delivery.vaults import ROOT
from tests.panel.health.given import facts, said
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def queue(box: Box, *arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "appliance", "queue", *map(str, arguments), "--config", str(box.path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


def as_json(box: Box, *arguments: object, status: int = 0) -> Any:
    ended, out, err = queue(box, *arguments, "--json")
    assert ended == status, err
    return json.loads(out)


def screen_of(state: dict[str, Any]) -> str:
    """What `appliance status` shows, where forward says this."""
    console = Console(width=200)
    told = facts(programs={"forward": {**said(), **state}})
    answer = {"programs": told.programs, "findings": [], "alerts": {"count": 0}, "lamps": {}}
    with console.capture() as shown:
        for part in screen(answer, time.time()):
            console.print(part)
    return shown.get()


def waiting(box: Box) -> int:
    answer = box.ask("queue")
    return -1 if answer is None else int(answer["destinations"]["pacs"]["waiting"])


def test_hold_survives_a_kill_and_release_drains(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        box.ready()
        assert as_json(box, "hold", "pacs") == {"destination": "pacs", "changed": [], "others": []}
        ids = [box.state.put(pixels=500) for _ in range(6)]
        until(lambda: waiting(box) == 6)
        box.stop(signal.SIGKILL)
        box.start()
        box.ready()
        until(lambda: waiting(box) == 6)
        listed = as_json(box, "list")["destinations"]["pacs"]
        assert listed["paused"] is not None
        assert "held back" in queue(box, "list")[1]

        assert as_json(box, "hold", "pacs", ids[0], ids[1])["changed"] == ids[:2]
        ended, out, err = queue(box, "drain", "pacs", "--timeout", "1s")
        assert (ended, out) == (75, "4 instances still wait for pacs (held back).\n"), err
        ended, out, err = queue(box, "release", "pacs")
        assert (ended, out) == (0, "Everything for pacs is held back no more.\n"), err
        drained = as_json(box, "drain", "pacs", "--timeout", "30s", status=1)  # two are held
        assert (drained["left"], drained["held"]) == (0, 2)
        assert len(upstream.received()) == 4
        assert as_json(box, "retry")["released"] == 0  # what a person holds back stays
        shown = as_json(box, "show", ids[0])["deliveries"][0]
        assert (shown["state"], shown["reason"]) == ("held", "a person holds it back")
        assert as_json(box, "release", "pacs", ids[0], status=0)["changed"] == [ids[0]]
        ended, _, err = queue(box, "release", "pacs", ids[0])
        assert ended == 1
        assert "Not held back by a person" in err
        assert as_json(box, "retry", "pacs", ids[1])["released"] == 1  # unless it is named
        assert as_json(box, "drain", "pacs", "--timeout", "30s")["held"] == 0
        assert upstream.received() == box.state.sent


def test_what_fails_and_what_is_next_is_shown_without_a_patient(box: Box, tmp_path: Path) -> None:
    box.destination("pacs", free_port())
    box.configure()
    box.start()
    (object_id, *_) = [box.state.put(pixels=500) for _ in range(3)]
    box.ready()
    until(lambda: (box.ask("queue") or {})["destinations"]["pacs"]["last_error"])
    said = as_json(box, "show", "pacs")
    assert "cannot connect to localhost" in said["destination"]["last_error"]["reason"]
    assert {each["state"] for each in said["deliveries"]} <= {"waiting", "leased"}
    shown = queue(box, "show", "pacs")[1] + queue(box, "list")[1] + queue(box, "show", object_id)[1]
    assert "cannot connect to localhost" in shown
    assert "failing" in shown
    assert said["destination"]["advice"] == "Check the address and the network."
    assert shown.count("Check the address and the network.") == 2  # in `show` of the destination and in `list`
    for secret in (ROOT, "Delivered"):
        assert secret not in shown + json.dumps(said)
    assert queue(box, "show", "f" * 32)[0] == 1
    ended, _, err = queue(box, "show", "nobody")
    assert ended == 70
    assert "Known: pacs" in err
    assert queue(box, "hold")[0] == 2
    seen = on_a_terminal("queue", "drain", "pacs", "--timeout", "1s", "--config", box.path)
    assert "pacs: 0 of 3 gone" in seen.seen
    assert seen.status == 75


def test_what_is_owed_to_a_destination_that_was_taken_out_is_told_and_goes_on_when_it_is_back(
    box: Box, tmp_path: Path
) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("old-1", free_port())
        box.configure()
        box.start()
        box.ready()
        for _ in range(2):
            box.state.put(pixels=500)
        until(lambda: box.ask("queue")["destinations"]["old-1"]["waiting"] == 2)  # type: ignore[index]
        box.destinations.clear()
        box.destination("new", upstream.port)
        box.configure()
        until(lambda: "new" in box.ask("queue")["destinations"])  # type: ignore[index]
        left = as_json(box, "list")["left"]
        assert (list(left), left["old-1"]["waiting"], left["old-1"]["held"]) == (["old-1"], 2, 0)
        shown = queue(box, "list")[1]
        assert "old-1" in shown and "not configured" in shown and "Put its [[destination]] back" in shown
        assert "old-1" in screen_of(box.ask("queue") or {})
        box.destination("old-1", upstream.port)
        box.configure()
        until(lambda: "old-1" in box.ask("queue")["destinations"])  # type: ignore[index]
        assert as_json(box, "drain", "old-1", "--timeout", "30s")["left"] == 0
        assert as_json(box, "list")["left"] == {}
        assert upstream.received() == box.state.sent


def test_progress_on_a_dumb_terminal_has_no_codes_in_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = next(iter(facts().destinations().values()))
    for terminal, codes in (("xterm", True), ("dumb", False)):
        monkeypatch.setenv("TERM", terminal)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        progress = Progress("pacs")
        progress.show(dict(state), 3)
        progress.end()
        shown = capsys.readouterr().err
        assert "0 of 3 gone" in shown and ("\x1b" in shown) is codes
