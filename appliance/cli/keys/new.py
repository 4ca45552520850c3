"""`appliance keys new`: a new identity, into a file or into a pipe."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.base.errors import LocalError
from appliance.cli.output import say


@click.command(name="new")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to make, mode 0400.")
@click.option(
    "--classical", is_flag=True, help="A key for age before 1.3 (X25519), which a quantum computer may open one day."
)
def command(output: Path | None, classical: bool) -> None:
    """Make a new identity; its recipient is said on standard error.

    Writes to standard output where no file is named, for a pipe; a terminal is refused, for it keeps what it shows.
    Nothing is overwritten, and nothing else changes: `appliance keys rotate` is for the identity in use.

    Example: appliance keys new | systemd-creds encrypt --name=identity - /etc/credstore.encrypted/appliance.identity
    """
    if output is None and sys.stdout.isatty():
        raise LocalError(
            "the identity would be shown on the terminal", fix="Name a file (--output), or pipe it into systemd-creds."
        )
    from appliance.host.create import create_file
    from appliance.host.dumps import forbid_dumps
    from appliance.seal.keys import generate_identity

    forbid_dumps()
    identity = generate_identity("classical" if classical else "hybrid")
    text = f"# recipient: {identity.recipient}\n{identity.export()}\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        create_file(output, text, 0o400)
    say(f"Recipient: {identity.recipient}")
