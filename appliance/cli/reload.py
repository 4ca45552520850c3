"""`appliance reload`: have the running programs read the configuration again, and say what became of it."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import ConfigError, LocalError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config
from appliance.programs.names import PROGRAMS

_EVERY = 0.1
_NEEDS_SOMEBODY = 1
_RUNNING = ("ok", "silent")
_SILENT = {"state": "no answer"}
_MAIN_PID = "MAINPID"


@dataclass(frozen=True, slots=True)
class Asked:
    """A running program, and how often it had read its configuration before."""

    name: str
    pid: int
    reloads: int
    signalled: bool


@click.command(name="reload")
@config_option
@json_option
@click.option("--wait", is_flag=True, help="Wait until each program took it up or kept the old one, and say which.")
@click.option("--only", type=click.Choice(PROGRAMS), multiple=True, help="This program, not all. May be repeated.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds that --wait waits.")
def command(path: Path, as_json: bool, wait: bool, only: tuple[str, ...], timeout: float) -> None:
    """Have the running programs read the configuration and its certificates again.

    They do so by themselves when a file changes. This checks the file first, does not wait for it to come to rest, and
    with --wait says what became of it. Listeners and open associations stay as they are; what is under way ends under
    what it began with.

    Exit status: 0 it is in force, 1 a part of it takes a restart, 78 the file has mistakes or was not taken, 70 a
    program did not answer.

    Example: appliance reload --wait
    """
    config = load_config(path)
    runtime, digest = config.appliance.runtime_dir, hashlib.sha256(path.read_bytes()).hexdigest()
    known = _known(runtime, only)
    if known is None:
        _without_panel(runtime, only)
        return
    deadline = time.monotonic() + timeout
    asked, unheard = _tell_all(runtime, only, known, deadline)
    if not asked and not unheard:
        raise LocalError("none of these programs runs", fix="Start them: systemctl start appliance.target.")
    for each in asked:
        if not each.signalled:
            say(f"{each.name} is another user's: it takes up the file by itself when that changed.")
    if not wait:
        for name in unheard:
            say(f"{name} has not been heard yet: it reads the file when it starts.")
        if as_json:
            write_json({"asked": [each.name for each in asked if each.signalled]})
        return
    became = _await(runtime, only, asked, digest, deadline) | {name: dict(_SILENT) for name in unheard}
    away = known.keys() - became.keys()
    became |= {name: {"state": "does not run"} for name in known if name in away}
    if as_json:
        write_json({"config": str(path), "programs": became})
    else:
        for name, outcome in became.items():
            click.echo(f"{name}: {_words(outcome)}")
    raise SystemExit(_status(became))


def _known(runtime: Path, only: tuple[str, ...]) -> dict[str, dict[str, Any]] | None:
    """The programs that the panel knows of, with their words. None where it, which alone knows, does not answer."""
    from appliance.panel.desk import ask

    try:
        status = ask(runtime)
    except LocalError:
        return None
    found = {**status["programs"], "panel": {**status["panel"], "state": "ok"}}
    return {name: said for name, said in found.items() if not only or name in only}


def _tell_all(
    runtime: Path, only: tuple[str, ...], known: dict[str, dict[str, Any]], deadline: float
) -> tuple[list[Asked], list[str]]:
    """Tell those that run. A program that just started, or one that the panel, which just started, has not heard yet,
    is waited for: each speaks every ten seconds. The second are those that never spoke."""
    asked: dict[str, Asked] = {}
    while True:
        for name, said in known.items():
            if name not in asked and said["state"] in _RUNNING:
                asked[name] = _tell(name, said)
        unheard = [name for name, said in known.items() if said["state"] == "starting"]
        if not unheard or time.monotonic() > deadline:
            return list(asked.values()), unheard
        time.sleep(_EVERY)
        known = _known(runtime, only) or known


def _tell(name: str, said: dict[str, Any]) -> Asked:
    reloads = said.get("config", {}).get("reloads", 0)
    try:
        os.kill(said["pid"], signal.SIGHUP)
    except PermissionError:
        return Asked(name, said["pid"], reloads, signalled=False)
    except ProcessLookupError:
        raise LocalError(f"{name} ended just now", fix="Try again when it has started.") from None
    return Asked(name, said["pid"], reloads, signalled=True)


def _without_panel(runtime: Path, only: tuple[str, ...]) -> None:
    """In ExecReload= of a unit, systemd tells which process it is about."""
    pid = os.environ.get(_MAIN_PID, "")
    if not (pid.isdigit() and len(only) == 1):
        raise LocalError(
            f"the panel does not answer in {runtime}, and it alone knows which programs run",
            fix="Start it, or use `systemctl reload 'appliance-*.service'`.",
        )
    os.kill(int(pid), signal.SIGHUP)
    say("The panel does not answer, so nobody says what became of it: look into the log.")


def _await(
    runtime: Path, only: tuple[str, ...], asked: list[Asked], digest: str, deadline: float
) -> dict[str, dict[str, Any]]:
    """What each program says once it read the file."""
    became: dict[str, dict[str, Any]] = {each.name: dict(_SILENT) for each in asked}
    while True:
        known = _known(runtime, only) or {}
        for each in asked:
            said = known.get(each.name)
            if said and said["state"] == "ok" and _is_through(each, said, digest):
                became[each.name] = _became(said)
        if all(each != _SILENT for each in became.values()) or time.monotonic() > deadline:
            return became
        time.sleep(_EVERY)


def _is_through(asked: Asked, said: dict[str, Any], digest: str) -> bool:
    config = said.get("config", {})
    again = (
        config.get("reloads", 0) > asked.reloads or said["pid"] != asked.pid
    )  # a new process has read it at its start
    return config.get("read") == digest and (again or not asked.signalled)


def _became(said: dict[str, Any]) -> dict[str, Any]:
    if error := said.get("config_error"):
        return {"state": "kept the old one", "error": error}
    restart = said["config"]["restart"]
    return {"state": "needs a restart", "keys": restart} if restart else {"state": "in force"}


def _words(became: dict[str, Any]) -> str:
    match became["state"]:
        case "kept the old one":
            return f"kept the old configuration: {became['error']}"
        case "needs a restart":
            return f"in force, but for {', '.join(became['keys'])}: that takes a restart"
        case "no answer":
            return "did not answer in time"
        case "does not run":
            return "does not run; it reads the file when it starts"
    return "in force"


def _status(became: dict[str, dict[str, Any]]) -> int:
    states = {each["state"] for each in became.values()}
    if "kept the old one" in states:
        return ConfigError.exit_status
    if "no answer" in states:
        return LocalError.exit_status
    return _NEEDS_SOMEBODY if "needs a restart" in states else 0
