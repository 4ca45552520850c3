"""`appliance vault verify`: whether every object is as it was written, and files and ledger agree.

Reads only. Says what is wrong and changes nothing: forward finds the same when it reads an object, and sets it aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import DiskError, LocalError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import ask_forward, objects_argument
from appliance.cli.vault.reading import (
    identity_option,
    index_key_for,
    index_key_option,
    possible_identities,
    progress_bar,
    step_aside,
)
from appliance.config.load import load_config
from appliance.config.model import Config

if TYPE_CHECKING:
    from appliance.seal.index_key import IndexKey
    from appliance.seal.keys import Identity
    from appliance.vault.layout import StateLayout

_NO_ROW = "it is not in the ledger"
_NO_FILE = "it is in the ledger, and its file is missing"


@click.command(name="verify")
@objects_argument
@identity_option
@index_key_option
@click.option("--fast", is_flag=True, help="At full speed; without it everything else goes first.")
@config_option
@json_option
def command(
    objects: tuple[str, ...],
    identity: Path | None,
    index_key: Path | None,
    fast: bool,
    path: Path,
    as_json: bool,
) -> None:
    """Check objects, all or those named: header, record and payload; with an identity, every chunk as well.

    Without OBJECT the files are compared with the ledger too, which forward is asked for. Where it does not run, that
    is left out and said.

    Exit status: 0 all well, 1 something needs a person.

    Example: appliance vault verify
    """
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    key = index_key_for(config, index_key)
    identities = possible_identities(config, identity)
    layout = StateLayout(config.appliance.state_dir)
    if not layout.objects.is_dir():
        raise LocalError(
            f"there is no vault at {layout.objects}", fix="forward makes it when it starts for the first time."
        )
    if not fast:
        step_aside()
    wrong: dict[str, str] = {}
    ledger = not objects and _forward_answers(config)
    count = size = 0
    with progress_bar() as progress:
        task = progress.add_task("checking", total=len(objects) or len(layout.fan()))
        batches: Iterator[list[str]] = iter([[each] for each in objects]) if objects else _directories(layout)
        for number, batch in enumerate(batches):
            if ledger:
                wrong |= _compared(config, f"{number:02x}", set(batch))
            for object_id in batch:
                try:
                    size += _check(layout.object_file(object_id), object_id, key, identities)
                    count += 1
                except FileNotFoundError:  # it may have been delivered and forgotten meanwhile
                    if objects:
                        wrong[object_id] = "it is not here"
                except _Wrong as found:
                    wrong[object_id] = str(found)
            progress.advance(task)
    result = {
        "whole": count,
        "bytes": size,
        "wrong": wrong,
        "chunks": bool(identities),
        "ledger": ledger,
    }
    if as_json:
        write_json(result)
    else:
        click.echo(f"{count} objects are whole, {len(wrong)} need a person; {size / 1e9:.2f} GB were read.")
        say("Every chunk was opened." if identities else "No identity is at hand: the chunks were not opened.")
        if not objects and not ledger:
            say("forward does not answer: files and ledger were not compared.")
    for object_id, reason in wrong.items():
        say(f"{object_id}: {reason}")
    if wrong:
        raise SystemExit(1)


class _Wrong(Exception):
    """What is wrong with one object, in words."""


def _directories(layout: StateLayout) -> Iterator[list[str]]:
    from appliance.vault.layout import object_id_of

    for directory in layout.fan():
        try:
            names = sorted(each.name for each in directory.iterdir())
        except OSError as error:
            raise DiskError(
                f"cannot look into {directory}: {error.strerror}", fix="Run as root, or as forward's user."
            ) from None
        yield [object_id for name in names if (object_id := object_id_of(name))]


def _forward_answers(config: Config) -> bool:
    try:
        return bool(ask_forward(config.appliance.runtime_dir, "ids", prefix="00"))
    except LocalError:
        return False


def _compared(config: Config, prefix: str, files: set[str]) -> dict[str, str]:
    """What only one of both has; asked twice, for objects come and go meanwhile."""
    from appliance.vault.layout import StateLayout

    layout = StateLayout(config.appliance.state_dir)
    rows = set(ask_forward(config.appliance.runtime_dir, "ids", prefix=prefix)["ids"])
    wrong = {}
    for object_id in files - rows:
        found = ask_forward(config.appliance.runtime_dir, "object", object=object_id)["object"]
        if (found is None or found["state"] in ("lost", "quarantined")) and layout.object_file(object_id).exists():
            wrong[object_id] = _NO_ROW
    for object_id in rows - files:
        if layout.object_file(object_id).exists():
            continue
        found = ask_forward(config.appliance.runtime_dir, "object", object=object_id)["object"]
        if found and found["state"] == "present":
            wrong[object_id] = _NO_FILE
    return wrong


def _check(path: Path, object_id: str, key: IndexKey, identities: list[Identity]) -> int:
    """Bytes of an object that is whole. Raises `_Wrong`, and FileNotFoundError."""
    from appliance.seal.errors import SealError
    from appliance.seal.opening import verify

    try:
        with path.open("rb") as file:
            if verify(file, key).object_id != object_id:
                raise _Wrong("it has another object's name")
            size = file.tell()
            if identities:
                file.seek(0)
                _open(file, identities)
            return size
    except SealError as error:
        raise _Wrong(error.message) from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _Wrong(f"it cannot be read: {error.strerror}") from None


def _open(file: BufferedIOBase, identities: list[Identity]) -> None:
    from appliance.seal.errors import NoIdentityMatches
    from appliance.seal.opening import Opening

    try:
        for _ in Opening(file, identities):
            pass
    except NoIdentityMatches:
        raise _Wrong("the identity does not open it; without the identity, it is whole") from None
