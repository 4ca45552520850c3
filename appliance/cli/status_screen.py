"""The screen of `appliance status`: first what needs somebody and what to do, then what works. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from appliance.cli.delivery_words import LEFT, forecast, last_error, pace, state_of
from appliance.panel.health.words import amount, count, span

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLOURS = {"ok": "green", "warn": "yellow", "alarm": "bold red"}
_WORDS = {"ok": "well", "warn": "look soon", "alarm": "look now"}
_LATEST = 5


def screen(status: dict[str, Any], now: float) -> Iterator[RenderableType]:
    """The parts of the screen, top to bottom. `now` is seconds since the epoch."""
    findings = status["findings"]
    yield _headline(findings)
    for finding in sorted(findings, key=lambda each: str(each["level"])):
        if finding["level"] != "ok":
            yield _trouble(finding, now)
    yield ""
    yield _works(findings, now)
    yield from _programs(status)
    yield from _deliveries(status, now)
    yield from _alerts(status)
    if status.get("lamps"):
        yield "Lamps: " + ", ".join(f"{lamp} {state}" for lamp, state in status["lamps"].items())


def _headline(findings: list[dict[str, Any]]) -> str:
    alarms = sum(finding["level"] == "alarm" for finding in findings)
    warnings = sum(finding["level"] == "warn" for finding in findings)
    if alarms:
        more = f", and {count(warnings, 'thing')} soon" if warnings else ""
        return f"[bold red]{count(alarms, 'thing')} {'needs' if alarms == 1 else 'need'} you now{more}.[/]"
    if warnings:
        return f"[yellow]It works; {count(warnings, 'thing')} {'needs' if warnings == 1 else 'need'} you soon.[/]"
    return "[green]All well.[/]"


def _trouble(finding: dict[str, Any], now: float) -> str:
    colour = _COLOURS[finding["level"]]
    since = f" [dim](since {_when(finding['since'], now)})[/]" if finding.get("since") else ""
    fix = f"\n    → {escape(finding['fix'])}" if finding["fix"] else ""
    return f"[{colour}]! {escape(finding['subject'])}[/] {escape(finding['what'])}{since}{fix}"


def _works(findings: list[dict[str, Any]], now: float) -> Table:
    table = Table(title="What works", title_justify="left", box=None, pad_edge=False, show_header=False)
    for finding in findings:
        if finding["level"] == "ok":
            since = f"since {_when(finding['since'], now)}" if finding.get("since") else ""
            table.add_row("[green]✓[/]", escape(finding["subject"]), escape(finding["what"]), f"[dim]{since}[/]")
    return table


def _programs(status: dict[str, Any]) -> Iterator[RenderableType]:
    yield ""
    table = Table(title="Programs", title_justify="left")
    for heading in ("program", "state", "says"):
        table.add_column(heading)
    for name, said in status["programs"].items():
        state = said["state"]
        colour = {"ok": "green", "starting": "yellow"}.get(state, "red")
        table.add_row(escape(name), f"[{colour}]{state}[/]", _says(name, said))
    yield table


def _deliveries(status: dict[str, Any], now: float) -> Iterator[RenderableType]:
    forward = status["programs"].get("forward", {})
    destinations, gone = forward.get("destinations", {}), forward.get("left", {})
    if not destinations and not gone:
        return
    table = Table(title="Deliveries", title_justify="left")
    for heading in ("destination", "state", "waiting", "on their way", "held", "delivered", "oldest", "pace", "empty"):
        table.add_column(heading, justify="left" if heading in ("destination", "state") else "right")
    for name, queue in destinations.items():
        words, colour = state_of(queue)
        numbers = (str(queue.get(key, 0)) for key in ("waiting", "leased", "held", "delivered"))
        oldest = queue.get("oldest")
        since = span(now - oldest) if oldest else ""
        table.add_row(escape(name), f"[{colour}]{words}[/]", *numbers, since, pace(queue), forecast(queue))
    for name, owed in gone.items():
        numbers = (str(number) for number in (owed["waiting"], 0, owed["held"], ""))
        since = span(now - owed["oldest"]) if owed["oldest"] else ""
        table.add_row(escape(name), f"[{LEFT[1]}]{LEFT[0]}[/]", *numbers, since, "", "")
    yield table
    for name, queue in destinations.items():
        if error := last_error(queue, now):
            yield f"{escape(name)}: last error: {escape(error)}"


def _alerts(status: dict[str, Any]) -> Iterator[RenderableType]:
    alerts = status["alerts"]
    if not alerts["count"]:
        return
    title = f"Alerts since the panel started: {alerts['count']}, the latest last"
    table = Table(title=title, title_justify="left")
    for heading in ("when", "by", "rule", "what", "from"):
        table.add_column(heading)
    for alert in alerts["latest"][-_LATEST:]:
        said = alert.get("alert", {})
        when = str(alert.get("timestamp", ""))[:19].replace("T", " ")
        words = (alert.get("program", ""), said.get("signature_id"), said.get("signature"), alert.get("src_ip", ""))
        table.add_row(escape(when), *(escape(str(word)) for word in words))
    yield table


def _says(name: str, said: dict[str, Any]) -> str:
    if name == "receive":
        refused, failed = said.get("refused", 0), said.get("failed_handshakes", 0)
        return (
            f"{count(said.get('associations', 0), 'association')} open, {count(said.get('stored', 0), 'instance')} "
            f"stored ({amount(said.get('stored_bytes', 0))}), {refused} refused, {failed} TLS handshakes failed"
        )
    if name == "sensor":
        return (
            f"{count(said.get('packets', 0), 'packet')}, {count(said.get('flows', 0), 'flow')}, "
            f"{count(said.get('alerts', 0), 'alert')}, {said.get('dropped_packets', 0)} packets lost"
        )
    if name == "respond":
        blocked = count(len(said.get("blocks", ())), "address", "addresses")
        words = {"block": f"{blocked} blocked", "dry-run": f"dry-run: {blocked} would be blocked"}
        return f"{words.get(said.get('mode', ''), 'off')}; {said.get('protects', '')}".rstrip("; ")
    if name == "forward":
        return f"{count(said.get('objects', 0), 'object')} in the vault ({amount(said.get('bytes', 0))})"
    return ""


def _when(since: float, now: float) -> str:
    return f"{span(now - since)} ago" if now - since >= 1 else "now"
