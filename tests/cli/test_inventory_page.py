"""The page of `appliance inventory --html`: a picture of who talks to whom, whoever they are and however many."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from appliance.cli.inventory_page import page
from appliance.inspection.inventory_entries import Device, Host, Talk

EDGE, PACS, RIS, STRANGER = "10.20.0.2", "10.20.0.3", "10.20.0.5", "10.20.0.66"
NAMES = {EDGE: "this appliance", PACS: "Main PACS", RIS: "RIS"}
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title></svg>", "&lt;b&gt;", "'\"--><!--"]


def name(address: str) -> str:
    return NAMES.get(address) or ("Modalities" if address.startswith("10.20.1.") else "")


def site(count: int) -> list[Talk]:
    """So many modalities that store, of which every second asks for worklists; and eight workstations."""
    made = []
    for number in range(count):
        at, title = f"10.20.1.{number}", f"CT{number}"
        made.append(Talk(at, EDGE, 104, title, "EDGE01", first=1.7e9, last=1.7e9, accepted=3, stored=5))
        if number % 2:
            made.append(Talk(at, RIS, 104, title, "RIS", accepted=2, services=["C-FIND"]))
    for number in range(8):
        at, title = f"10.20.2.{number}", f"WS{number}"
        made.append(Talk(at, PACS, 104, title, "PACS", accepted=9, services=["C-MOVE"]))
        made.append(Talk(PACS, at, 11112, "PACS", title, accepted=9, stored=7, services=["C-STORE"]))
    made.append(Talk(EDGE, PACS, 2762, tls=True, accepted=4, tls_version="TLS 1.3"))
    made.append(Talk(STRANGER, PACS, 104, "ROGUE", "PACS", rejected=12))
    return made


def drawing(talks: list[Talk]) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", page(talks, [], name), re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found[0])  # so it is well-formed


def boxes(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    return [tuple(float(each.attrib[key]) for key in ("x", "y", "width", "height")) for each in svg.iter("rect")]  # type: ignore[misc]


@pytest.mark.parametrize("count", [4, 200])
def test_machines_that_do_the_same_share_a_box_and_nobody_is_left_out(count: int) -> None:
    svg = drawing(site(count))
    texts = [each.text or "" for each in svg.iter("text")]
    assert len(boxes(svg)) == 7  # two kinds of modalities, workstations, EDGE, PACS, RIS, and the stranger
    assert texts.count(f"{count // 2} machines") == 2
    assert "8 machines" in texts
    assert {"this appliance", "Main PACS", "RIS", "ROGUE", STRANGER} <= set(texts)


def test_boxes_do_not_cover_each_other_and_stay_in_the_picture() -> None:
    svg = drawing(site(200))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    found = boxes(svg)
    for number, (x, y, w, h) in enumerate(found):
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
        for x2, y2, _, h2 in found[:number]:
            assert x != x2 or y >= y2 + h2 or y2 >= y + h


def test_what_callers_run_is_listed() -> None:
    ct = Device("10.20.1.4", "CT4", first=1.7e9, last=1.7e9, macs=["02:00:00:00:00:04"])
    ct.stacks = ["TTL 64, mss", "TTL 128, mss nop wscale nop nop sack"]
    talks = [Talk("10.20.1.4", EDGE, 104, "CT4", "EDGE01", accepted=3, implementation="SOMARIS_1")]
    shown = page(talks, [], name, [ct, Device(RIS, "", stacks=["TTL 255, mss"])])
    assert "<td>SOMARIS_1</td><td>Windows</td><td>02:00:00:00:00:04</td>" in shown
    assert "<td>TLS hides it</td><td>TTL 255, mss</td>" in shown


def test_arrows_say_how_and_what() -> None:
    svg = drawing(site(4))
    said = {each.attrib["class"]: each.find("title") for each in svg.iter("path") if "marker-end" in each.attrib}
    assert set(said) == {"clear", "tls", "rejected"}
    assert all(title is not None and title.text for title in said.values())
    rejected = said["rejected"]
    assert rejected is not None and rejected.text == "ROGUE to PACS, port 104"
    assert len([each for each in svg.iter("rect") if each.attrib.get("class") == "stranger"]) == 2  # and workstations


def test_more_kinds_than_a_picture_holds_are_in_the_table() -> None:
    talks = [Talk(f"10.20.{number // 200}.{number % 200}", PACS, 1 + number, accepted=1) for number in range(300)]
    text = page(talks, [], name)
    assert "machines more are in the table below" in text
    assert all(f"<td>{each.client}</td>" in text for each in talks)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {key for key, _ in attrs}


def test_no_name_breaks_out_of_the_page() -> None:
    talks = [
        Talk(
            f"10.20.3.{n}",
            PACS,
            104 + n,
            title,
            title,
            accepted=n,
            services=[title],
            tls=bool(n % 2),
            tls_version=title,
        )
        for n, title in enumerate(HOSTILE)
    ]
    hosts = [Host(title, addresses=[title], offers=[title]) for title in HOSTILE]
    devices = [Device(EDGE, title, macs=[title], stacks=[title]) for title in HOSTILE]
    plain, hostile = _Tags(), _Tags()
    plain.feed(page(site(4), [Host("02:00:00:00:00:01")], name, [Device(EDGE, "CT1")]))
    hostile.feed(page(talks, hosts, lambda address: HOSTILE[int(address[-1]) % 5], devices))
    assert hostile.seen <= plain.seen
    assert not {each for each in hostile.attributes if each.startswith("on")} | hostile.attributes & {"src", "href"}


def test_what_an_auditor_asks_first_is_said() -> None:
    text = page(site(4), [], name)
    assert "17 machines" not in text
    assert "16 machines in 24 pairs, seen" in text
    assert "22 pairs in clear, over which 76 instances went; 1 pair over TLS; 1 pair never accepted." in text
    assert "9 machines that no entry of the configuration names." in text
    assert "nobody" in page([], [], name)
