"""`appliance vault hold` and `release`: what stays, whatever was delivered and however short space is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import BATCH, ask_forward, objects_argument, pages, peer_option, since_option
from appliance.cli.vault.reading import progress_bar
from appliance.config.places import places_of


@click.command(name="hold")
@objects_argument
@peer_option
@since_option
@config_option
@json_option
def command(objects: tuple[str, ...], peer: str | None, since: float | None, path: Path, as_json: bool) -> None:
    """Put objects on hold: they stay until they are released. Objects that come later are not concerned.

    Exit status: 0 all of them, 1 some are not here.

    Example: appliance vault hold --peer "CT suite 2" --since 2026-03-01
    """
    _change("hold", objects, peer, since, path, as_json)


@click.command(name="release")
@objects_argument
@peer_option
@since_option
@config_option
@json_option
def release(objects: tuple[str, ...], peer: str | None, since: float | None, path: Path, as_json: bool) -> None:
    """End the hold of objects: they leave when they were delivered and kept long enough.

    Exit status: 0 all of them, 1 some are not here.

    Example: appliance vault release 3f0c9a…
    """
    _change("release", objects, peer, since, path, as_json)


def _change(
    operation: str, objects: tuple[str, ...], peer: str | None, since: float | None, path: Path, as_json: bool
) -> None:
    if bool(objects) == (peer is not None or since is not None):
        raise click.UsageError("Either name objects, or describe them by --peer and --since.")
    runtime = places_of(path).runtime_dir
    named = list(dict.fromkeys(objects))
    if named:
        batches = (named[start : start + BATCH] for start in range(0, len(named), BATCH))
        answers: Any = (ask_forward(runtime, operation, objects=batch) for batch in batches)
    else:
        answers = pages(runtime, operation, peer=peer, since=since)
    changed: list[str] = []
    missing: list[str] = []
    with progress_bar() as progress:
        task = progress.add_task(operation, total=len(named) or None)
        for answer in answers:
            changed += answer["changed"]
            missing += answer["missing"]
            progress.update(task, completed=len(changed) + len(missing))
    if as_json:
        write_json({"changed": changed, "missing": missing})
    else:
        click.echo(f"{len(changed)} objects are {'on hold' if operation == 'hold' else 'on hold no more'}.")
    if missing:
        say(f"Not here, or just leaving: {', '.join(missing)}")
        raise SystemExit(1)
