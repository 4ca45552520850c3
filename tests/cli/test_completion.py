"""The shells complete our commands with what `appliance completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli.main import COMMANDS, run

Capture = pytest.CaptureFixture[str]


def script(shell: str, capsys: Capture) -> str:
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


def on_path(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `appliance` is this one."""
    command = tmp_path / "bin" / "appliance"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m appliance "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [("appliance sta", ["status"]), ("appliance certs in", ["install"]), ("appliance reload --wa", ["--wait"])],
)
def test_bash_completes(tmp_path: Path, capsys: Capture, words: str, expected: list[str]) -> None:
    (tmp_path / "script").write_text(script("bash", capsys))
    parts = words.split()
    ask = (
        f"source {tmp_path}/script; COMP_WORDS=({words}); COMP_CWORD={len(parts) - 1}; "
        '_appliance_completion appliance; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, env=on_path(tmp_path))
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, "", expected)


@pytest.mark.parametrize(
    ("shell", "mark"), [("zsh", "#compdef appliance"), ("fish", "complete --no-files --command appliance")]
)
def test_the_other_shells_have_theirs(shell: str, mark: str, capsys: Capture, tmp_path: Path) -> None:
    text = script(shell, capsys)
    assert mark in text and "_APPLIANCE_COMPLETE" in text
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed: its script was looked at, not run")
    (tmp_path / "script").write_text(text)
    assert subprocess.run([shell, "-n", tmp_path / "script"]).returncode == 0


def test_commands_are_completed_without_loading_them(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "os.environ.update(_APPLIANCE_COMPLETE='bash_complete', COMP_WORDS='appliance ', COMP_CWORD='1')\n"
        "from appliance.cli.main import run\nstatus = run([])\n"
        "print(sorted(name for name in sys.modules if name.startswith('appliance.cli.')), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    shown = [line.partition(",")[2] for line in done.stdout.split()]
    assert shown == [name for name, entry in COMMANDS.items() if not entry.hidden]
    assert done.stderr.strip() == "['appliance.cli.main', 'appliance.cli.output']"
