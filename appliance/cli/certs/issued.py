"""`appliance certs issued`: what the built-in CA gave out, until when, and what was revoked."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from appliance.cli.certs.authority import certificate_of, rollover_of
from appliance.cli.certs.slots import shown_now
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, terminal, write_json
from appliance.config.load import load_config

_SOON = timedelta(days=60)
_NEEDS_SOMEBODY = 1


@click.command(name="issued")
@config_option
@json_option
def command(path: Path, as_json: bool) -> None:
    """Show the certificates that the built-in CA gave to devices and to this box, those that end first at the top.

    Exit status: 0 nothing has to be done, 1 one of them needs its next certificate within 60 days.

    Example: appliance certs issued
    """
    from appliance.host.issued_register import Register

    config = load_config(path)
    register = Register(certificate_of(config), config.receive.client_crl)
    found, last = register.entries(), {device: each.serial for device, each in register.in_use().items()}
    shown, now, old = shown_now(config), datetime.now(UTC), rollover_of(config).leaving()
    states = {
        each.serial: "revoked" if each.revoked
        else "not trusted" if not each.trusted
        else "not in use" if each.own and each.facts.sha256 not in shown
        else "replaced" if not each.own and last[each.device] != each.serial
        else "expired" if each.facts.not_after <= now
        else "ends soon" if each.facts.not_after - now <= _SOON
        else "old CA" if old and each.certificate.issuer == old.subject
        else "good"
        for each in found
    }  # fmt: skip
    if as_json:
        write_json(
            [
                {
                    "device": each.device,
                    "own": each.own,
                    "issuer": each.facts.issuer,
                    "names": list(each.facts.names),
                    "until": each.facts.not_after.isoformat(),
                    "state": states[each.serial],
                    "sha256": each.facts.sha256,
                }
                for each in found
            ]
        )
    elif found:
        from rich.table import Table
        from rich.text import Text

        table = Table("device", "for", "until", "", "SHA-256", box=None, header_style="bold")
        for each in found:
            state = states[each.serial]
            colour = {"good": "green", "ends soon": "yellow", "old CA": "yellow", "expired": "bold red"}.get(
                state, "dim"
            )
            until = f"{each.facts.not_after:%Y-%m-%d}"
            device = f"{each.device} (this box)" if each.own else each.device
            cells = (device, ", ".join(each.facts.names), until, Text(state, style=colour), each.facts.sha256[:16])
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
        terminal().print(table)
    else:
        say("The built-in CA has given out nothing that is recorded here. `appliance certs issue` does.")
    bad = [each for each in found if states[each.serial] in ("expired", "ends soon")]
    if "old CA" in states.values():
        say("The CA is being replaced: `appliance certs roll` says what is left to do.")
    for each in bad:
        if each.own:
            place = shlex.quote(shown[each.facts.sha256])
            say(f"This box needs its next certificate: appliance certs renew --for {place}")
        else:
            say(f'{each.device} needs its next certificate: appliance certs issue "{each.device}" …')
    raise SystemExit(_NEEDS_SOMEBODY if bad else 0)
