"""Who must stay reachable: what the configuration, root's file and the box itself say."""

from __future__ import annotations

import tomllib
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
        b'never = ["10.99.0.0/16", "::ffff:10.98.0.0/120"]\nmost_blocks = 5\nlongest = "2h"\n'
        b'hosts = { "pacs.rad.example" = ["10.20.0.3"] }\n',
        "respond.toml",
    )
    allowed = bounds(config(), policy, places)
    assert (allowed.most_seconds, allowed.most_blocks, allowed.nameless) == (7200, 5, ())
    why = {str(each.network): each.why for each in allowed.never}
    assert why["10.99.0.0/16"] == why["10.98.0.0/24"] == "respond.toml"
    assert why["10.20.0.11/32"] == 'peer "CT suite 2"'
    assert why["10.20.0.3/32"] == 'destination "pacs"'
    assert why["10.20.0.4/32"] == 'destination "old pacs"'
    assert why["10.20.0.1/32"] == "a router of this box"
    assert why["10.20.0.53/32"] == "a name server of this box"
    assert why["10.20.0.123/32"] == why["10.20.0.124/32"] == "a time server of this box"
    assert why["127.0.0.1/32"] == "this box"
    assert "10.20.0.13/32" not in why  # a peer that is only proposed


MORE = """
[[destination]]
name = "web"
kind = "stow"
url = "https://[2001:db8::7]:8443/dicom-web"
oauth = { token_url = "https://login.rad.example/token", client_id = "edge", client_secret = "file:/etc/secret" }

[[destination]]
name = "cloud"
kind = "object-store"
url = "s3://bucket/prefix"

[[destination]]
name = "store"
kind = "object-store"
url = "s3://bucket/prefix"
endpoint = "http://minio.invalid:9000"

[[destination]]
name = "local"
kind = "object-store"
url = "file:///mnt/archive"

[alerts]
syslog = "tls://siem.rad.example:6514"

[sensor]
dhcp_servers = ["10.20.0.67"]
"""


def test_destinations_of_every_kind_and_who_hears_of_alerts_stay_reachable(places: Places) -> None:
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + MORE.partition("[sensor]")[2]
    text = text.replace("[sensor]", MORE.partition("[sensor]")[0] + "[sensor]")
    text = text.replace('tls = "never"\ncalling', 'tls = "never"\nreports = { addresses = ["10.20.0.40"] }\ncalling')
    policy = parse_policy(
        b'hosts = { "pacs.rad.example" = ["10.20.0.3"], "login.rad.example" = ["10.20.0.8"], '
        b'"siem.rad.example" = ["10.20.0.9"], "time.invalid" = ["10.20.0.125"] }\n',
        "respond.toml",
    )
    allowed = bounds(Config.model_validate(tomllib.loads(text)), policy, places)
    why = {str(each.network): each.why for each in allowed.never}
    assert why["2001:db8::7/128"] == why["10.20.0.8/32"] == 'destination "web"'
    assert why["10.20.0.40/32"] == 'destination "old pacs"'
    assert why["10.20.0.9/32"] == "the collector of [alerts]"
    assert why["10.20.0.67/32"] == "dhcp_servers of [sensor]"
    assert why["10.20.0.125/32"] == "a time server of this box"
    assert allowed.nameless == ("minio.invalid",)  # a service of the site may have any of its addresses


def test_a_collector_without_an_address_spares_nobody(places: Places) -> None:
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58) + '[alerts]\nsyslog = "tls://siem.invalid:6514"\n'
    policy = parse_policy(b'hosts = { "pacs.rad.example" = ["10.20.0.3"] }\n', "respond.toml")
    assert bounds(Config.model_validate(tomllib.loads(text)), policy, places).nameless == ()


def test_clocks_are_read_where_a_directory_names_them(tmp_path: Path) -> None:
    for name, text in {
        "local.conf": "server 10.20.0.1 iburst\n",
        "dhcp.sources": "server 10.20.0.2\n",
        "state": "OPER_STATE=routable\nNTP=10.20.0.3 10.20.0.4\n",
        "notes.txt": "server 10.20.0.5\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert time_servers([tmp_path]) == {"10.20.0.1", "10.20.0.2", "10.20.0.3", "10.20.0.4"}


def test_a_host_without_an_address_is_named(places: Places) -> None:
    text = CONFIG.replace("pacs.rad.example", "pacs.invalid").replace("RECIPIENT", "age1" + "q" * 58)
    allowed = bounds(Config.model_validate(tomllib.loads(text)), RespondPolicy(), places)
    assert allowed.nameless == ("pacs.invalid",)


def test_a_box_without_any_of_these_files_has_none_of_them(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing"
    assert gateways(nowhere, nowhere) == frozenset()
    assert name_servers([nowhere]) == time_servers([nowhere]) == frozenset()
