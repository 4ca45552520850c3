"""`appliance keys rotate`: a new identity for this box, beside the old one, so that both open."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.base.errors import ConfigError
from appliance.base.limits import KEY_EXPORT
from appliance.cli.keys.rotation import Rotation
from appliance.cli.keys.words import recipients_in_config, short
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import known_passphrase, passphrase_options
from appliance.config.load import load_config
from appliance.config.model import Config

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="rotate")
@click.option("--pipe", is_flag=True, help="Read the identities on standard input, write them with the new one on "
              "standard output: for credentials.")  # fmt: skip
@click.option("--exported", type=_FILE, help="The exported keys that `appliance unlock` takes now.")
@click.option("--output", "-o", type=_FILE, help="The exported keys to make from them, under the same passphrase.")
@passphrase_options
@config_option
@json_option
def command(
    pipe: bool,
    exported: Path | None,
    output: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    path: Path,
    as_json: bool,
) -> None:
    """Make a new identity for this box, and say what to change in the configuration.

    The new identity comes to stand above the old one in the file that the configuration names, so that both open. It is
    used once recipients of [vault] name it; what was stored before stays sealed to the old one, which is kept. Broken
    off at any moment, nothing is lost: run it again.

    With credentials, after set -o pipefail: systemd-creds decrypt OLD - | appliance keys rotate --pipe |
    systemd-creds encrypt --with-key=tpm2 --name=identity - NEW. With identity = "unlock": --exported OLD --output NEW.

    Example: appliance keys rotate
    """
    from appliance.host.dumps import forbid_dumps

    forbid_dumps()
    config = load_config(path)
    source = config.vault.identity
    _check_options(source, pipe, exported, output)
    if pipe:
        text = sys.stdin.buffer.read(KEY_EXPORT.default + 1)
        rotation = Rotation.of_text(text, "standard input", config.vault.recipients, _today())
        click.echo(rotation.text, nl=False)
    elif exported and output:
        rotation = _of_export(config, exported, output, passphrase_file, passphrase_fd)
    else:
        rotation = _in_file(config, Path((source or "").removeprefix("file:")))
    _tell(rotation, config, path, pipe, output, as_json)


def _check_options(source: str | None, pipe: bool, exported: Path | None, output: Path | None) -> None:
    if source is None:
        raise ConfigError(
            "this box has no identity", fix="Nothing is to be rotated; `appliance keys kit` is for recovery."
        )
    if source.startswith("credential:") and not pipe:
        raise ConfigError(
            f"the identity is the systemd credential {source.partition(':')[2]}, which this command cannot write",
            fix="Decrypt it, pipe it through `appliance keys rotate --pipe`, encrypt it again: see --help.",
        )
    if source == "unlock" and not pipe and not (exported and output):
        raise ConfigError(
            "a person gives the identity of this box, so it is not here to be rotated",
            fix="Name the exported keys: appliance keys rotate --exported OLD --output NEW.",
        )


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _in_file(config: Config, file: Path) -> Rotation:
    from appliance.host.credentials import read_secrets
    from appliance.host.replace import replace_file

    read_secrets(f"file:{file}")  # says what is wrong with its mode
    made: list[Rotation] = []

    def change(content: bytes) -> bytes:
        made.append(Rotation.of_text(content, str(file), config.vault.recipients, _today()))
        return made[0].text

    replace_file(file, change)
    return made[0]


def _of_export(
    config: Config, exported: Path, output: Path, passphrase_file: Path | None, passphrase_fd: int | None
) -> Rotation:
    from appliance.host.create import create_file
    from appliance.seal.key_export import export_keys, read_keys

    if output.exists():
        raise ConfigError(f"{output} exists already", fix="It is left as it is: name another.")
    try:
        content = exported.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {exported}: {error.strerror}") from None
    passphrase = known_passphrase(passphrase_file, passphrase_fd)
    keys = read_keys(content, passphrase)
    rotation = Rotation.of_identities(keys.identities, str(exported), config.vault.recipients)
    create_file(output, export_keys(rotation.identities, keys.index_key, passphrase), 0o400)
    return rotation


def _tell(rotation: Rotation, config: Config, path: Path, pipe: bool, output: Path | None, as_json: bool) -> None:
    change = recipients_in_config(rotation.recipients, {rotation.recipient: f"this box, {_today()}"})
    if as_json and not pipe:
        write_json(
            {
                "recipient": rotation.recipient,
                "replaces": rotation.replaces,
                "recipients": rotation.recipients,
                "made": rotation.made,
            }
        )
    elif pipe:
        say(change)
    else:
        click.echo(change)
    if not rotation.made:
        say("A new identity was there already, and the configuration does not name it yet. No further one was made.")
    if config.vault.identity == "unlock":
        first = f"Run `appliance unlock {output}`" if output else "Run `appliance unlock` with the new identities"
    else:
        first = "Run `systemctl restart appliance-forward`"
        if pipe:
            first = "Put what was written in the place of the old credential, and keep that; run" + first[3:]
    say(
        f"1. {first}: from then on forward opens with the new identity and with the old one.\n"
        f"2. Put the recipients above into [vault] of {path}, and run `systemctl reload appliance-receive`:\n"
        "   from then on new objects are sealed to the new identity. `appliance check` says whether the two agree.\n"
        f"3. Keep the old identity ({short(rotation.replaces)}): what was stored before is sealed to it, until\n"
        "   `appliance vault rewrap` has rewrapped it."
    )
