"""Who must stay reachable: what the configuration, root's file and the box itself say."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.capture.never_block import Places, bounds, gateways, name_servers, time_servers
from appliance.config.model import Config
from appliance.config.respond_policy import RespondPolicy, parse_policy
from tests.inspection.scene import CONFIG, config

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100140A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
ROUTES6 = f"""\
{"0" * 32} 00 {"0" * 32} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
20010db8{"0" * 24} 40 {"0" * 32} 00 {"0" * 32} 00000100 00000001 00000000 00000001 eth0
"""
RESOLV = "# a comment\nnameserver 10.20.0.53\nnameserver fe80::53%eth0\nnameserver nonsense\nsearch rad.example\n"
TIMESYNCD = "[Time]\nNTP=10.20.0.123 time.invalid\n#FallbackNTP=0.debian.pool.ntp.org\n"
CHRONY = "server 10.20.0.124 iburst\npool 2.debian.pool.invalid iburst\nmakestep 1 3\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    texts = {"route": ROUTES, "route6": ROUTES6, "resolv": RESOLV, "timesyncd": TIMESYNCD, "chrony": CHRONY}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return Places(
        tmp_path / "route",
        tmp_path / "route6",
        (tmp_path / "resolv", tmp_path / "missing"),
        (tmp_path / "timesyncd", tmp_path / "chrony"),
    )


def test_the_kernels_routes_name_routers(places: Places) -> None:
    assert {str(each) for each in gateways(places.routes4, places.routes6)} == {"10.20.0.1", "fe80::1"}


def test_resolvers_and_clocks_are_read_where_they_are_named(places: Places) -> None:
    assert {str(each) for each in name_servers(places.resolvers)} == {"10.20.0.53", "fe80::53"}
    assert time_servers(places.clocks) == {"10.20.0.123", "time.invalid", "10.20.0.124", "2.debian.pool.invalid"}


def test_all_of_them_are_never_blocked_and_it_says_why(places: Places) -> None:
    policy = parse_policy(
        b'never = ["10.99.0.0/16"]\nmost_blocks = 5\nlongest = "2h"\nhosts = { "pacs.rad.example" = ["10.20.0.3"] }\n',
        "respond.toml",
    )
    allowed = bounds(config(), policy, places)
    assert (allowed.most_seconds, allowed.most_blocks, allowed.nameless) == (7200, 5, ())
    why = {str(each.network): each.why for each in allowed.never}
    assert why["10.99.0.0/16"] == "respond.toml"
    assert why["10.20.0.11/32"] == 'peer "CT suite 2"'
    assert why["10.20.0.3/32"] == 'destination "pacs"'
    assert why["10.20.0.4/32"] == 'destination "old pacs"'
    assert why["10.20.0.1/32"] == "a router of this box"
    assert why["10.20.0.53/32"] == "a name server of this box"
    assert why["10.20.0.123/32"] == why["10.20.0.124/32"] == "a time server of this box"
    assert why["127.0.0.1/32"] == "this box"
    assert "10.20.0.13/32" not in why  # a peer that is only proposed


def test_a_host_without_an_address_is_named(places: Places) -> None:
    text = CONFIG.replace("pacs.rad.example", "pacs.invalid").replace("RECIPIENT", "age1" + "q" * 58)
    import tomllib

    allowed = bounds(Config.model_validate(tomllib.loads(text)), RespondPolicy(), places)
    assert allowed.nameless == ("pacs.invalid",)


def test_a_box_without_any_of_these_files_has_none_of_them(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing"
    assert gateways(nowhere, nowhere) == frozenset()
    assert name_servers([nowhere]) == time_servers([nowhere]) == frozenset()
