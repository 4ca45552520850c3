"""The inventory as one HTML page that needs nothing else: a picture (inline SVG) and the tables behind it.

Every text in it comes from the network, so every text passes `html.escape`; there is no script.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from appliance.inspection.inventory_entries import Host, Talk

_MOST_NODES = 60  # beyond that a picture says nothing
_WIDTH, _HEIGHT = 1100, 760
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1160px; color: #1b2733; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem } th, td { text-align: left; padding: .3rem .6rem;
border-bottom: 1px solid #d5dce3; vertical-align: top } th { background: #eef2f6 } svg { width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #1b2733 } .clear { stroke: #c0392b } .tls { stroke: #1e7d45 }
.rejected { stroke: #8a939c; stroke-dasharray: 4 4 } line { stroke-width: 1.6 } circle { fill: #2f6fab }
.note { color: #55616d }
"""


def page(talks: Sequence[Talk], hosts: Sequence[Host]) -> str:
    """The whole page."""
    rows = sorted(talks, key=lambda each: (each.server, each.port, each.client, each.calling, each.called))
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Who speaks DICOM to whom</title><style>{_STYLE}</style></head><body>",
        "<h1>Who speaks DICOM to whom</h1>",
        _picture(rows),
        "<h2>Pairs</h2>",
        _table(
            ("caller", "at", "server", "at", "how", "accepted", "rejected", "instances", "used", "first", "last"),
            (
                (
                    each.calling or "?",
                    each.client,
                    each.called or "?",
                    f"{each.server} port {each.port}",
                    (each.tls_version or "TLS") if each.tls else "in clear",
                    each.accepted,
                    each.rejected,
                    each.stored,
                    ", ".join(each.services),
                    _day(each.first),
                    _day(each.last),
                )
                for each in rows
            ),
        ),
    ]
    if hosts:
        listed = sorted(hosts, key=lambda each: each.mac)
        parts.append("<h2>Hosts that announced an address</h2>")
        parts.append(
            _table(
                ("Ethernet address", "addresses", "first", "last"),
                ((each.mac, ", ".join(each.addresses), _day(each.first), _day(each.last)) for each in listed),
            )
        )
    return "\n".join([*parts, "</body></html>", ""])


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = ["<table><thead><tr>" + "".join(f"<th>{escape(each)}</th>" for each in head) + "</tr></thead><tbody>"]
    lines += ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</tbody></table>"])


def _picture(talks: Sequence[Talk]) -> str:
    """Machines on an ellipse, a line for each pair; what was only rejected is dashed."""
    weights: dict[str, int] = defaultdict(int)
    titles: dict[str, set[str]] = defaultdict(set)
    for each in talks:
        weights[each.client] += 1 + each.accepted
        weights[each.server] += 1 + each.accepted
        titles[each.client].add(each.calling)
        titles[each.server].add(each.called)
    shown = sorted(weights, key=lambda address: -weights[address])[:_MOST_NODES]
    places = {address: _place(number, len(shown)) for number, address in enumerate(sorted(shown))}
    lines = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="who talks to whom">']
    for each in talks:
        if each.client in places and each.server in places:
            (x1, y1), (x2, y2) = places[each.client], places[each.server]
            kind = "tls" if each.tls else "clear" if each.accepted else "rejected"
            said = f"{each.calling or '?'} to {each.called or '?'}, port {each.port}"
            lines.append(
                f'<line class="{kind}" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}">'
                f"<title>{escape(said)}</title></line>"
            )
    for address, (x, y) in places.items():
        names = ", ".join(sorted(name for name in titles[address] if name)[:3])
        anchor = "start" if x >= _WIDTH / 2 else "end"
        shift = 12 if anchor == "start" else -12
        lines.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="7"/>'
            f'<text x="{x + shift:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(names)}</text>'
            f'<text x="{x + shift:.0f}" y="{y + 14:.0f}" text-anchor="{anchor}">{escape(address)}</text>'
        )
    lines.append("</svg>")
    legend = "Red: in clear. Green: TLS. Grey, dashed: rejected only."
    if len(weights) > len(shown):
        legend += f" The {len(shown)} busiest of {len(weights)} machines are drawn."
    return "\n".join([*lines, f'<p class="note">{escape(legend)}</p>'])


def _place(number: int, count: int) -> tuple[float, float]:
    angle = 2 * math.pi * number / max(count, 1) - math.pi / 2
    return _WIDTH / 2 + 330 * math.cos(angle), _HEIGHT / 2 + 320 * math.sin(angle)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
