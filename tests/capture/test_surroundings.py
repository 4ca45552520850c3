"""What this box knows of itself."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from appliance.capture.surroundings import look_around, named_hosts, own_addresses, resolve, seen_to_be_called
from appliance.inspection.inventory_entries import Talk
from appliance.inspection.registry import Registry
from tests.inspection.scene import config

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.20.0.0
        /24 link UNICAST
     |-- 10.20.0.2
        /32 host LOCAL
     |-- 10.20.0.255
        /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
"""
SIX = "20010db8000000000000000000000002 04 40 00 82     eth0\n"


def test_the_kernels_tables_are_read(tmp_path: Path) -> None:
    (tmp_path / "trie").write_text(TRIE)
    (tmp_path / "six").write_text(SIX)
    found = own_addresses(tmp_path / "trie", tmp_path / "six")
    assert {str(each) for each in found} == {"10.20.0.2", "127.0.0.1", "2001:db8::2"}


def test_a_kernel_without_tables_knows_nothing(tmp_path: Path) -> None:
    assert own_addresses(tmp_path / "none", tmp_path / "none") == frozenset()


def test_this_box_has_its_loopback() -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()


def test_names_are_those_of_destinations_and_listeners() -> None:
    assert named_hosts(config()) == {"pacs.rad.example"}


def test_names_resolve_or_are_left_out() -> None:
    found = resolve(["localhost", "no-such-host.invalid"])
    assert ipaddress.ip_address("127.0.0.1") in found["localhost"]
    assert "no-such-host.invalid" not in found


def test_looking_around_gives_all_of_it() -> None:
    around = look_around(config())
    assert around.own
    assert set(around.resolved) <= {"pacs.rad.example"}


def test_a_host_that_does_not_resolve_is_where_we_were_seen_to_call_it() -> None:
    """The unit has no Internet sockets: without a resolver behind a UNIX socket no name resolves there at all."""
    here, there, other = "127.0.0.1", "10.20.0.3", "10.20.0.99"
    talks = [
        Talk(here, there, 2762, tls=True, accepted=1),
        Talk(here, "10.20.0.50", 2762, tls=True),  # never accepted
        Talk(here, "10.20.0.51", 4242, called="PACS", accepted=1),  # another port
        Talk(here, "10.20.0.52", 2762, called="OTHER", accepted=1),  # another title
        Talk("10.20.0.11", other, 2762, tls=True, accepted=1),  # not we
    ]
    own = frozenset({ipaddress.ip_address(here)})
    found = seen_to_be_called(config(), talks, own)
    assert found == {"pacs.rad.example": frozenset({ipaddress.ip_address(there)})}
    around = look_around(config(), talks)
    known = Registry.build(config(), around)
    assert known.unresolved == ()
    assert known.server(ipaddress.ip_address(there), 2762) is not None
    assert known.server(ipaddress.ip_address(other), 2762) is None  # once, every server at this port passed
    assert Registry.build(config(), look_around(config())).unresolved == ("pacs",)
