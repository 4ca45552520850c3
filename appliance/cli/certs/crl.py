"""`appliance certs crl`: a revocation list that was fetched goes to client_crl, if it will do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.base.errors import ConfigError
from appliance.cli.certs.authority import certificate_of
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config

_MODE = 0o444


@click.command(name="crl")
@click.argument("lists", type=click.Path(path_type=Path, dir_okay=False, exists=True), nargs=-1, required=True)
@config_option
@json_option
def command(lists: tuple[Path, ...], path: Path, as_json: bool) -> None:
    """Put revocation lists (PEM, or DER as AD CS publishes them) into the file at client_crl, for a timer that fetched
    them.

    Each has to be signed by a CA in client_ca, to hold now, and to be no older than the one in force: a list that does
    not hold turns every device of its CA away. Lists of other CAs stay. receive takes the file up by itself.

    Exit status: 0 they are in force, 65 one will not do, and nothing was changed.

    Example: appliance certs crl hospital-ca.crl
    """
    from appliance.host.certificate_pair import put_file
    from appliance.host.revocation_update import take_lists

    config = load_config(path)
    authority, target = certificate_of(config), config.receive.client_crl
    if target is None:
        raise ConfigError(
            "the configuration names no client_crl",
            fix=f'Name it in [receive]: client_crl = "{authority.with_suffix(".crl")}"',
        )
    before = text = target.read_bytes() if target.exists() else b""
    taken = []
    for each in lists:
        text, facts = take_lists(text, each.read_bytes(), authority.read_bytes(), datetime.now(UTC))
        taken += facts
    if text != before:
        put_file(target, text, _MODE)
    if as_json:
        ends = [{"issuer": each.issuer, "until": each.next_update and each.next_update.isoformat()} for each in taken]
        write_json({"client_crl": str(target), "changed": text != before, "lists": ends})
        return
    for one in taken:
        until = f"until {one.next_update:%Y-%m-%d %H:%M} UTC" if one.next_update else "without an end"
        click.echo(f"who was revoked by {one.issuer}, {until}")
    say(f"{target} is taken up by itself." if text != before else f"{target} had them already.")
