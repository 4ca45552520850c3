"""The Community ID."""

from __future__ import annotations

import ipaddress

from appliance.inspection.community_id import community_id
from appliance.inspection.flow import reverse


def key(source: str, source_port: int, target: str, target_port: int) -> bytes:
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return packed + source_port.to_bytes(2, "big") + target_port.to_bytes(2, "big")


def test_the_specifications_examples() -> None:
    """From the baseline of the Community ID specification, version 1, seeds 0 and 1."""
    one = key("128.232.110.120", 34855, "66.35.250.204", 80)
    assert community_id(one) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
    assert community_id(one, 1) == "1:3V71V58M3Ksw/yuFALMcW0LAHvc="


def test_both_directions_have_one_name() -> None:
    for one in (key("10.0.0.1", 5, "10.0.0.2", 4), key("2001:db8::1", 4, "2001:db8::2", 5), key("::1", 9, "::1", 3)):
        assert community_id(one) == community_id(reverse(one))
