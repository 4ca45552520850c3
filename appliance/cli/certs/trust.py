"""`appliance certs trust`: the certificate of the CA that signs modalities' goes to client_ca, as PEM, and where the
sensor reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    """Add the CAs in AUTHORITY (PEM, .cer, .p7b) to those whose devices may associate: the file at client_ca. They go
    to the file at ca of [sensor] as well, where the configuration names one.

    Compare the SHA-256 that is shown with what the people of the CA say by telephone: every certificate that this CA
    issues for TLS clients gets as far as the [[peer]] entries.

    Exit status: 0 they are trusted, 65 one will not do, and nothing was changed.

    Example: appliance certs trust hospital-ca.cer
    """
    from appliance.host.certificate_facts import as_pem, read_certificates
    from appliance.host.certificate_files import read_handed
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
    before = _held(target)
    there = () if replace else before
    files = {target: _added(there, ours)}
    watched = config.sensor.ca if config.sensor else None
    if watched and watched != target:  # which may hold more: those of servers that do not call us
        beside = [each for each in _held(watched) or before if each in there or each not in before]
        files[watched] = _added(beside, ours)
    for file, certificates in files.items():
        put_file(file, as_pem(certificates), _MODE)
    if as_json:
        shown = [
            {"subject": each.subject, "until": each.not_after.isoformat(), "sha256": each.sha256} for each in facts
        ]
        written = {"client_ca": str(target), **({"sensor_ca": str(watched)} if watched else {})}
        write_json({**written, "trusted": shown, "kept": len(there)})
    else:
        for each in facts:
            click.echo(f"trusted {each.subject}, until {each.not_after:%Y-%m-%d}")
            click.echo(f"  SHA-256 {each.sha256}")
    lists = config.receive.client_crl
    for subject in without_list(as_pem(ours), content_of(lists)) if lists else ():
        say(f"All its devices are refused until {lists} has a revocation list of {subject}, too.")
    say("It is taken up by itself; `appliance check` says whether all fits.")


def _held(path: Path) -> Sequence[Any]:
    from appliance.host.certificate_files import read_handed

    return read_handed(content_of(path)).certificates if path.exists() else ()


def _added(there: Sequence[Any], ours: Sequence[Any]) -> list[Any]:
    return [*there, *(each for each in ours if each not in there)]
