"""`appliance vault studies`: whose studies lie here. The one list that shows patients, so it needs an identity."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_lines_option
from appliance.cli.output import console, say, write_json_line
from appliance.cli.status import age
from appliance.cli.vault.asking import ask_forward, peer_option, since_option
from appliance.cli.vault.reading import identities_for, identity_option, progress_bar
from appliance.cli.vault.study_words import in_words, read_facts
from appliance.config.load import load_config
from appliance.config.model import Config

_OF_SERIES = ("modality", "series_description", "series_number", "series_uid", "body_part")


@click.command(name="studies")
@click.option("--patient", help="Whose name or id has this in it, in upper or lower case.")
@peer_option
@since_option
@identity_option
@config_option
@json_lines_option
def command(
    patient: str | None, peer: str | None, since: float | None, identity: Path | None, path: Path, as_json: bool
) -> None:
    """List the studies that lie here: patient, dates, descriptions, series; the newest first.

    Reads what was sealed with each object for this, so an identity is needed, and shows patient data. With --json
    each study is one line. `appliance vault export DIRECTORY --study OBJECT` opens one of them.

    Exit status: 0 all shown, 1 some could not be opened.

    Example: appliance vault studies --patient doe -i recovery.txt
    """
    from appliance.base.errors import ApplianceError
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    identities = identities_for(config, identity)
    layout = StateLayout(config.appliance.state_dir)
    studies: dict[str, dict[str, Any]] = {}
    failed: Counter[str] = Counter()
    series = [each for each in _series(config) if _wanted(each, peer, since)]
    with progress_bar() as progress:
        for each in progress.track(series, description="opening"):
            try:
                facts = in_words(read_facts(layout.object_file(each["object"]), identities, each["transfer_syntax"]))
            except FileNotFoundError:
                continue  # delivered and forgotten meanwhile
            except ApplianceError as error:
                failed[error.message] += 1
                continue
            except OSError as error:
                failed[f"an object cannot be read: {error.strerror}"] += 1
                continue
            # Without a UID nobody knows what belongs together.
            _add(studies.setdefault(each["study"] or each["object"], {}), each, facts)
    chosen = [each for each in studies.values() if patient is None or _is(each, patient)]
    chosen.sort(key=lambda each: each["latest"], reverse=True)
    if as_json:
        for each in chosen:
            write_json_line(each)
    else:
        _print(chosen)
    for reason, count in failed.items():
        say(f"{count} series are not shown: {reason}")
    if failed:
        raise SystemExit(1)


def _series(config: Config) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: list[str] | None = None
    while True:
        answer = ask_forward(config.appliance.runtime_dir, "studies", after=after)
        found += answer["series"]
        after = answer["after"]
        if not after:
            return found


def _wanted(series: dict[str, Any], peer: str | None, since: float | None) -> bool:
    return (peer is None or series["peer"] == peer) and (since is None or series["latest"] >= since)


def _add(study: dict[str, Any], series: dict[str, Any], facts: dict[str, str]) -> None:
    """Put a series into its study. The first one that says something of the study speaks for it."""
    for name, value in facts.items():
        if name not in _OF_SERIES:
            study[name] = study.get(name) or value
    study.setdefault("object", series["object"])
    study["objects"] = study.get("objects", 0) + series["objects"]
    study["received"] = min(study.get("received", series["received"]), series["received"])
    study["latest"] = max(study.get("latest", 0.0), series["latest"])
    own = {name: facts[name] for name in _OF_SERIES}
    own["modality"] = own["modality"] or series["modality"]
    told = {name: series[name] for name in ("object", "objects", "peer", "received", "latest")}
    study.setdefault("series", []).append({**own, **told})


def _is(study: dict[str, Any], patient: str) -> bool:
    return patient.casefold() in f"{study['patient_name']}\n{study['patient_id']}".casefold()


def _print(studies: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not studies:
        say("There is no such study.")
        return
    table = Table(show_lines=True)
    for heading in ("patient", "study", "received", "an object of it"):
        table.add_column(heading, overflow="fold")
    for each in studies:
        kinds = Counter(one["modality"] or "?" for one in each["series"])
        series = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        cells = (
            (each["patient_name"], each["patient_id"], _date(each["birth_date"])),
            (_date(each["study_date"]), each["study_description"]),
            (f"{age(time.time() - each['latest'])} ago", f"series: {series}", f"objects: {each['objects']}"),
            (each["object"],),
        )
        table.add_row(*(escape("\n".join(filter(None, lines))) for lines in cells))
    console().print(table)
    say("This is patient data.")


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return text
