"""The inventory as one HTML page that needs nothing else: a picture (inline SVG) and the tables behind it.

Every text in it comes from the network, so every text passes `html.escape`; there is no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from appliance.cli.inventory_devices import assets
from appliance.cli.inventory_picture import Names, picture
from appliance.cli.output import counted
from appliance.inspection.inventory_entries import Device, Host, Talk

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; color: #1b2733; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; font-size: 14px }
tr:hover td { background: #f6f8fa }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d5dce3; vertical-align: top }
th { background: #eef2f6; position: sticky; top: 0 } td.number, th.number { text-align: right }
td { overflow-wrap: anywhere } .stranger, .bad { color: #a32a1d } .good { color: #1e7d45 } .note { color: #55616d }
svg { width: 100%; height: auto; margin-top: 1rem } td.number, td.day, .bad, .good { white-space: nowrap }
@media print { th { position: static } body { margin: 0 } }
"""
_CLASSES = dict.fromkeys(("accepted", "rejected", "instances"), "number") | {"first": "day", "last": "day"}


def page(talks: Sequence[Talk], hosts: Sequence[Host], names: Names, devices: Sequence[Device] = ()) -> str:
    """The whole page. `names` gives the configured name of the machine at an address."""
    rows = sorted(talks, key=lambda each: (each.server, each.port, each.client, each.calling, each.called))
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        f"<title>Who speaks DICOM to whom</title><style>{_STYLE}</style></head><body>",
        "<h1>Who speaks DICOM to whom</h1>",
        f"<p>{escape(_summary(rows, names))}</p>",
        picture(rows, names) if rows else "",
        "<h2>Pairs</h2>",
        _table(
            ("caller", "at", "server", "at", "how", "accepted", "rejected", "instances", "used", "first", "last"),
            (
                (
                    _who(each.calling, each.client, names),
                    escape(each.client),
                    _who(each.called, each.server, names),
                    f"{escape(each.server)} port {each.port}",
                    _how(each),
                    f"{each.accepted:,}",
                    f"{each.rejected:,}",
                    f"{each.stored:,}",
                    escape(", ".join(each.services)),
                    _day(each.first),
                    _day(each.last),
                )
                for each in rows
            ),
        ),
    ]
    if devices:
        parts.append("<h2>What the callers run</h2>")
        parts.append(
            _table(
                ("caller", "at", "software", "system, by its TCP", "Ethernet address", "first", "last"),
                (
                    (
                        _who(each.title, each.address, names),
                        escape(each.address),
                        escape(each.software),
                        escape(each.system),
                        escape(", ".join(each.macs)),
                        _day(each.first),
                        _day(each.last),
                    )
                    for each in assets(devices, talks)
                ),
            )
        )
    if hosts:
        listed = sorted(hosts, key=lambda each: each.mac)
        parts.append("<h2>Hosts that announced an address, or hand them out</h2>")
        parts.append(
            _table(
                ("Ethernet address", "addresses", "hands out, or speaks", "first", "last"),
                (
                    (
                        escape(each.mac),
                        escape(", ".join(each.addresses)),
                        escape(", ".join(each.offers)),
                        _day(each.first),
                        _day(each.last),
                    )
                    for each in listed
                ),
            )
        )
    return "\n".join([*parts, "</body></html>", ""])


def _summary(talks: Sequence[Talk], names: Names) -> str:
    """What an auditor asks first."""
    if not talks:
        return "The sensor has seen nobody speak DICOM yet."
    machines = {address for each in talks for address in (each.client, each.server)}
    clear = [each for each in talks if each.accepted and not each.tls]
    strangers = sum(not names(address) for address in machines)
    seen = f"{_day(min(each.first for each in talks))} to {_day(max(each.last for each in talks))}"
    return (
        f"{counted(len(machines), 'machine')} in {counted(len(talks), 'pair')}, seen {seen}. "
        f"{counted(len(clear), 'pair')} in clear, over which {sum(each.stored for each in clear):,} instances went; "
        f"{counted(sum(each.tls and each.accepted > 0 for each in talks), 'pair')} over TLS; "
        f"{counted(sum(not each.accepted for each in talks), 'pair')} never accepted. "
        f"{counted(strangers, 'machine')} that no entry of the configuration names."
    )


def _who(title: str, address: str, names: Names) -> str:
    """Its AE title, and the name that the configuration has for it."""
    name, shown = names(address), escape(title or "?")
    return f'{shown}<br><span class="note">{escape(name)}</span>' if name else f'<span class="stranger">{shown}</span>'


def _how(talk: Talk) -> str:
    return (
        f'<span class="good">{escape(talk.tls_version or "TLS")}</span>'
        if talk.tls
        else '<span class="bad">in clear</span>'
    )


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML: their texts were escaped."""
    marks = [f' class="{_CLASSES[each]}"' if each in _CLASSES else "" for each in head]
    titles = "".join(f"<th{mark}>{escape(each)}</th>" for mark, each in zip(marks, head, strict=True))
    lines = [f"<table><thead><tr>{titles}</tr></thead><tbody>"]
    for row in rows:
        lines.append(
            "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        )
    return "\n".join([*lines, "</tbody></table>"])


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
