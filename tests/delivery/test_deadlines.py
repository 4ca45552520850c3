"""Deadlines towards a destination."""

from __future__ import annotations

from appliance.config.bandwidth import parse_bandwidth
from appliance.delivery.deadlines import Deadlines


def test_what_we_hold_back_ourselves_is_no_slow_peer() -> None:
    assert Deadlines.within(None) == Deadlines()
    slow = Deadlines.within(parse_bandwidth("1Mbit/s Mon-Fri, 1Gbit/s"))
    assert slow.message > (4 << 30) * 8 / 1e6  # 4 GiB at the slowest
    assert Deadlines.within(parse_bandwidth("10Gbit/s")) == Deadlines()
