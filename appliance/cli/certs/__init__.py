"""`appliance certs`: the certificates of this box, and those that its built-in CA gives out. One file a command."""

from __future__ import annotations

import click

from appliance.cli.certs import crl, install, issue, issued, protect, renew, request, revoke, roll, status, trust
from appliance.cli.group import Commands


@click.group(name="certs", cls=Commands)
def command() -> None:
    """Show, request, install and issue certificates.

    A hospital with a CA: `trust` it, `request`, have that signed, `install`; `crl` takes its
    revocation lists. A site without one has the CA that
    `appliance init --with-ca` made: `issue` gives devices their certificates, `issued` shows and `revoke` ends them,
    `renew` gives this box its next one, `protect` keeps the CA's key under a passphrase, and `roll` replaces the CA.

    Example: appliance certs status
    """


for each in (
    status.command,
    request.command,
    install.command,
    trust.command,
    crl.command,
    issue.command,
    issued.command,
    revoke.command,
    renew.command,
    protect.command,
    roll.command,
):
    command.add_command(each)
