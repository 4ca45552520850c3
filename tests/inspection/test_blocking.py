"""What may be blocked, and for how long."""

from __future__ import annotations

import ipaddress

from appliance.inspection.block_request import BlockRequest
from appliance.inspection.blocking import Blocking, Bounds, Decision, Element, Never, Verdict

STRANGER = ipaddress.ip_address("10.20.0.99")
NEVER = (
    Never(ipaddress.ip_network("10.20.0.16/29"), 'peer "CT suite 2"'),
    Never(ipaddress.ip_network("10.20.0.1"), "default gateway"),
    Never(ipaddress.ip_network("2001:db8::/64"), "respond.toml"),
)


def blocking(dry: bool = False, **more: object) -> Blocking:
    return Blocking(Bounds(**{"most_seconds": 3600, "most_blocks": 3, "never": NEVER, **more}), dry)  # type: ignore[arg-type]


def request(source: str = str(STRANGER), seconds: int = 600, acknowledged: bool = True) -> BlockRequest:
    target = ipaddress.ip_address("10.20.0.2")
    return BlockRequest("D05", ipaddress.ip_address(source), 40000, target, 104, seconds, acknowledged)


def test_a_stranger_is_blocked_for_a_while() -> None:
    assert blocking().decide(request(), 1000) == Decision(Verdict.BLOCK, 600)


def test_nobody_is_blocked_for_longer_than_the_owner_allows() -> None:
    assert blocking().decide(request(seconds=4_000_000_000), 1000) == Decision(Verdict.BLOCK, 3600)


def test_a_dry_run_says_what_it_would_do() -> None:
    assert blocking(dry=True).decide(request(), 1000) == Decision(Verdict.WOULD, 600)


def test_a_flow_that_may_be_forged_aims_at_nobody() -> None:
    decision = blocking().decide(request(acknowledged=False), 1000)
    assert decision.verdict is Verdict.REFUSE
    assert "forged" in decision.reason


def test_who_must_stay_reachable_is_never_blocked() -> None:
    engine = blocking()
    for source, why in (
        ("10.20.0.17", 'peer "CT suite 2"'),
        ("10.20.0.1", "default gateway"),
        ("2001:db8::5", "respond.toml"),
        ("127.0.0.1", "no address"),
        ("::1", "no address"),
        ("224.0.0.1", "no address"),
        ("0.0.0.0", "no address"),
        ("255.255.255.255", "no address"),
        ("fe80::99", "link-local"),
    ):
        decision = engine.decide(request(source), 1000)
        assert decision.verdict is Verdict.REFUSE, source
        assert why in decision.reason


def test_while_the_address_of_a_destination_is_unknown_nobody_is_blocked() -> None:
    decision = blocking(nameless=("pacs.rad.example",)).decide(request(), 1000)
    assert decision.verdict is Verdict.REFUSE
    assert "pacs.rad.example" in decision.reason


def test_only_so_many_are_blocked_at_a_time() -> None:
    engine = blocking()
    for number in range(3):
        each = request(f"10.20.0.{100 + number}")
        assert engine.decide(each, 1000).verdict is Verdict.BLOCK
        engine.add(each, 600, 1000)
    decision = engine.decide(request(), 1000)
    assert decision == Decision(Verdict.REFUSE, reason="3 addresses are blocked, which is the most")
    assert engine.decide(request("10.20.0.100"), 1000).verdict is Verdict.KEEP
    engine.take(ipaddress.ip_address("10.20.0.100"))
    assert engine.decide(request(), 1000).verdict is Verdict.BLOCK


def test_a_block_counts_as_mitigation_when_the_filters_counter_moved() -> None:
    engine = blocking()
    engine.add(request(), 600, 1000)
    assert engine.observe({STRANGER: Element("D05", 599, 0)}, 1001).mitigated == []
    (block,) = engine.observe({STRANGER: Element("D05", 590, 4)}, 1010).mitigated
    assert (block.address, block.packets) == (STRANGER, 4)
    assert engine.observe({STRANGER: Element("D05", 580, 9)}, 1020).mitigated == []
    assert [each.packets for each in engine.blocks()] == [9]


def test_a_block_ends_by_itself_or_is_missed() -> None:
    engine = blocking()
    engine.add(request(), 600, 1000)
    engine.add(request("10.20.0.100"), 60, 1000)
    seen = engine.observe({}, 1061)
    assert [str(each.address) for each in seen.ended] == ["10.20.0.100"]
    assert [str(each.address) for each in seen.missing] == [str(STRANGER)]
    assert len(engine) == 0


def test_what_is_in_the_filter_after_a_restart_is_taken_over() -> None:
    engine = blocking()
    (found,) = engine.observe({STRANGER: Element("D13", 300, 7)}, 1000).found
    assert (found.rule, found.until, found.packets) == ("D13", 1300, 7)
    assert engine.decide(request(), 1000).verdict is Verdict.KEEP


def test_what_the_bounds_no_longer_allow_is_surplus() -> None:
    engine = blocking()
    elements = {
        "10.20.0.17": 300,  # a peer by now
        "10.20.0.50": 7200,  # too long
        **{f"10.20.0.{number}": 300 for number in range(100, 105)},
    }
    engine.observe({ipaddress.ip_address(each): Element("D05", time, 0) for each, time in elements.items()}, 1000)
    surplus = {str(block.address): reason for block, reason in engine.surplus(1000)}
    assert surplus == {
        "10.20.0.17": 'it is never blocked: peer "CT suite 2"',
        "10.20.0.50": "it would last longer than is allowed",
        "10.20.0.103": "more addresses are blocked than is allowed",
        "10.20.0.104": "more addresses are blocked than is allowed",
    }
    engine.dry = True
    assert {reason for _, reason in engine.surplus(1000)} >= {"the mode was changed"}


def test_the_blocks_of_a_dry_run_end_too() -> None:
    engine = blocking(dry=True)
    engine.add(request(), 600, 1000)
    assert engine.expire(1599) == []
    assert engine.observe({}, 1599).missing == []  # the filter knows nothing of them
    assert [each.address for each in engine.expire(1600)] == [STRANGER]
    assert len(engine) == 0
