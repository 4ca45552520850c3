"""`appliance certs protect`: puts the key of the built-in CA under a passphrase."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.base.errors import LocalError
from appliance.cli.certs.authority import places
from appliance.cli.options import config_option, json_option
from appliance.cli.output import write_json
from appliance.cli.passphrase import new_passphrase, passphrase_options
from appliance.config.load import load_config


@click.command(name="protect")
@click.option(
    "--ca-key", type=click.Path(path_type=Path, dir_okay=False), help="Its key, where it is not beside client_ca."
)
@passphrase_options
@config_option
@json_option
def command(
    ca_key: Path | None, passphrase_file: Path | None, passphrase_fd: int | None, path: Path, as_json: bool
) -> None:
    """Put the key of the built-in CA under a passphrase, which `appliance certs issue` asks for from then on.

    The key in clear is replaced; what the medium or a backup still has of it is not. Better still: move it off the box.

    Example: appliance certs protect
    """
    from appliance.host.certificate_facts import under_passphrase
    from appliance.host.certificate_pair import put_file
    from appliance.host.certificates import Authority

    certificate, key = places(load_config(path), ca_key)
    pem = key.read_bytes()
    if under_passphrase(pem):
        raise LocalError(f"{key} has a passphrase already", fix="To change it: openssl pkey -aes256 -in OLD -out NEW.")
    authority = Authority.load(certificate.read_bytes(), pem)
    put_file(key, authority.key_under(new_passphrase(passphrase_file, passphrase_fd)), 0o400)
    if as_json:
        write_json({"key": str(key)})
    else:
        click.echo(f"{key} opens with the passphrase from now on. Nobody can replace it: keep a record.")
