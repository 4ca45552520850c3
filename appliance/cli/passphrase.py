"""Passphrases: typed on the terminal without being shown, or from a file or a descriptor that was named.

Never from the command line or the environment, which others can read. Never repeated in an error.
"""

from __future__ import annotations

import getpass
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import ConfigError, LocalError

_LONGEST = 4096


def passphrase_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets `passphrase_file` and `passphrase_fd`."""
    command = click.option(
        "--passphrase-fd", type=click.IntRange(min=0), help="Read the passphrase from this file descriptor, one line."
    )(command)
    return click.option(
        "--passphrase-file", type=click.Path(path_type=Path, dir_okay=False),
        help="Read the passphrase from the first line of this file, which others may not read.",
    )(command)  # fmt: skip


def known_passphrase(file: Path | None, descriptor: int | None) -> str:
    """A passphrase that opens something; asked for once."""
    return given_passphrase(file, descriptor) or typed("Passphrase: ")


def new_passphrase(file: Path | None, descriptor: int | None) -> str:
    """A passphrase that is about to be used for the first time; asked for twice."""
    if given := given_passphrase(file, descriptor):
        return given
    first = typed("New passphrase: ")
    if typed("The same once more: ") != first:
        raise ConfigError("the two passphrases differ", fix="Nothing was written; try again.")
    return first


def typed(prompt: str) -> str:
    """A line typed on the terminal of this process, wherever its input comes from. Not shown."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise LocalError(
            "there is no terminal to type a secret on", fix="Use --passphrase-file or --passphrase-fd, or a terminal."
        ) from None
    return getpass.getpass(prompt)


def given_passphrase(file: Path | None, descriptor: int | None) -> str | None:
    """The one that the options name, None where they name none."""
    if file is not None and descriptor is not None:
        raise click.UsageError("Give --passphrase-file or --passphrase-fd, not both.")
    if file is None and descriptor is None:
        return None
    where = str(file) if file is not None else f"descriptor {descriptor}"
    try:
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC) if file is not None else os.dup(descriptor or 0)
        with os.fdopen(opened, "rb") as stream:
            mode = os.fstat(opened).st_mode
            line = stream.readline(_LONGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the passphrase from {where}: {error.strerror}") from None
    if file is not None and stat.S_ISREG(mode) and mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(f"others may read or change {file}", fix=f"Run: chmod 0400 {file}")
    try:
        passphrase = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the passphrase from {where} is no UTF-8 text") from None
    if not passphrase or len(line) > _LONGEST:
        raise ConfigError(f"the passphrase from {where} is empty, or longer than {_LONGEST} bytes")
    return passphrase
