"""`appliance passcode`: turns a passcode into the text that the configuration keeps of it."""

from __future__ import annotations

import os
import sys

import click

from appliance.base.errors import ConfigError
from appliance.config.passcode import SALT, make_passcode

_LONGEST = 65535  # what the sub-item can carry, PS3.7 D.3.3.7


@click.command(name="passcode")
def command() -> None:
    """Make the "scrypt:…" of a passcode, for user_identity of a [[peer]].

    Asks for the passcode twice, or reads one line of standard input where that is no terminal. The passcode itself is
    stored nowhere.

    Exit status: 0 done, 78 the passcode cannot be used.

    Example: appliance passcode
    """
    if sys.stdin.isatty():
        text = click.prompt("Passcode", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    passcode = text.encode(errors="surrogateescape")
    if not 1 <= len(passcode) <= _LONGEST:
        raise ConfigError("a passcode has at least one character", fix="Type it, or give it on standard input.")
    click.echo(str(make_passcode(passcode, os.urandom(SALT))))
