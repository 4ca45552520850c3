"""Reading the objects of this box directly: where they are, with which keys, and out of the way of everybody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import ConfigError
from appliance.config.model import Config

if TYPE_CHECKING:
    from rich.progress import Progress

    from appliance.seal.index_key import IndexKey
    from appliance.seal.keys import Identity

_LONG = 2.0  # seconds
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

identity_option = click.option(
    "--identity", "-i", "identity", type=_FILE,
    help="A file with AGE-SECRET-KEY-… lines, like a recovery kit. Without it the box's own, where it is a file.",
)  # fmt: skip
index_key_option = click.option(
    "--index-key", "index_key", type=_FILE,
    help="A file with the index key, like a recovery kit. Without it the one of the configuration.",
)  # fmt: skip


def identities_for(config: Config, given: Path | None) -> list[Identity]:
    """What opens objects. Raises ConfigError that says so where nothing does."""
    found = possible_identities(config, given)
    if not found:
        raise ConfigError(
            "objects are opened with an identity, and none is at hand: the index key does not open them",
            fix="Name a file that has one, like the recovery kit: --identity FILE.",
        )
    return found


def possible_identities(config: Config, given: Path | None) -> list[Identity]:
    """Those of the file that is given, else those of the configuration if they are in a file that we may read."""
    from appliance.host.credentials import read_secrets
    from appliance.host.dumps import forbid_dumps
    from appliance.seal.keys import parse_identity

    source = f"file:{given.absolute()}" if given else config.vault.identity
    if not source or not source.startswith("file:"):
        return []
    forbid_dumps()
    try:
        texts = read_secrets(source)
    except ConfigError:
        if given:
            raise
        return []
    return [parse_identity(text) for text in texts if text.upper().startswith("AGE-SECRET-KEY-")]


def index_key_for(config: Config, given: Path | None) -> IndexKey:
    """The index key. Raises ConfigError where it can't be read here, as systemd's credentials can't."""
    from appliance.host.credentials import read_secrets
    from appliance.seal.index_key import IndexKey

    source = f"file:{given.absolute()}" if given else config.vault.index_key
    try:
        texts = [text for text in read_secrets(source) if text.startswith("appliance-index-key-")]
    except ConfigError as error:
        if given:
            raise
        raise ConfigError(
            f"the index key is not readable here: {error.message}", fix="Name a file that has it: --index-key FILE."
        ) from None
    if len(texts) != 1:
        raise ConfigError(f"{source} does not hold one index key", fix="Name a file that does: --index-key FILE.")
    return IndexKey.parse(texts[0])


def step_aside() -> None:
    """Let everything else go first, as far as this system can: at the processor and at the disk."""
    with suppress(OSError):
        os.nice(19)
    if ionice := shutil.which("ionice"):
        with suppress(OSError):
            subprocess.run([ionice, "-c", "3", "-p", str(os.getpid())], check=False, capture_output=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """On stderr, for work that takes longer than two seconds; silent where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from appliance.cli.output import console

    err = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    late = threading.Timer(_LONG, progress.start)
    late.daemon = True
    late.start()
    try:
        yield progress
    finally:
        late.cancel()
        late.join()
        progress.stop()


def write_plain(sealed: Path, identities: list[Identity], target: Path) -> int:
    """Open an object into a new file that its owner alone may read; its size. Never over an existing file, and nothing
    is left where it fails. Raises ApplianceError."""
    from appliance.host.create import new_file
    from appliance.seal.opening import open_object

    with new_file(target) as out:
        return open_object(sealed, identities, out)
