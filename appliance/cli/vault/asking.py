"""How the commands of the vault ask `forward`, page by page, and which options choose objects."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from appliance.cli import offers
from appliance.config.values import parse_duration

BATCH = 200
"""Object ids in one request; it has a limit of length."""

_OBJECT_ID = re.compile(r"[0-9a-f]{32}")


class Since(click.ParamType[Any]):
    """A moment in the past: how long ago ("36h"), or a date and time (ISO 8601, local without a zone)."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Unix seconds."""
        if isinstance(value, float):
            return value
        try:
            return time.time() - parse_duration(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value).astimezone().timestamp()
        except ValueError:
            self.fail(f"{value!r} is neither a time ago, like 36h, nor a date, like 2026-03-01T08:00", param, ctx)


class ObjectId(click.ParamType[Any]):
    """The id of an object: 32 lower-case hex digits."""

    name = "object"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id; a file name of the vault is taken for the id in it."""
        stem = Path(str(value)).name.removesuffix(".dcm.age")
        if not _OBJECT_ID.fullmatch(stem):
            self.fail(f"{value!r} is no object id: those are 32 lower-case hex digits", param, ctx)
        return stem


since_option = click.option("--since", type=Since(), help="Received since then: 36h, or 2026-03-01T08:00.")
peer_option = click.option("--peer", help="Received from this [[peer]].", shell_complete=offers.peers)
objects_argument = click.argument("objects", metavar="[OBJECT]...", type=ObjectId(), nargs=-1)


def ask_forward(runtime: Path, operation: str, *, patience: float = 30.0, **more: Any) -> dict[str, Any]:
    """One request; `patience` is in seconds. Raises LocalError when forward does not answer."""
    from appliance.delivery.control import ask, control_socket

    given = {key: value for key, value in more.items() if value is not None}
    return ask(control_socket(runtime), {"op": operation, **given}, patience)


def pages(runtime: Path, operation: str, **more: Any) -> Iterator[dict[str, Any]]:
    """The answers to a request, until the last page."""
    after: int | None = 0
    while after is not None:
        answer = ask_forward(runtime, operation, **more, after=after)
        after = answer["after"]
        yield answer


def listed(runtime: Path, **selection: Any) -> Iterator[dict[str, Any]]:
    """The objects of a selection, one by one."""
    for answer in pages(runtime, "objects", limit=500, **selection):
        yield from answer["objects"]


def chosen(
    runtime: Path, objects: tuple[str, ...], peer: str | None, since: float | None, study: str | None = None
) -> list[str]:
    """The ids of the objects that are named, or described; `study` is an object of the study that is meant."""
    if study:
        if objects or peer or since is not None:
            raise click.UsageError("--study says it all: leave the others out.")
        return [each for answer in pages(runtime, "study", object=study) for each in answer["objects"]]
    if objects and (peer or since is not None):
        raise click.UsageError("Name objects, or describe them by --peer and --since; not both.")
    if objects:
        return list(dict.fromkeys(objects))
    if peer is None and since is None:
        raise click.UsageError("Name objects, or describe them by --peer or --since.")
    return [each["object"] for each in listed(runtime, peer=peer, since=since) if each["state"] == "present"]
