"""`appliance certs`: the certificates of this box, and those that its built-in CA gives out. One file a command."""

from __future__ import annotations

import click

from appliance.cli.certs import install, issue, issued, protect, request, revoke, status


@click.group(name="certs")
def command() -> None:
    """Show, request, install and issue certificates.

    A hospital with a CA: `request`, have it signed, `install`. A site without one has the CA that `appliance init
    --with-ca` made: `issue` gives devices their certificates, `issued` shows and `revoke` ends them, `protect` keeps
    its key under a passphrase.

    Example: appliance certs status
    """


for each in (
    status.command,
    request.command,
    install.command,
    issue.command,
    issued.command,
    revoke.command,
    protect.command,
):
    command.add_command(each)
