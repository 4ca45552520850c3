"""`appliance lamps`: the table; and each lamp lit in turn, then given back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from appliance.cli.main import run
from appliance.panel.lamps import FAST, TABLE
from appliance.panel.leds import RENEW, Lamps, alone, find
from tests.cli.sites import make_site
from tests.panel.sysfs import blank, board, lamp, read


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = make_site(tmp_path)
    path.write_text(path.read_text().replace("/run/appliance", str(tmp_path / "run")))
    (tmp_path / "run").mkdir(exist_ok=True)
    capsys.readouterr()
    return path


def test_the_table(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lamps", "--config", str(config)]) == 0
    out, err = capsys.readouterr()
    assert all(row.meaning in out for row in TABLE)
    assert "The appliance does not run" in err
    assert run(["lamps", "--json", "--config", str(config)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(TABLE)


def test_a_box_with_one_lamp_is_told_what_that_one_shows(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lamp(tmp_path / "leds", "edge:green:single")
    assert run(["lamps", "--directory", str(tmp_path / "leds"), "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "6 flashes, pause" in out and "on with short gaps" in out and "dark" in out
    assert "no association is open" not in out, "which it does not show"
    config.write_text(config.read_text() + "\nbroken\n")
    assert run(["lamps", "--directory", str(tmp_path / "leds"), "--config", str(config)]) == 0
    assert "6 flashes, pause" not in capsys.readouterr().out


def try_them(config: Path, directory: Path) -> int:
    return run(["lamps", "test", "--seconds", "0.1", "--directory", str(directory), "--config", str(config)])


def test_each_lamp_is_lit_and_given_back(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = board(tmp_path / "leds", "ready", "alarm")
    (made["ready"] / "trigger").write_text("none [timer] pattern\n")
    (made["alarm"] / "brightness").write_text("7\n")
    assert try_them(config, tmp_path / "leds") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["ready: edge:white:ready is lit", "alarm: edge:white:alarm is lit"]
    assert err.splitlines() == ["traffic: this box has no such lamp", "backlog: this box has no such lamp"]
    assert read(made["ready"], "trigger") == "timer"
    assert (read(made["alarm"], "trigger"), read(made["alarm"], "brightness")) == ("none", "7")


def test_a_lamp_that_played_a_pattern_is_left_so_that_the_panel_notices(config: Path, tmp_path: Path) -> None:
    path = lamp(tmp_path / "leds", "edge:red:alarm")
    lamps = Lamps(find(None, tmp_path / "leds"), tmp_path / "panels-own")  # it does not come to its lamps meanwhile
    lamps.show({"alarm": FAST}, 100.0)
    told = read(path, "pattern")
    assert try_them(config, tmp_path / "leds") == 0
    assert (read(path, "trigger"), read(path, "brightness")) == ("none", "0")
    blank(path)  # as the kernel does when a trigger is chosen
    lamps.show({"alarm": FAST}, 100.0 + RENEW)
    assert (read(path, "trigger"), read(path, "pattern")) == ("pattern", told)


def test_the_lock_of_another_user_is_taken_too(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "run/lamps.lock"
    with alone(lock, wait=True) as ours:
        assert ours
    opened = os.open

    def as_the_kernel_does(path: Path, flags: int, mode: int = 0o777) -> int:
        if path == lock and flags & os.O_CREAT and lock.exists():
            raise PermissionError("fs.protected_regular")  # in a sticky directory, also to root
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", as_the_kernel_does)
    with alone(lock, wait=True) as ours, alone(lock, wait=False) as theirs:
        assert ours and not theirs


def test_a_lamp_that_refuses(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lamp(tmp_path / "leds", "x:alarm", triggers="[none]")
    (path / "brightness").unlink()
    (path / "brightness").mkdir()
    assert try_them(config, tmp_path / "leds") == 1
    assert "alarm: x:alarm cannot be lit" in capsys.readouterr().out


def test_a_box_without_lamps(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert try_them(config, tmp_path / "leds") == 70
    assert "Name them in leds of [panel]" in capsys.readouterr().err


def test_meanwhile_the_panel_keeps_its_hands_off(config: Path, tmp_path: Path) -> None:
    lock = tmp_path / "run/lamps.lock"
    with alone(lock, wait=True) as ours, alone(lock, wait=False) as theirs:
        assert ours and not theirs
    with alone(lock, wait=False) as theirs:
        assert theirs
    assert len(os.listdir("/proc/self/fd")) < 200
