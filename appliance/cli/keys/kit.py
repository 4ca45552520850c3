"""`appliance keys kit`: a new recovery kit, for one that was lost or seen."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.base.errors import ConfigError, LocalError
from appliance.cli.keys.words import recipients_in_config
from appliance.cli.options import config_option
from appliance.cli.output import say
from appliance.config.load import load_config


@click.command(name="kit")
@click.option("--replaces", metavar="AGE1…", help="The recovery recipient of today, where several readers could be it.")
@click.option(
    "--format", "form", type=click.Choice(["text", "html"]),
    help="Write the kit to standard output, wherever that leads: as text, or as a page to print.",
)  # fmt: skip
@config_option
def command(replaces: str | None, form: str | None, path: Path) -> None:
    """Make a new recovery identity, and show its kit once: text and QR codes.

    A kit cannot be shown again, for its identity is nowhere on the box. The new one opens what is sealed after the
    change that this command says at its end; the old one, as long as it exists, what was sealed before.

    Example: appliance keys kit --format html | ssh print-host lp
    """
    if form is None and not sys.stdout.isatty():
        raise LocalError(
            "the recovery kit would end in a pipe or a file",
            fix="Run this on a terminal, or say --format text or html on purpose.",
        )
    from appliance.cli.recovery_kit import RecoveryKit, show
    from appliance.host.credentials import read_secret
    from appliance.host.dumps import forbid_dumps
    from appliance.seal.index_key import IndexKey
    from appliance.seal.keys import generate_identity, parse_recipient

    forbid_dumps()
    config = load_config(path)
    recipients = list(config.vault.recipients)
    old = replaces or (recipients[1] if len(recipients) == 2 else None)
    if old is not None and old not in recipients:
        raise ConfigError("--replaces names none of the recipients of [vault]", fix="See `appliance keys show`.")
    if old is None and len(recipients) > 2:
        raise ConfigError(
            f"which of the {len(recipients)} recipients of [vault] the old kit belongs to is not known",
            fix="Name it: --replaces AGE1…; `appliance keys show -i KIT` says it of a kit that is still there.",
        )
    kind = parse_recipient(recipients[0]).kind
    recovery = generate_identity(kind)
    index_key = IndexKey.parse(read_secret(config.vault.index_key))
    today = datetime.now(UTC).date()
    kit = RecoveryKit(config.appliance.ae_title, recovery.export(), index_key.export(), kind == "classical", today)
    if form is None:
        show(kit)
    else:
        click.echo(kit.page() if form == "html" else kit.text(), nl=False)
    sys.stdout.flush()
    new = str(recovery.recipient)
    changed = [new if each == old else each for each in recipients] + ([] if old else [new])
    say(f"\nUntil {path} says this in [vault], the new kit opens nothing:\n")
    say(recipients_in_config(changed, {new: f"recovery, kit of {today}"}))
    say("\nThen run `systemctl reload appliance-receive`. Keep the old kit while objects from before may be needed.")
