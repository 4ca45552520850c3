"""What commands share in talking to a person or a machine: results on stdout, everything else on stderr.

With --json stdout has one JSON document, or one a line where there may be many; where the command fails before it had
one, `{"error": …}` takes its place, and the sentence for people is on stderr all the same.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ApplianceError
from appliance.config.errors import ConfigErrors

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 140  # of a screen that goes to a file or a pipe


def console(stderr: bool = False) -> Console:
    """A rich console: colours and widths of the terminal, plain text where there is none."""
    from rich.console import Console  # 60 ms that most commands need not spend

    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())


def terminal() -> Console:
    """For tables: colours and the width of a terminal; plain text, and wide, elsewhere."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def write_what_can_be_written() -> None:
    """From now on a letter that a terminal does not have is "?", and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def write_json(value: Any) -> None:
    """A result for machines: the one JSON document on stdout."""
    _answers.given = True
    encoding = getattr(sys.stdout, "encoding", None) or ""
    letters = encoding.lower().replace("-", "") != "utf8"  # \u00fc, where there is no ü
    click.echo(json.dumps(value, indent=2, ensure_ascii=letters, default=str))


def write_json_line(value: Any) -> None:
    """One of many results for machines: a JSON document on a line of its own."""
    click.echo(json.dumps(value, separators=(",", ":"), default=str))


class _Answers:
    """Whether this command line asked for JSON, and whether it got its document."""

    wanted = False
    given = False


_answers = _Answers()


def expect_json(arguments: Sequence[str]) -> None:
    """Remember whether a command line that is about to run asks for JSON."""
    options = list(arguments)
    _answers.wanted = "--json" in options[: options.index("--") if "--" in options else None]
    _answers.given = False


def fail_json(
    message: str, exit_status: int, *, fault: str, temporary: bool = False, fix: str = "", **more: Any
) -> None:
    """Why there is no result, for the machine that asked for one. `fault`: who has to act, as in base/errors.py, or
    "usage"."""
    if _answers.wanted and not _answers.given:
        error = {"message": message, "fix": fix, "fault": fault, "temporary": temporary, "exit_status": exit_status}
        write_json_line({"error": error | more})


def say(text: str) -> None:
    """A remark for the person at the terminal, on stderr: never part of a result."""
    click.echo(text, err=True)


def print_error(error: ApplianceError) -> None:
    """`appliance: error: …` on stderr. Problems of a file come first, each as `file:line: …`, so that editors jump."""
    more: dict[str, Any] = {}
    if isinstance(error, ConfigErrors):
        more["problems"] = [asdict(each) for each in error.problems]
        for problem in error.problems:
            say(str(problem))
        count = len(error.problems)
        message = f"the configuration has {count} mistake{'s' if count > 1 else ''}"
        fail(message)
    else:
        message = error.message
        fail(str(error))
    fail_json(message, error.exit_status, fault=error.fault.value, temporary=error.temporary, fix=error.fix, **more)


def colours() -> bool | None:
    """False where nobody wants any (https://no-color.org), or the terminal has none; else whether it is one decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def fail(message: str) -> None:
    """One line that says why the command ends without success."""
    click.secho("appliance: error: ", err=True, fg="red", bold=True, nl=False, color=colours())
    say(message)


def counted(number: int, what: str) -> str:
    """A number of things, in words: "1 pair", "1,200 pairs"."""
    return f"{number:,} {what}{'s' * (number != 1)}"
