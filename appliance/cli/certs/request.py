"""`appliance certs request`: a new key and the request for its certificate, for the hospital's CA."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from appliance.base.errors import DiskError, LocalError
from appliance.cli.certs.slots import SERVER, names_in_force, slot_of, slot_option, slots
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="request")
@slot_option
@click.option("--name", "names", multiple=True, help="A DNS name or address that it is for; may be repeated.  "
              "[default: those of the certificate in force, or else of that for receive]")  # fmt: skip
@click.option("--key-type", "kind", type=click.Choice(["ec", "rsa"]), default="ec", show_default=True,
              help="P-256, or RSA 3072 for old devices.")  # fmt: skip
@click.option("-o", "--output", type=_FILE, help="Write the request to this file, not to standard output.")
@click.option("--force", is_flag=True, help="Forget the key of an earlier request that was not answered.")
@config_option
@json_option
def command(
    place: str, names: tuple[str, ...], kind: Literal["ec", "rsa"], output: Path | None, force: bool, path: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a new key, and a request for its certificate (PKCS #10) that the hospital's CA signs.

    The key in force is left alone; the new one waits beside it until `appliance certs install` puts both in place.
    The key never leaves this box.

    Example: appliance certs request --name edge01.rad.example -o edge01.csr
    """
    from appliance.host.certificate_pair import put_file
    from appliance.host.certificate_request import make_request
    from appliance.host.create import create_file

    config = load_config(path)
    slot = slot_of(config, place)
    if slot.requested.exists() and not force:
        raise LocalError(
            f"a request was made already, and its key waits at {slot.requested}",
            fix="Install its certificate, or use --force to forget that key and make another.",
        )
    wanted = names or names_in_force(slot) or names_in_force(slots(config).get(SERVER, slot))
    if not wanted:
        raise click.UsageError("Give --name: there is no certificate yet from which the names could come.")
    made = make_request(config.appliance.ae_title, wanted, server=slot.server, client=not slot.server, kind=kind)
    if output:
        create_file(output, made.request, 0o644)  # first: a key without its request would be in the way of the next
    try:
        put_file(slot.requested, made.key, 0o400)
    except DiskError:
        if output:
            output.unlink(missing_ok=True)
        raise
    if output:
        say(f"made {output}: have it signed for TLS {'servers' if slot.server else 'clients'}, and then run")
        say(f"  appliance certs install --for {slot.name} THE-CERTIFICATE")
    if as_json:
        write_json(
            {"place": slot.name, "names": list(wanted), "key": str(slot.requested), "request": made.request.decode()}
        )
    elif not output:
        click.echo(made.request.decode(), nl=False)
