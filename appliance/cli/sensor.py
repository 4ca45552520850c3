"""`appliance sensor --pcap FILE`: the live sensor's engine on a capture that somebody made."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import LocalError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, say
from appliance.config.load import load_config

if TYPE_CHECKING:
    from appliance.capture.pcap_file import PcapFile
    from appliance.inspection.engine import Inspection, Packet

_BATCH = 2000
_LONG = 50 << 20  # bytes of a file of which progress is shown
_LEVELS = {1: ("high", "red"), 2: ("medium", "yellow"), 3: ("low", "cyan")}


@click.command(name="sensor")
@click.option("--pcap", type=click.Path(path_type=Path, dir_okay=False), help="A pcap or pcapng file, gzipped or not.")
@config_option
@json_option
@click.option(
    "--own-address",
    "own",
    multiple=True,
    metavar="ADDRESS",
    help="An address of the appliance in the capture. Without it, listeners on every address are taken to be anywhere.",
)
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
    from appliance.capture.pcap_file import PcapFile
    from appliance.capture.surroundings import named_hosts, resolve
    from appliance.inspection.engine import Inspection
    from appliance.inspection.registry import Registry, Surroundings

    config = load_config(path)
    addresses = frozenset(ipaddress.ip_address(each) for each in _checked(own)) or None
    registry = Registry.build(config, Surroundings(addresses, resolve(named_hosts(config))))
    inspection = Inspection(registry, pcap.name)
    file = PcapFile(pcap)
    tell = _line if as_json else None
    alerts = _read(file, inspection, tell, shows_progress=sys.stderr.isatty() and pcap.stat().st_size > _LONG)
    summary = {**inspection.snapshot(), "passed_over": file.passed_over}
    file.close()
    if as_json:
        click.echo(json.dumps({"event_type": "stats", "stats": summary}, separators=(",", ":")))
    else:
        _show(alerts, summary)


def _checked(own: tuple[str, ...]) -> tuple[str, ...]:
    for each in own:
        try:
            ipaddress.ip_address(each)
        except ValueError:
            raise click.BadParameter(f"{each!r} is no IP address", param_hint="--own-address") from None
    return own


def _line(record: dict[str, Any]) -> None:
    click.echo(json.dumps(record, separators=(",", ":")))


def _read(
    file: PcapFile, inspection: Inspection, tell: Callable[[dict[str, Any]], None] | None, shows_progress: bool
) -> list[dict[str, Any]]:
    """Everything through the engine. Gives the alerts, unless each was told as it came."""
    alerts: list[dict[str, Any]] = []
    with _Progress(shows_progress) as progress:
        for batch in _batches(file):
            inspection.inspect(batch)
            alerts += _taken(inspection, tell)
            progress.update(file.progress)
    inspection.finish()
    return alerts + _taken(inspection, tell)


def _taken(inspection: Inspection, tell: Callable[[dict[str, Any]], None] | None) -> list[dict[str, Any]]:
    records = inspection.take_alerts()
    if tell is None:
        return records
    for record in records:
        tell(record)
    return []


def _batches(file: PcapFile) -> Iterator[list[Packet]]:
    packets = iter(file)
    while batch := list(islice(packets, _BATCH)):
        yield batch


class _Progress:
    """A bar on stderr, for a person who waits."""

    def __init__(self, shown: bool) -> None:
        self._bar: Any = None
        if shown:
            from rich.progress import Progress

            self._bar = Progress(console=console(stderr=True), transient=True)
            self._task = self._bar.add_task("reading", total=1.0)

    def update(self, share: float) -> None:
        """So much was read, 0 to 1."""
        if self._bar:
            self._bar.update(self._task, completed=share)

    def __enter__(self) -> _Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()


def _show(alerts: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

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
                record.get("src_ip", "")
                + (f"\n{record['dest_ip']} port {record['dest_port']}" if "dest_ip" in record else ""),
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
