"""Who talks to whom as a picture: inline SVG, made of boxes in columns and arrows from caller to server.

Machines that talk to the same others in the same way share a box, so a site of hundreds is a handful of boxes. Who only
calls stands on the left, who is only called on the right, who does both between them. Every text comes from the network
and passes `html.escape`.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from appliance.inspection.inventory_entries import Talk

_MOST_BOXES = 60  # beyond that a picture says nothing
_MOST_NAMES = 5  # in a box
_LONGEST = 40  # characters of a line in a box
_WIDTH, _BOX, _LINE, _GAP = 1140, 292, 16, 22
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1b2733 } text.first { font-weight: 600 }
rect { fill: #f4f8fc; stroke: #2f6fab; stroke-width: 1.4 }
rect.stranger { fill: #fff7f5; stroke: #a32a1d; stroke-dasharray: 5 3 }
path { fill: none; stroke-width: 1.6; opacity: .85 } path:hover { stroke-width: 4 }
path.clear { stroke: #c0392b } path.tls { stroke: #1e7d45 } path.rejected { stroke: #8a939c; stroke-dasharray: 4 4 }
path.head { stroke: none } path.clear.head { fill: #c0392b } path.tls.head { fill: #1e7d45 }
path.rejected.head { fill: #8a939c }
"""
_LEFT = (8, (_WIDTH - _BOX) // 2, _WIDTH - _BOX - 8)

Names = Callable[[str], str]
"""The configured name of the machine at an address; empty for a stranger."""


@dataclass
class _Box:
    addresses: list[str]
    column: int
    lines: list[str]
    known: bool
    top: float = 0.0
    ends: list[int] = field(default_factory=lambda: [0, 0])  # arrows that begin and end here

    @property
    def height(self) -> int:
        return 14 + _LINE * len(self.lines)


def kind(talk: Talk) -> str:
    """How a pair talks: the class of its arrow."""
    return "tls" if talk.tls and talk.accepted else "clear" if talk.accepted else "rejected"


def picture(talks: Sequence[Talk], names: Names) -> str:
    """The SVG element, and a line that explains it."""
    boxes = _boxes(talks, names)
    drawn = boxes[:_MOST_BOXES]
    place = {address: box for box in drawn for address in box.addresses}
    height = _stack(drawn)
    arrows = _arrows(talks, place)
    lines = [f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="who talks to whom">']
    lines.append(f"<style>{_STYLE}</style><defs>")
    for each in ("clear", "tls", "rejected"):
        lines.append(
            f'<marker id="{each}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            f'<path class="{each} head" d="M0 0 8 4 0 8z"/></marker>'
        )
    lines.append("</defs>")
    lines += [_arrow(*each) for each in arrows]
    lines += [_drawn(box) for box in drawn]
    lines.append("</svg>")
    legend = "Red: in clear. Green: TLS. Grey, dashed: rejected only. A dashed box is a machine that no entry names."
    if len(boxes) > len(drawn):
        left = sum(len(box.addresses) for box in boxes[_MOST_BOXES:])
        legend += f" {left} machines more are in the table below."
    return "\n".join([*lines, f'<p class="note">{escape(legend)}</p>'])


def _boxes(talks: Iterable[Talk], names: Names) -> list[_Box]:
    """The busiest first."""
    ways: dict[str, set[tuple[Hashable, ...]]] = defaultdict(set)
    weight: dict[str, int] = defaultdict(int)
    titles: dict[str, set[str]] = defaultdict(set)
    for each in talks:
        how = kind(each)
        ways[each.client].add(("calls", each.server, each.port, how))
        ways[each.server].add(("is called", each.client, each.port, how))
        for address, title in ((each.client, each.calling), (each.server, each.called)):
            weight[address] += 1 + each.accepted
            titles[address] |= {title} if title else set()
    alike: dict[tuple[frozenset[tuple[Hashable, ...]], bool], list[str]] = defaultdict(list)
    for address, seen in ways.items():
        alike[frozenset(seen), bool(names(address))].append(address)
    made = []
    for (way, known), addresses in alike.items():
        calls = {each[0] for each in way}
        column = 1 if len(calls) == 2 else 0 if "calls" in calls else 2
        addresses.sort(key=lambda each: (ipaddress.ip_address(each).version, int(ipaddress.ip_address(each))))
        made.append(_Box(addresses, column, _lines(addresses, titles, names), known))
    return sorted(made, key=lambda box: -sum(weight[address] for address in box.addresses))


def _lines(addresses: list[str], titles: dict[str, set[str]], names: Names) -> list[str]:
    if len(addresses) == 1:
        (address,) = addresses
        shown = ", ".join(sorted(titles[address])[:3]) + (", …" if len(titles[address]) > 3 else "")
        return [_cut(each) for each in (names(address), shown, address) if each]
    lines = [f"{len(addresses)} machines"]
    for address in addresses[: _MOST_NAMES if len(addresses) > _MOST_NAMES + 1 else None]:
        title = next(iter(sorted(titles[address])), "")
        lines.append(_cut(f"{title or names(address)} {address}".strip()))
    if len(lines) <= len(addresses):
        lines.append(f"and {len(addresses) - len(lines) + 1} more, to {addresses[-1]}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _stack(boxes: Sequence[_Box]) -> float:
    """Give each box its place in its column; columns are centred. Gives the height of it all."""
    columns = [[box for box in boxes if box.column == number] for number in range(3)]
    heights = [sum(box.height + _GAP for box in column) for column in columns]
    whole = max(heights, default=0)
    for column, height in zip(columns, heights, strict=True):
        top = _GAP / 2 + (whole - height) / 2
        for box in column:
            box.top = top
            top += box.height + _GAP
    return float(max(whole, 60))


_Arrow = tuple[_Box, _Box, str, str]


def _arrows(talks: Iterable[Talk], place: dict[str, _Box]) -> list[_Arrow]:
    """One for each way in which machines of a box talk to those of another, with what it says."""
    said: dict[tuple[int, int, str], list[Talk]] = defaultdict(list)
    for each in talks:
        if each.client in place and each.server in place:
            said[id(place[each.client]), id(place[each.server]), kind(each)].append(each)
    arrows = []
    for (_, _, how), listed in said.items():
        one = listed[0]
        ports = ", ".join(str(port) for port in sorted({each.port for each in listed})[:5])
        services = sorted({service for each in listed for service in each.services})
        words = f"{_few(each.calling for each in listed)} to {_few(each.called for each in listed)}, port {ports}"
        words += f": {', '.join(services)}" if services else ""
        arrows.append((place[one.client], place[one.server], how, words))
    return arrows


def _few(titles: Iterable[str]) -> str:
    found = sorted({title for title in titles if title})
    return ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "") if found else "?"


def _arrow(client: _Box, server: _Box, how: str, words: str) -> str:
    client.ends[0] += 1
    server.ends[1] += 1
    y1 = client.top + min(client.height - 4, 6 + 9 * client.ends[0])
    y2 = server.top + min(server.height - 4, 4 + 9 * server.ends[1])
    ahead = server.column > client.column
    x1 = _LEFT[client.column] + (_BOX if ahead or server.column == client.column else 0)
    x2 = _LEFT[server.column] + (0 if ahead else _BOX)
    if server.column == client.column:  # around the column's right side, or its left one on the right
        side = _BOX if client.column < 2 else 0
        x1 = x2 = _LEFT[client.column] + side
        bend = 60 + min(90.0, abs(y2 - y1) / 4)
        b1 = b2 = x1 + (bend if side else -bend)
    else:
        b1, b2 = (x1 + 70, x2 - 70) if ahead else (x1 - 70, x2 + 70)
    path = f"M{x1} {y1:.0f}C{b1:.0f} {y1:.0f} {b2:.0f} {y2:.0f} {x2} {y2:.0f}"
    return f'<path class="{how}" d="{path}" marker-end="url(#{how})"><title>{escape(words)}</title></path>'


def _drawn(box: _Box) -> str:
    left = _LEFT[box.column]
    stranger = "" if box.known else ' class="stranger"'
    parts = [f'<rect{stranger} x="{left}" y="{box.top:.0f}" width="{_BOX}" height="{box.height}" rx="6"/>']
    for number, line in enumerate(box.lines):
        heavy = ' class="first"' if number == 0 else ""
        y = box.top + 19 + number * _LINE
        parts.append(f'<text{heavy} x="{left + 12}" y="{y:.0f}">{escape(line)}</text>')
    return "".join(parts)
