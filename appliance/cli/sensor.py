"""`appliance sensor --pcap FILE`: the live sensor's engine on a capture that somebody made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.base.errors import LocalError
from appliance.cli.options import config_option, json_lines_option
from appliance.cli.output import console, say, write_json_line
from appliance.cli.pcap import inspect_file, own_option, registry_of, signed_by_site
from appliance.config.load import load_config

_LEVELS = {1: ("high", "red"), 2: ("medium", "yellow"), 3: ("low", "cyan")}


@click.command(name="sensor")
@click.option("--pcap", type=click.Path(path_type=Path, dir_okay=False), help="A pcap or pcapng file, gzipped or not.")
@config_option
@json_lines_option
@own_option
def command(pcap: Path | None, path: Path, as_json: bool, own: tuple[str, ...]) -> None:
    """Read a capture as the live sensor would have, and show what it would have raised.

    The registry is that of the configuration: peers, destinations and our own listeners. Exit status 0, whatever was
    found. With --json: one alert a line as the alert log has them, then one line with the counters.

    Example: appliance sensor --pcap suspicious.pcap
    """
    if pcap is None:
        raise LocalError(
            "there is no --pcap to read",
            fix="The live sensor runs under `appliance run`, or as its unit: systemctl status appliance-sensor.",
        )
    config = load_config(path)
    registry, signed = registry_of(config, own), signed_by_site(config)
    inspection, alerts, passed_over = inspect_file(pcap, registry, _line if as_json else None, signed)
    summary = {**inspection.snapshot(), "passed_over": passed_over}
    if as_json:
        write_json_line({"event_type": "stats", "stats": summary})
    else:
        show(alerts, summary)


def _line(record: dict[str, Any]) -> None:
    write_json_line(record)


def show(alerts: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from appliance.inspection.alert import parties

    shown = console()
    if alerts:
        table = Table(title="Alerts", title_justify="left")
        for heading in ("rule", "what", "who", "times"):
            table.add_column(heading, justify="right" if heading == "times" else "left", overflow="fold")
        for record in _merged(alerts):
            alert, about = record["alert"], record["alert"]["metadata"]
            level, colour = _LEVELS[alert["severity"]]
            table.add_row(
                f"{alert['signature_id']} [{colour}]{level}[/]\n{about['first'][11:19]}",
                escape(f"{alert['signature']}\n{about['evidence']}"),
                "\n".join(each for each in parties(record) if each),
                str(about["count"]),
            )
        shown.print(table)
    else:
        shown.print("[green]No alerts.[/]")
    shown.print(
        f"{summary['packets']} packets, {summary['flows']} flows at the end, {summary['associations']} associations "
        f"and {summary['commands']} commands in clear, {summary['tls']} TLS connections; "
        f"{summary['inspected']} bytes of DICOM inspected, {summary['skipped']} skipped."
    )
    if summary["blind"]:
        shown.print(f"[yellow]Blind {summary['blind']} times:[/] what passed then was not judged; see D43.")
    if summary["passed_over"]:
        say(f"{summary['passed_over']} frames have a link type that is not read.")


def _merged(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each alert once: the summary at the end of a window takes the place of what it sums up."""
    last: dict[tuple[object, ...], dict[str, Any]] = {}
    for record in alerts:
        alert = record["alert"]
        about = alert["metadata"]
        key = (
            alert["signature_id"],
            about["first"],
            record.get("src_ip"),
            record.get("dest_ip"),
            record.get("dest_port"),
        )
        last[key] = record
    return list(last.values())
