"""A command that ends in whatever way it is told to, for tests of the group."""

from __future__ import annotations

import socket

import click

from appliance.base.errors import DiskError


@click.command(name="faulty")
@click.argument("how")
@click.pass_context
def command(context: click.Context, how: str) -> None:
    """End."""
    if how == "foreseen":
        raise DiskError("the medium is full", fix="Make room.")
    if how == "interrupted":
        raise KeyboardInterrupt
    if how == "refused":
        raise PermissionError(13, "Permission denied", "/x")
    if how == "unforeseen":
        raise KeyError("MUELLER^HANS")
    if how == "exit":
        raise SystemExit(5)
    if how == "context exit":
        context.exit(6)
    if how == "text":
        raise SystemExit("no number")
    if how == "endless":
        while True:
            click.echo("x" * 1000)
    if how == "connection":
        ours, theirs = socket.socketpair()
        with ours:
            theirs.close()
            ours.send(b"x")
    click.echo("done")
