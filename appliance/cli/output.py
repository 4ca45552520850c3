"""What commands share in talking to a person or a machine: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
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


def write_json(value: Any) -> None:
    """A result for machines: one JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say(text: str) -> None:
    """A remark for the person at the terminal, on stderr: never part of a result."""
    click.echo(text, err=True)


def print_error(error: ApplianceError) -> None:
    """`appliance: error: …` on stderr. Problems of a file come first, each as `file:line: …`, so that editors jump."""
    if isinstance(error, ConfigErrors):
        for problem in error.problems:
            say(str(problem))
        count = len(error.problems)
        fail(f"the configuration has {count} mistake{'s' if count > 1 else ''}")
    else:
        fail(str(error))


def colours() -> bool | None:
    """False where nobody wants any (https://no-color.org); else the terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def fail(message: str) -> None:
    """One line that says why the command ends without success."""
    click.secho("appliance: error: ", err=True, fg="red", bold=True, nl=False, color=colours())
    say(message)
