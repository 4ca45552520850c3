"""What the responder says and records; the packet filter is played, as no filter of a machine fails when it is told to.

`tests/programs/test_respond.py` has a real one.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from appliance.base import catalogue
from appliance.base.events import Event
from appliance.capture.block_set import BlockSet
from appliance.capture.responder import Responder
from appliance.inspection.block_request import BlockRequest, encode
from appliance.inspection.blocking import Bounds, Never

STRANGER = "10.20.0.99"
BOUNDS = Bounds(3600, 4, (Never(ipaddress.ip_network("10.20.0.11"), 'peer "CT"'),))


RULES = [
    {"rule": {"chain": "input", "expr": [{"match": {"right": f"@{name}"}}, {"drop": None}]}}
    for name in ("blocked4", "blocked6")
]


class Filter:
    """Remembers what it was told; `broken` makes it fail, `packets` are what it dropped."""

    def __init__(self) -> None:
        self.held: dict[str, str] | None = None
        self.broken = ""
        self.packets = 0
        self.scripts: list[str] = []

    def __call__(self, arguments: list[str], script: str) -> tuple[int, str, str]:
        if self.broken:
            return 1, "", self.broken
        if arguments[0] == "-j":
            if self.held is None:
                return 1, "", "Error: No such file or directory"
            held = {"set": {"elem": list(map(self._element, self.held.items()))}}
            return 0, json.dumps({"nftables": [{"chain": {"hook": "input"}}, *RULES, held]}), ""
        self.scripts.append(script)
        if self.held is None and script.startswith("add element"):
            return 1, "", "Error: No such file or directory"
        for line in script.splitlines():
            if found := re.match(r'add element inet \S+ \S+ \{ (\S+) .*timeout \d+s comment "(D\d\d)" \}', line):
                assert self.held is not None
                self.held[found[1]] = found[2]
            elif found := re.match(r"delete element inet \S+ \S+ \{ (\S+) \}", line):
                assert self.held is not None
                del self.held[found[1]]
            elif line.startswith("table inet"):
                self.held = {}
            elif line.startswith("delete table"):
                self.held = None
        return 0, "", ""

    def _element(self, item: tuple[str, str]) -> dict[str, Any]:
        counter = {"packets": self.packets, "bytes": 0}
        return {"elem": {"val": item[0], "comment": item[1], "timeout": 600, "expires": 500, "counter": counter}}


class Scene:
    def __init__(self, dry: bool = False, bounds: Bounds = BOUNDS) -> None:
        self.filter = Filter()
        self.records: list[dict[str, Any]] = []
        self.said: list[tuple[Event, dict[str, Any]]] = []
        blocks = None if dry else BlockSet("self", bounds.most_blocks, self.filter)
        self.responder = Responder(
            "self", bounds, blocks, self.records.append, lambda event, **fields: self.said.append((event, fields))
        )
        self.responder.begin(1000.0)

    def ask(self, source: str = STRANGER, now: float = 1000.0, acknowledged: bool = True) -> None:
        target = ipaddress.ip_address("10.20.0.2")
        request = BlockRequest("D05", ipaddress.ip_address(source), 4000, target, 104, 600, acknowledged)
        self.responder.handle(encode(request), -1, now)

    @property
    def outcomes(self) -> list[str]:
        return [record["response"]["outcome"] for record in self.records]

    @property
    def events(self) -> list[str]:
        return [event.code for event, _ in self.said]


def test_a_block_is_set_told_and_mitigates_only_when_the_filter_counted() -> None:
    scene = Scene()
    scene.ask()
    assert scene.filter.held == {STRANGER: "D05"}
    (record,) = scene.records
    assert (record["alert"]["signature_id"], record["alert"]["action"]) == ("D46", "allowed")
    assert (record["src_ip"], record["dest_ip"]) == (STRANGER, "10.20.0.2")
    assert record["alert"]["metadata"]["evidence"] == ("blocked for 600 s because of D05; this protects this box alone")
    scene.responder.look(1010.0)
    assert scene.outcomes == ["executed"]
    scene.filter.packets = 3
    scene.responder.look(1020.0)
    scene.responder.look(1030.0)
    assert scene.outcomes == ["executed", "mitigated"]
    assert scene.records[-1]["alert"]["action"] == "blocked"
    assert scene.responder.state()["blocks"][0]["packets"] == 3
    assert scene.events == ["BLOCK-SET", "BLOCK-MITIGATED"]


def test_a_second_request_for_the_same_address_changes_nothing() -> None:
    scene = Scene()
    scene.ask()
    scene.ask(now=1100.0)
    assert scene.outcomes == ["executed"]
    assert scene.responder.state()["blocks"][0]["until"] == 1600.0


def test_a_filter_that_fails_is_said_and_nobody_counts_as_blocked() -> None:
    scene = Scene()
    scene.filter.broken = "Error: Could not process rule: No buffer space available"
    for _ in range(20):
        scene.ask()
    assert scene.responder.state()["blocks"] == []
    assert scene.responder.counts["failed"] == 20
    assert scene.outcomes == ["failed"] * 5  # a few a minute
    event, fields = scene.said[0]
    assert event is catalogue.BLOCK_FAILED
    assert "No buffer space" in fields["reason"]
    scene.filter.broken = ""
    scene.ask()
    assert scene.filter.held == {STRANGER: "D05"}


def test_a_filter_that_cannot_be_read_ends_no_block() -> None:
    scene = Scene()
    scene.ask()
    scene.filter.broken = "Error: cache initialization failed"
    scene.responder.look(1010.0)
    assert scene.outcomes == ["executed", "failed"]
    assert len(scene.responder.state()["blocks"]) == 1


def test_a_table_that_somebody_removed_is_made_again() -> None:
    scene = Scene()
    scene.ask()
    scene.filter.held = None
    scene.responder.look(1010.0)
    assert scene.filter.held == {STRANGER: "D05"}
    assert scene.events == ["BLOCK-SET", "BLOCKS-RESTORED"]
    assert scene.outcomes == ["executed", "restored"]
    assert (scene.records[-1]["alert"]["severity"], "src_ip" in scene.records[-1]) == (2, False)


def test_a_table_that_was_removed_before_the_next_look_fails_no_block() -> None:
    scene = Scene()
    scene.ask()
    scene.filter.held = None
    scene.ask("10.20.0.98")
    assert scene.filter.held == {STRANGER: "D05", "10.20.0.98": "D05"}
    assert scene.events == ["BLOCK-SET", "BLOCKS-RESTORED", "BLOCK-SET"]
    assert scene.responder.counts["failed"] == 0


def test_who_removes_the_table_again_and_again_does_not_fill_the_log() -> None:
    scene = Scene()
    scene.ask()
    for second in range(50):
        scene.filter.held = None
        scene.responder.look(1010.0 + second)
        assert scene.filter.held == {STRANGER: "D05"}
    assert scene.events.count("BLOCKS-RESTORED") == 5
    scene.filter.held = None
    scene.responder.look(1100.0)
    assert "45 more like this" in scene.said[-1][1]["more"]


def test_the_clock_may_be_set_back_without_a_release() -> None:
    scene = Scene(bounds=Bounds(600, 4))
    scene.ask()
    scene.responder.look(1000.0 - 5 * 3600)
    assert scene.filter.held == {STRANGER: "D05"}
    assert scene.outcomes == ["executed"]
    assert scene.responder.state()["blocks"][0]["until"] == 1000.0 - 5 * 3600 + 500


def test_a_larger_number_is_the_kernels_too() -> None:
    scene = Scene()
    scene.ask()
    scene.responder.rebound(Bounds(3600, 40), 1010.0)
    assert "size 40;" in scene.filter.scripts[-1]
    assert scene.filter.held == {STRANGER: "D05"}
    scene.filter.broken = "Error: cache initialization failed"
    scene.responder.rebound(Bounds(3600, 50), 1020.0)
    assert scene.outcomes[-1] == "failed"


def test_a_block_that_somebody_took_out_is_told() -> None:
    scene = Scene()
    scene.ask()
    assert scene.filter.held is not None
    scene.filter.held.clear()
    scene.responder.look(1010.0)
    assert scene.records[-1]["alert"]["metadata"]["evidence"].startswith("no longer blocked: somebody took it out")
    assert scene.responder.state()["blocks"] == []


def test_a_flood_of_refusals_is_told_a_few_times_a_minute() -> None:
    scene = Scene()
    for number in range(200):
        scene.ask(f"10.20.1.{number % 250}", acknowledged=False)
    assert scene.responder.counts["refused"] == 200
    assert scene.outcomes == ["suppressed"] * 5
    scene.ask("10.20.1.1", now=1100.0, acknowledged=False)
    assert "195 more like this were not shown" in scene.said[-1][1]["reason"]


def test_new_bounds_release_whom_they_protect() -> None:
    scene = Scene()
    scene.ask()
    scene.ask("10.20.0.98")
    scene.responder.rebound(Bounds(3600, 4, (Never(ipaddress.ip_network(STRANGER), 'peer "new CT"'),)), 1010.0)
    assert scene.filter.held == {"10.20.0.98": "D05"}
    assert scene.said[-1][1]["reason"] == 'it is never blocked: peer "new CT"'


def test_a_dry_run_says_all_and_does_nothing() -> None:
    scene = Scene(dry=True)
    scene.ask()
    scene.responder.look(1010.0)
    assert scene.filter.held is None
    assert (scene.outcomes, scene.events) == (["dry-run"], ["BLOCK-WOULD"])
    assert scene.responder.release(None, 1020.0)[0].dry
    assert scene.outcomes == ["dry-run", "ended"]


def test_no_record_says_more_than_addresses_rules_and_our_words() -> None:
    scene = Scene()
    scene.ask()
    scene.ask("10.20.0.11")
    scene.responder.handle(b"PATIENT^NAME" * 4, -1, 1000.0)
    scene.responder.handle(b"PATIENT^NAME" * 4, 4242, 1000.0)
    assert "PATIENT" not in json.dumps(scene.records) + repr(scene.said)
    assert scene.responder.counts["untrusted"] == 2
