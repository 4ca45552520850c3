"""The screen of `appliance status`: first what needs somebody and what to do, then what works. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from appliance.cli.delivery_words import LEFT, forecast, last_error, pace, state_of
from appliance.panel.health.words import amount, count, span

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_COLOURS = {"ok": "green", "warn": "yellow", "alarm": "bold red"}
_WORDS = {"ok": "well", "warn": "look soon", "alarm": "look now"}
_LATEST = 5
_DELIVERIES = ("destination", "state", "waiting", "sent now", "held", "delivered", "oldest", "pace", "empty")
# What they say has its times in it.
_DATED = frozenset({"alerts", "backlog", "blocks", "certificates"})


class Hanging:
    """A text whose further lines begin below its first."""

    def __init__(self, sign: str, markup: str) -> None:
        self._sign = Text.from_markup(sign)
        self._text = Text.from_markup(markup)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = len(self._sign)
        for number, line in enumerate(self._text.wrap(console, options.max_width - width)):
            line.rstrip()
            yield (Text(" " * width) if number else self._sign) + line


def screen(status: dict[str, Any], now: float) -> Iterator[RenderableType]:
    """The parts of the screen, top to bottom. `now` is seconds since the epoch."""
    findings = status["findings"]
    yield _headline(findings, status["programs"])
    for finding in sorted(findings, key=lambda each: str(each["level"])):
        if finding["level"] != "ok":
            yield from _trouble(finding, now)
    yield ""
    yield _works(findings, now)
    yield from _programs(status)
    yield from _deliveries(status, now)
    yield from _alerts(status)
    if status.get("lamps"):
        yield Hanging("Lamps: ", ", ".join(f"{lamp} {state}" for lamp, state in status["lamps"].items()))


def _headline(findings: list[dict[str, Any]], programs: dict[str, Any]) -> str:
    alarms = sum(finding["level"] == "alarm" for finding in findings)
    warnings = sum(finding["level"] == "warn" for finding in findings)
    if alarms:
        more = f", and {count(warnings, 'thing')} soon" if warnings else ""
        return f"[bold red]{count(alarms, 'thing')} {'needs' if alarms == 1 else 'need'} you now{more}.[/]"
    if warnings:
        return f"[yellow]It works; {count(warnings, 'thing')} {'needs' if warnings == 1 else 'need'} you soon.[/]"
    if starting := [
        escape(name) for name, said in programs.items() if said["state"] == "starting" or said.get("starting")
    ]:
        return f"[yellow]It starts: {', '.join(starting)} {'are' if len(starting) > 1 else 'is'} not ready yet.[/]"
    return "[green]All well.[/]"


def _trouble(finding: dict[str, Any], now: float) -> Iterator[Hanging]:
    colour = _COLOURS[finding["level"]]
    yield Hanging(
        f"[{colour}]![/] ",
        f"[{colour}]{escape(finding['subject'])}[/] {escape(finding['what'])}[dim]{_lasts(finding, now, ' (', ')')}[/]",
    )
    if finding["fix"]:
        yield Hanging("    → ", escape(finding["fix"]))


def _works(findings: list[dict[str, Any]], now: float) -> Table:
    """A line a subject, with all that is well of it, for as long as all of that is."""
    well: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        if finding["level"] == "ok":
            well.setdefault(finding["subject"], []).append(finding)
    table = Table(title="What works", title_justify="left", box=None, pad_edge=False, show_header=False)
    for subject, each in well.items():
        latest = max(each, key=lambda finding: finding.get("since") or 0)
        words = "; ".join(finding["what"] for finding in each)
        table.add_row("[green]✓[/]", escape(subject), escape(words), f"[dim]{_lasts(latest, now)}[/]")
    return table


def _programs(status: dict[str, Any]) -> Iterator[RenderableType]:
    yield ""
    table = _table("Programs")
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
    rows = []
    for name, queue in destinations.items():
        words, colour = state_of(queue)
        numbers = [str(queue.get(key, 0)) for key in ("waiting", "leased", "held", "delivered")]
        since = span(now - queue["oldest"]) if queue.get("oldest") else ""
        rows.append([escape(name), f"[{colour}]{words}[/]", *numbers, since, pace(queue), forecast(queue)])
    for name, owed in gone.items():
        numbers = [str(owed["waiting"]), "0", str(owed["held"]), ""]
        since = span(now - owed["oldest"]) if owed["oldest"] else ""
        rows.append([escape(name), f"[{LEFT[1]}]{LEFT[0]}[/]", *numbers, since, "", ""])
    yield _without_the_empty("Deliveries", _DELIVERIES, rows)
    for name, queue in destinations.items():
        if error := last_error(queue, now):
            yield Hanging("", f"{escape(name)}: last error: {escape(error)}")


def _without_the_empty(title: str, headings: tuple[str, ...], rows: list[list[str]]) -> Table:
    """A table of those columns, beyond the first three, in which there is something to read."""
    told = [place for place in range(len(headings)) if place < 3 or any(row[place] not in ("", "0") for row in rows)]
    table = _table(title)
    for place in told:
        table.add_column(headings[place], justify="left" if place < 2 else "right", no_wrap=place >= 2)
    for row in rows:
        table.add_row(*(row[place] for place in told))
    return table


def _alerts(status: dict[str, Any]) -> Iterator[RenderableType]:
    alerts = status["alerts"]
    if not alerts["count"]:
        return
    title = f"Alerts since the panel started: {alerts['count']}, the latest last"
    table = _table(title)
    for heading in ("when", "by", "rule", "what", "from"):
        table.add_column(heading)
    for alert in alerts["latest"][-_LATEST:]:
        said = alert.get("alert", {})
        when = str(alert.get("timestamp", ""))[:19].replace("T", " ")
        words = (alert.get("program", ""), said.get("signature_id"), said.get("signature"), alert.get("src_ip", ""))
        table.add_row(escape(when), *(escape(str(word)) for word in words))
    yield table


def _says(name: str, said: dict[str, Any]) -> str:
    if said["state"] in ("starting", "never"):
        return ""
    if said.get("starting"):
        return f"starts: {said['starting']}"
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


def _lasts(finding: dict[str, Any], now: float, before: str = "", behind: str = "") -> str:
    """For how long it has been so, where anybody knows."""
    since = finding.get("since")
    if not since or finding["question"] in _DATED:
        return ""
    return before + (f"for {span(now - since)}" if now - since >= 1 else "just now") + behind


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
