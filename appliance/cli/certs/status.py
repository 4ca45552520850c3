"""`appliance certs status`: each certificate that the configuration names, and how long it is good."""

from __future__ import annotations

import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import CryptoError
from appliance.cli.certs.slots import slots
from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, say, write_json
from appliance.config.load import load_config
from appliance.config.posture.facts import BUILT_IN

if TYPE_CHECKING:
    from appliance.panel.health.facts import ListEnd

_NEEDS_SOMEBODY = 1


@click.command(name="status")
@config_option
@json_option
def command(path: Path, as_json: bool) -> None:
    """Show the certificates that the configuration names: for whom, by whom, how long, and what is wrong with them.

    Exit status: 0 all are good, 1 one needs a person.

    Example: appliance certs status
    """
    from appliance.panel.look import lists, named

    config = load_config(path)
    places = {slot.certificate: slot.name for slot in slots(config).values()}
    requested = {slot.certificate for slot in slots(config).values() if slot.requested.exists()}
    found = [_entry(place, file, file in requested) for place, file in named(config)]
    for entry, (_, file) in zip(found, named(config), strict=True):
        if entry["fix"] and BUILT_IN in entry.get("issuer", "") and file in places:
            entry["fix"] += f" The built-in CA does it: `appliance certs renew --for {shlex.quote(places[file])}`."
    found += [_list_entry(each) for each in lists(config)]
    for each, problem in _problems(config):
        if about := next((entry for entry in found if entry["place"] == each), None):
            about["problems"].append(problem)
    if as_json:
        write_json(found)
    elif not found:
        say("The configuration names no certificate.")
    else:
        for entry in found:
            _show(entry)
    raise SystemExit(_NEEDS_SOMEBODY if any(entry["problems"] or entry["level"] != "ok" for entry in found) else 0)


def _entry(place: str, file: Path, requested: bool) -> dict[str, Any]:
    from appliance.host.certificate_facts import read_certificates
    from appliance.panel.health.certificates import check
    from appliance.panel.health.facts import CertificateEnd, Facts

    base: dict[str, Any] = {"place": place, "path": str(file), "requested": requested, "problems": []}
    try:
        all_of_it = read_certificates(file.read_bytes())
    except (OSError, CryptoError) as error:
        why = (error.strerror or "cannot be read") if isinstance(error, OSError) else error.message
        return {
            **base,
            "level": "alarm",
            "what": why,
            "fix": "See `appliance certs request` and `install`; for a CA, `trust`.",
        }
    leads = all_of_it[0]
    alone = leads.built_in or not leads.authority
    shown = leads if alone else max(all_of_it, key=lambda each: each.not_after)
    end = CertificateEnd(place, str(file), shown.not_after.timestamp(), built_in=leads.built_in)
    facts = Facts(time.time(), certificates=[end])
    (finding,) = check(facts)
    return {
        **base,
        "subject": shown.subject,
        "issuer": shown.issuer,
        "names": list(shown.names),
        "key": shown.key_kind,
        "sha256": shown.sha256,
        "until": shown.not_after.isoformat(),
        "level": finding.level.name.lower(),
        "what": finding.what,
        "fix": finding.fix,
    }


def _list_entry(each: ListEnd) -> dict[str, Any]:
    """The same of a revocation list."""
    from appliance.panel.health.facts import Facts
    from appliance.panel.health.revocations import check

    (finding,) = check(Facts(time.time(), lists=[each]))
    shown: dict[str, Any] = {"place": each.place, "path": each.path, "requested": False, "problems": []}
    if not each.error:
        shown["issuer"] = each.issuer
        shown["until"] = datetime.fromtimestamp(each.ends, UTC).isoformat() if each.ends is not None else None
    return {**shown, "level": finding.level.name.lower(), "what": finding.what, "fix": finding.fix}


def _problems(config: Any) -> list[tuple[str, str]]:
    """What `appliance check` says of the same places, dates left out: those are in each entry."""
    from appliance.cli.gather import gather
    from appliance.config.posture import posture

    found = posture(config, gather(config, datetime.now(UTC)))
    bad = [each for each in found if each.severity != "note" and "expire" not in each.id]
    # What is wrong with a key is said with its certificate.
    return [(re.sub(r"\.key$", ".certificate", each.subject), f"{each.what} [{each.id}]") for each in bad]


def _show(entry: dict[str, Any]) -> None:
    from rich.markup import escape

    colour = {"ok": "green", "warn": "yellow", "alarm": "bold red"}[entry["level"]]
    out = console()
    out.print(f"[bold]{escape(entry['place'])}[/] [{colour}]{escape(entry['what'])}[/]")
    out.print(f"  {escape(entry['path'])}")
    if "subject" in entry:
        names = f", for {', '.join(entry['names'])}" if entry["names"] else ""
        out.print(
            escape(f"  {entry['subject']}{names}; {entry['key']}; by {entry['issuer']}; until {entry['until'][:10]}")
        )
        out.print(f"  SHA-256 {entry['sha256']}")
    elif entry.get("issuer"):
        out.print(escape(f"  who was revoked by {entry['issuer']}; until {(entry['until'] or 'for ever')[:10]}"))
    if entry["requested"]:
        out.print("  a new one was requested: `appliance certs install` when it comes")
    for line in (*entry["problems"], *([entry["fix"]] if entry["fix"] else [])):
        out.print(f"  → {escape(line)}")
