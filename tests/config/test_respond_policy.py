"""respond.toml: what it may say, and what is said of what it may not."""

from __future__ import annotations

import ipaddress

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.respond_policy import RespondPolicy, parse_policy


def test_an_empty_file_is_a_policy() -> None:
    assert parse_policy(b"", "respond.toml") == RespondPolicy()
    assert (RespondPolicy().longest, RespondPolicy().most_blocks) == (3600, 64)


def test_everything_may_be_said() -> None:
    policy = parse_policy(
        b'longest = "15min"\nmost_blocks = 8\nnever = ["10.20.0.1", "2001:db8::/64"]\n'
        b'[hosts]\n"pacs.rad.example" = ["10.20.0.3", "2001:db8::3"]\n',
        "respond.toml",
    )
    assert (policy.longest, policy.most_blocks, len(policy.never)) == (900, 8, 2)
    assert policy.hosts == {
        "pacs.rad.example": (ipaddress.ip_address("10.20.0.3"), ipaddress.ip_address("2001:db8::3"))
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("never = [", "respond.toml:1"),
        ('x = 1\nnevver = ["10.0.0.1"]', 'respond.toml:2: nevver: unknown key; did you mean "never"?'),
        ("zzz = 1", "unknown key; known here: longest, most_blocks, never, hosts"),
        ('never = "10.0.0.1"', "respond.toml:1: never: a list of addresses is meant"),
        ('never = ["10.0.0.1/8"]', 'the range is "10.0.0.0/8"'),
        ('\nlongest = "9d"', "respond.toml:2: longest: that will not do; 10 to 604800 s are possible"),
        ("most_blocks = true", "most_blocks: that will not do here"),
        ("most_blocks = 5000", "1 to 4096 addresses are possible"),
        ('hosts = { "pacs" = [] }', "a list of addresses is meant"),
        ('hosts = { "pacs" = ["10.0.0.0/8"] }', 'an address is written like "10.20.0.5"'),
        ('hosts = { "pa cs" = ["10.0.0.1"] }', 'a host is written like "pacs.rad.example"'),
    ],
)
def test_a_mistake_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_policy(text.encode(), "respond.toml")
    assert said in "\n".join(map(str, caught.value.problems))
