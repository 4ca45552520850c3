"""`appliance keys export`: the secret keys of this box in one file under a passphrase."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.base.errors import ConfigError
from appliance.cli.options import config_option
from appliance.cli.output import say
from appliance.cli.passphrase import new_passphrase, passphrase_options
from appliance.config.load import load_config


@click.command(name="export")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False),
    help="The file to make, mode 0400.  [default: standard output]",
)  # fmt: skip
@click.option(
    "--identity", "-i", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the identities of the box, where the configuration leads to none.",
)  # fmt: skip
@passphrase_options
@config_option
def command(
    output: Path | None, file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None, path: Path
) -> None:
    """Write the index key and the identities of this box as one file under a passphrase.

    The passphrase is asked for twice and never shown. `appliance unlock` takes the file, and so does age without us:
    age -d -i FILE. What systemd has as credentials is given to this command as to a unit:
    systemd-run --pty -p LoadCredentialEncrypted=… appliance keys export -o FILE

    Example: appliance keys export -o /media/usb/edge01-keys.age
    """
    from appliance.host.create import create_file
    from appliance.host.credentials import read_secret, read_secrets
    from appliance.host.dumps import forbid_dumps
    from appliance.seal.index_key import IndexKey
    from appliance.seal.key_export import export_keys
    from appliance.seal.keys import parse_identity
    from appliance.seal.passphrase import check_strength

    forbid_dumps()
    vault = load_config(path).vault
    if vault.identity == "unlock" and file is None:
        raise ConfigError(
            "a person gives the identity of this box, so it is not here to be exported",
            fix="Copy the exported file that `appliance unlock` takes, or name a file of identities: -i FILE.",
        )
    source = f"file:{file.absolute()}" if file else vault.identity
    identities = [parse_identity(text) for text in read_secrets(source)] if source else []
    index_key = IndexKey.parse(read_secret(vault.index_key))
    if output and output.exists():
        raise ConfigError(f"{output} exists already", fix="It is left as it is: name another.")
    passphrase = new_passphrase(passphrase_file, passphrase_fd)
    check_strength(passphrase)
    exported = export_keys(identities, index_key, passphrase).decode("ascii")
    if output:
        create_file(output, exported, 0o400)
        say(f"{output} holds the index key and {len(identities)} identities. Keep it and its passphrase apart.")
    else:
        click.echo(exported, nl=False)
