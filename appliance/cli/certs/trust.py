"""`appliance certs trust`: the certificate of the CA that signs modalities' goes to client_ca, as PEM."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.base.errors import CryptoError
from appliance.cli.certs.authority import certificate_of
from appliance.cli.certs.reading import content_of
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config

_MODE = 0o444


@click.command(name="trust")
@click.argument("authority", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Trust these alone, and forget those that are there.")
@config_option
@json_option
def command(authority: Path, replace: bool, path: Path, as_json: bool) -> None:
    """Add the CAs in AUTHORITY (PEM, .cer, .p7b) to those whose devices may associate: the file at client_ca.

    Compare the SHA-256 that is shown with what the people of the CA say by telephone: every certificate that this CA
    issues for TLS clients gets as far as the [[peer]] entries.

    Exit status: 0 they are trusted, 65 one will not do, and nothing was changed.

    Example: appliance certs trust hospital-ca.cer
    """
    from appliance.host.certificate_facts import read_certificates
    from appliance.host.certificate_files import as_pem, read_handed
    from appliance.host.certificate_pair import put_file
    from appliance.host.revocation import without_list

    config = load_config(path)
    target = certificate_of(config)
    found = read_handed(authority.read_bytes()).certificates
    ours = [each for each in found if read_certificates(as_pem([each]))[0].authority]
    if not ours:
        raise CryptoError(
            f"{authority} holds no certificate of a CA", fix="Give that of the CA, not one that it issued."
        )
    facts = read_certificates(as_pem(ours))
    for each in facts:
        if each.weak or each.not_after <= datetime.now(UTC):
            why = each.weak or f"it expired on {each.not_after:%Y-%m-%d}"
            raise CryptoError(f"{each.subject} will not do: {why}", fix="Nothing was changed. Ask for the CA of today.")
    there = () if replace or not target.exists() else read_handed(content_of(target)).certificates
    put_file(target, as_pem([*there, *(each for each in ours if each not in there)]), _MODE)
    if as_json:
        shown = [
            {"subject": each.subject, "until": each.not_after.isoformat(), "sha256": each.sha256} for each in facts
        ]
        write_json({"client_ca": str(target), "trusted": shown, "kept": len(there)})
    else:
        for each in facts:
            click.echo(f"trusted {each.subject}, until {each.not_after:%Y-%m-%d}")
            click.echo(f"  SHA-256 {each.sha256}")
    lists = config.receive.client_crl
    for subject in without_list(as_pem(ours), content_of(lists)) if lists else ():
        say(f"All its devices are refused until {lists} has a revocation list of {subject}, too.")
    say("It is taken up by itself; `appliance check` says whether all fits.")
