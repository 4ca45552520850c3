"""`appliance alerts`: what was raised, from the alert logs of the state directory, rotated ones too."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import DiskError
from appliance.cli.options import config_option
from appliance.cli.output import say, write_json_line
from appliance.config.places import places_of
from appliance.config.values import parse_duration
from appliance.host.alerts import read_alerts

_LEVELS = {1: ("high", "red"), 2: ("medium", "yellow"), 3: ("low", "cyan")}
_LONGEST = 300
DIRECTORIES = ("alerts", "responses")  # of the state directory: what was seen, and what was done about it


@click.command(name="alerts")
@click.option("--follow", "-f", is_flag=True, help="Go on, and show alerts as they come.")
@click.option(
    "--since", metavar="WHEN", help='How long back, like "2h" or "7d", or from when, like "2026-01-31 08:00".'
)
@click.option(
    "--rule", "rules", multiple=True, metavar="ID", help="Only alerts of this rule, like D01. May be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON record a line, as the log has them.")
@config_option
def command(follow: bool, since: str | None, rules: tuple[str, ...], as_json: bool, path: Path) -> None:
    """Show what the sensor raised: when, by which rule, who, what was seen and what to do.

    Without --since, everything that is kept is shown; with --follow, only what comes from now on.

    Example: appliance alerts --since 24h --rule D01
    """
    state = places_of(path).state_dir
    directories = tuple(state / name for name in DIRECTORIES)
    begin = _begin(since, datetime.now(UTC)) if since else None
    wanted = frozenset(each.upper() for each in rules)
    if follow:
        from appliance.host.alert_follow import follow_alerts

        coming = follow_alerts(*directories)  # before what is kept is read, so that nothing falls between
    shown = 0
    if not follow or begin:
        for record in chosen(_kept(directories), begin, wanted):
            shown += 1
            tell(record, as_json)
    if follow:
        for record in chosen(coming, None, wanted):
            tell(record, as_json)
    elif not shown and not as_json:
        if begin is None and not wanted:
            say("The sensor raised no alerts. Whom receive refused is in its log: `journalctl -u appliance-receive`.")
        else:
            say("There are no such alerts.")


def chosen(
    records: Iterable[dict[str, Any]], begin: datetime | None, rules: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """The alerts among records that are not older than `begin`, of one of `rules` (none: of any)."""
    for record in records:
        alert, when = record.get("alert"), _when(record)
        if not isinstance(alert, dict) or when is None or (begin is not None and when < begin):
            continue
        if not rules or alert.get("signature_id") in rules:
            yield record


def _kept(directories: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """All that is kept of all logs, by time."""
    logs: list[Path] = []
    for directory in directories:
        try:
            logs += sorted(each for each in directory.iterdir() if each.suffix == ".jsonl")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DiskError(f"cannot read {directory}: {error.strerror}", fix="Run this as root.") from None
    return heapq.merge(*(read_alerts(each) for each in logs), key=lambda record: str(record.get("timestamp", "")))


def _begin(since: str, now: datetime) -> datetime:
    try:
        return now - timedelta(seconds=parse_duration(since))
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(since).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f'{since!r} is no time; write "2h", "7d" or "2026-01-31 08:00"', param_hint="--since"
        ) from None


def _when(record: dict[str, Any]) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(record.get("timestamp")))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def tell(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_json_line(record)
        return
    alert = record["alert"]
    said = alert.get("metadata")
    about: dict[str, Any] = said if isinstance(said, dict) else {}
    level, colour = _LEVELS.get(alert.get("severity"), ("?", "white"))
    when = _when(record)
    clock = when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else "?"
    click.echo(f"{clock}  {_plain(alert.get('signature_id')):4} ", nl=False)
    click.secho(f"{level:7}", fg=colour, nl=False)
    click.echo(f"{_who(record)}  {_plain(alert.get('signature'))}")
    times = about.get("count", 1)
    evidence = about.get("evidence") or _said(record.get("dicom"))
    if evidence:
        click.echo(f"    {_plain(evidence)}" + (f" ({_plain(times)} times)" if times != 1 else ""))
    if about.get("advice"):
        click.secho(f"    {_plain(about['advice'])}", dim=True)


def _who(record: dict[str, Any]) -> str:
    source, target = record.get("src_ip"), record.get("dest_ip")
    who = _plain(source) if source else "several" if target else ""
    if target:
        port = f" port {_plain(record['dest_port'])}" if "dest_port" in record else ""
        who += f" to {_plain(target)}{port}"
    return who


def _said(fields: Any) -> str:
    """What another program than the sensor saw."""
    return ", ".join(f"{key} {value}" for key, value in fields.items()) if isinstance(fields, dict) else ""


def _plain(value: Any) -> str:
    """As it stands in the record, which was washed; without control characters, since anybody may have written it."""
    return "".join(each if each.isprintable() else "?" for each in str(value)[:_LONGEST]) if value is not None else ""
