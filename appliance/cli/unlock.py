"""`appliance unlock`: give the running box its identity, which then is in its memory alone."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.base.errors import ConfigError
from appliance.base.limits import KEY_EXPORT
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import known_passphrase, passphrase_options, typed
from appliance.config.load import load_config

_SEALED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")


@click.command(name="unlock")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), required=False)
@passphrase_options
@config_option
@json_option
def command(
    file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None, path: Path, as_json: bool
) -> None:
    """Unlock deliveries that need plaintext, until `appliance lock` or the next start of forward.

    FILE is what `appliance keys export` wrote, whose passphrase is asked for, or holds the identity itself; "-" is
    standard input. Without FILE the identity is typed or pasted, and not shown. Only root and forward's own user may.

    Example: appliance unlock /media/usb/edge01-keys.age
    """
    from appliance.delivery.control import ask, control_socket
    from appliance.host.dumps import forbid_dumps

    forbid_dumps()
    config = load_config(path)
    if config.vault.identity != "unlock":
        raise ConfigError(
            "this box is not unlocked by a person: its configuration has another source of identities, or none",
            fix='Where a person is to give the identity after each start, set identity = "unlock" in [vault].',
        )
    identities = _identities(file, passphrase_file, passphrase_fd)
    ask(control_socket(config.appliance.runtime_dir), {"op": "unlock", "identities": identities})
    if as_json:
        write_json({"state": "open"})
    say("Unlocked, until `appliance lock` or the next start of forward. What waited is on its way.")


def _identities(file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None) -> list[str]:
    """The identities as text, whatever holds them."""
    from appliance.host.credentials import secret_lines
    from appliance.seal.key_export import read_keys
    from appliance.seal.keys import parse_identity

    if file is None and sys.stdin.isatty():
        content, where = typed("Identity (AGE-SECRET-KEY-…): ").encode(), "what was typed"
    else:
        content, where = _content(file)
    if content.lstrip().startswith(_SEALED):
        found = read_keys(content, known_passphrase(passphrase_file, passphrase_fd)).identities
        if not found:
            raise ConfigError(
                f"{where} holds an index key and no identity", fix="Was it exported at a sealed-only site?"
            )
        return [identity.export() for identity in found]
    return [parse_identity(line).export() for line in secret_lines(content, where)]


def _content(file: Path | None) -> tuple[bytes, str]:
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read(KEY_EXPORT.default + 1), "standard input"
    try:
        with file.open("rb") as stream:
            return stream.read(KEY_EXPORT.default + 1), str(file)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", fix="Is the medium with it there?") from None
