"""A shell on a terminal of its own, with somebody who types; what it makes of the line is what an `appliance` is told
that notes its arguments, and answers the shell's questions as the real one does."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

PROMPT = "typehere>"
_PATIENCE = 60.0
_QUIET = 0.4  # seconds without output after which a shell has written what it was offered
# By shell: how it is started, and its file of commands that run first. They take up the script as the help says.
_SHELLS = {
    "bash": (("--noprofile", "--rcfile", "{home}/rc", "-i"), "rc", "PS1='{prompt}'; source {script}"),
    "zsh": (
        ("-i",),
        ".zshrc",
        "PROMPT='{prompt}'; fpath=({directory} $fpath); autoload -U compinit; compinit -u -D; unsetopt PROMPT_SP",
    ),
    "fish": (
        ("-i",),
        "fish/config.fish",
        "function fish_prompt; echo -n '{prompt}'; end\nfunction fish_greeting; end\n"
        "set -g fish_autosuggestion_enabled 0",
    ),
}
_PLACES = {"bash": "script", "zsh": "functions/_appliance", "fish": "fish/completions/appliance.fish"}


class Shell:
    """One interactive shell, in `home`."""

    def __init__(self, name: str, home: Path, script: str, **environment: str) -> None:
        self._noted, self._asked = home / "noted", home / "asked"
        (home / "bin").mkdir(parents=True)
        command = home / "bin" / "appliance"
        command.write_text(
            f"#!/bin/sh\n"
            f'if [ -n "$_APPLIANCE_COMPLETE" ]; then {sys.executable} -m appliance; echo >>{self._asked}; exit; fi\n'
            f'printf "%s\\0" "$@" >{self._noted}.part && mv {self._noted}.part {self._noted}\n'
        )
        command.chmod(0o755)
        arguments, rc, commands = _SHELLS[name]
        place = home / _PLACES[name]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(script)
        known = {"home": home, "prompt": PROMPT, "script": place, "directory": place.parent}
        (home / rc).parent.mkdir(parents=True, exist_ok=True)
        (home / rc).write_text(commands.format(**known) + "\n")
        path = shutil.which(name)
        assert path
        ours, theirs = pty.openpty()

        def control() -> None:
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [path, *(each.format(**known) for each in arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=control,
            cwd=home,
            env={
                **{key: value for key, value in os.environ.items() if key not in ("PS1", "PROMPT", "FPATH")},
                "HOME": str(home),
                "ZDOTDIR": str(home),
                "XDG_CONFIG_HOME": str(home),
                "XDG_DATA_HOME": str(home / "data"),
                "PATH": f"{command.parent}:{os.environ['PATH']}",
                "TERM": "xterm",
                **environment,
            },
        )
        os.close(theirs)
        self._terminal = ours
        self._seen = b""
        self._prompt()

    def run(self, line: str) -> list[str]:
        """Type a line, with TABs in it, and Return: the words that the command was told. Types on when a TAB did its
        work: zsh completes nothing while somebody types ahead."""
        self._noted.unlink(missing_ok=True)
        *parts, rest = line.split("\t")
        for part in parts:
            self._asked.unlink(missing_ok=True)
            os.write(self._terminal, part.encode() + b"\t")
            self._until(self._asked.exists, f"a question at {part}")
            self._seen, quiet = b"", time.monotonic()
            while time.monotonic() - quiet < _QUIET:
                before = len(self._seen)
                self._hear()
                quiet = time.monotonic() if len(self._seen) > before else quiet
        os.write(self._terminal, rest.encode() + b"\r")
        self._until(self._noted.exists, line)
        self._prompt()
        return [each.decode() for each in self._noted.read_bytes().split(b"\0")[:-1]]

    def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._terminal)

    def _prompt(self) -> None:
        self._until(lambda: PROMPT.encode() in self._seen, "a prompt")
        self._seen = b""

    def _until(self, condition: object, what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < end, f"{what} did not come; seen: {self._seen[-2000:]!r}"
            self._hear()

    def _hear(self) -> None:
        if not select.select([self._terminal], [], [], 0.05)[0]:
            return
        block = os.read(self._terminal, 65536)
        self._seen += block
        # What a terminal is asked before a shell begins: who it is, and where its cursor is.
        if b"\x1b[c" in block or b"\x1b[0c" in block:
            os.write(self._terminal, b"\x1b[?1;2c")
        if b"\x1b[6n" in block:
            os.write(self._terminal, b"\x1b[1;1R")
