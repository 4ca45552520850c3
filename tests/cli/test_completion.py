"""The shells complete our commands with what `appliance completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli.main import COMMANDS, run
from tests.cli.shell_session import Shell
from tests.cli.sites import make_site

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


TYPED = {
    "appliance sta\t": ["status"],
    "appliance reload --wa\t": ["reload", "--wait"],
    "appliance certs ins\t": ["certs", "install"],
    "appliance queue hold pa\t": ["queue", "hold", "pacs"],
    "appliance echo ar\t": ["echo", "archive"],
    "appliance vault list --peer CT\t": ["vault", "list", "--peer", "CT suite 2"],
    "appliance vault list --dest\tar\t": ["vault", "list", "--destination", "archive"],
    "appliance certs issue CT\t": ["certs", "issue", "CT suite 2"],
    "appliance certs revoke MR\t": ["certs", "revoke", "MR suite 1"],
    "appliance certs request --for pa\t": ["certs", "request", "--for", "pacs"],
}


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_somebody_types_and_presses_tab(name: str, tmp_path: Path, capsys: Capture) -> None:
    text = script(name, capsys)
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed: nobody can type in it")
    site = make_site(tmp_path / "site")
    peer = '[[peer]]\nname = "CT suite 2"\nae_titles = ["CT1"]\naddresses = ["192.0.2.1"]\n'
    tls = f'ca = "{site.parent}/a"\ncertificate = "{site.parent}/b"\nkey = "{site.parent}/c"\n'
    entry = '[[destination]]\nname = "{}"\nkind = "dimse"\naddress = "pacs.example:104"\nae_title = "PACS"\n' + tls
    with site.open("a") as file:
        file.write("\n" + peer + "".join(entry.format(each) for each in ("pacs", "archive")))
    issue = ["certs", "issue", "MR suite 1", "--name", "mr1.example", "-d", str(tmp_path)]
    assert run([*issue, "--config", str(site)]) == 0
    shell = Shell(name, tmp_path / "home", text, APPLIANCE_CONFIG=str(site))
    try:
        assert {line: shell.run(line) for line in TYPED} == TYPED
    finally:
        shell.close()


def test_nothing_is_offered_where_the_configuration_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[")
    for path in ("broken.toml", "not-there.toml"):
        done = subprocess.run(
            [sys.executable, "-m", "appliance"], capture_output=True, text=True,
            env={**os.environ, "_APPLIANCE_COMPLETE": "bash_complete", "COMP_WORDS": "appliance\necho\n",
                 "COMP_CWORD": "2", "APPLIANCE_CONFIG": str(tmp_path / path)},
        )  # fmt: skip
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


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
