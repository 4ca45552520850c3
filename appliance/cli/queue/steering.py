"""`appliance queue retry`, `hold` and `release`: a person sends on, holds back, and lets go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.queue.asking import ask, destination_argument, one_destination_argument
from appliance.cli.vault.asking import BATCH, objects_argument


@click.command(name="retry")
@destination_argument
@objects_argument
@config_option
@json_option
def retry(destination: str | None, objects: tuple[str, ...], path: Path, as_json: bool) -> None:
    """Send on what is held, for one DESTINATION or for all, or single objects of it: what stood in the way was mended.

    A destination that fails is tried at once, too. What a person holds back, or what waits for its study, stays unless
    it is named.

    Exit status: 0, or 1 where an object was not held.

    Example: appliance queue retry pacs
    """
    released, others = 0, []
    for batch in _batches(objects):
        answer = ask(path, "retry", destination=destination, objects=batch)
        released += answer["released"]
        others += answer["others"]
    if as_json:
        write_json({"released": released})
    else:
        click.echo(f"{released} deliveries are on their way again.")
    _end(others, "Not held")


@click.command(name="hold")
@one_destination_argument
@objects_argument
@config_option
@json_option
def hold(destination: str, objects: tuple[str, ...], path: Path, as_json: bool) -> None:
    """Hold back everything for DESTINATION, or single objects, until `release`; a restart does not end that.

    What is on its way now still arrives. Nothing is lost: it waits.

    Exit status: 0, or 1 where an object is not owed to the destination.

    Example: appliance queue hold pacs
    """
    changed, others = _change("hold-back", destination, objects, path)
    if as_json:
        write_json({"destination": destination, "changed": changed, "others": others})
    else:
        click.echo(f"{_what(changed, objects)} for {destination} waits now until `appliance queue release`.")
    _end(others, "Not owed to it")


@click.command(name="release")
@one_destination_argument
@objects_argument
@config_option
@json_option
def release(destination: str, objects: tuple[str, ...], path: Path, as_json: bool) -> None:
    """Let go of what `hold` holds back: everything for DESTINATION, or single objects.

    Exit status: 0, or 1 where an object was not held back by a person.

    Example: appliance queue release pacs
    """
    changed, others = _change("let-go", destination, objects, path)
    if as_json:
        write_json({"destination": destination, "changed": changed, "others": others})
    else:
        click.echo(f"{_what(changed, objects)} for {destination} is held back no more.")
    _end(others, "Not held back by a person")


def _change(operation: str, destination: str, objects: tuple[str, ...], path: Path) -> tuple[list[str], list[str]]:
    changed: list[str] = []
    others: list[str] = []
    for batch in _batches(objects):
        answer: dict[str, Any] = ask(path, operation, destination=destination, objects=batch)
        changed += answer["changed"]
        others += answer["others"]
    return changed, others


def _batches(objects: tuple[str, ...]) -> list[list[str]]:
    """The objects once each, so many in a request; one empty batch where there are none."""
    named = list(dict.fromkeys(objects))
    return [named[start : start + BATCH] for start in range(0, len(named), BATCH)] or [[]]


def _what(changed: list[str], objects: tuple[str, ...]) -> str:
    return f"{len(changed)} of {len(set(objects))} objects" if objects else "Everything"


def _end(others: list[str], what: str) -> None:
    if others:
        say(f"{what}: {', '.join(others)}")
        raise SystemExit(1)
