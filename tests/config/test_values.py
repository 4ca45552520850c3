from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import values
from appliance.config.model import Receive
from appliance.config.values import HostPort, Share


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.parse_duration, "500ms", 0.5),
        (values.parse_duration, "1.5 h", 5400.0),
        (values.parse_duration, "15min", 900.0),
        (values.parse_duration, "15m", 900.0),
        (values.parse_duration, "7d", 604800.0),
        (values.parse_share, "10GiB", Share(bytes=10 << 30)),
        (values.parse_share, "1.5 MB", Share(bytes=1_500_000)),
        (values.parse_share, "10%", Share(fraction=0.1)),
        (values.parse_host_port, "pacs.example:104", HostPort("pacs.example", 104)),
        (values.parse_host_port, "[2001:DB8::0]:104", HostPort("2001:db8::", 104)),
        (values.parse_network, "10.20.0.11", ipaddress.ip_network("10.20.0.11/32")),
        (values.parse_network, "2001:db8::/32", ipaddress.ip_network("2001:db8::/32")),
        (values.parse_binding, "san:CT1.Rad.example", "san:ct1.rad.example"),
        (values.parse_binding, "san:urn:uuid:AB", "san:urn:uuid:AB"),
        (values.parse_binding, "sha256:" + ":".join(["AB"] * 32), "sha256:" + "ab" * 32),
        (values.parse_source, "credential:identity", "credential:identity"),
        (values.parse_source, "file:/a b", "file:/a b"),
        (values.parse_name, "CT Süd (2)", "CT Süd (2)"),
        (values.parse_ae_title, " CT 1 ", "CT 1"),
        (values.parse_host_name, "::1", "::1"),
    ],
)
def test_what_people_write(parse: Callable[[Any], Any], text: str, value: object) -> None:
    assert parse(text) == value
    assert parse(parse(text)) == value


@pytest.mark.parametrize(
    ("parse", "texts"),
    [
        (values.parse_duration, ["", "30", "-3s", "3 weeks", "1e3s", "٣s", "3s\n\n3s"]),
        (values.parse_share, ["", "0%", "0GiB", "91%", "10", "10 gib", "-1%"]),
        (values.parse_host_port, ["", "a", ":1", "a:0", "a:65536", "a:+1", "::1:104", "[a]:1"]),
        (values.parse_host_port, ["tls://a:1", "a b:1", "-a:1"]),
        (values.parse_network, ["", "10.20.0", "10.20.0.1/33", "a.example", "fe80::1%eth0", "010.0.0.1"]),
        (values.parse_path, ["", "etc", "~/x", "/a\nb", "/a\0b"]),
        (values.parse_binding, ["", "san:", "san:a b", "sha256:", "sha256:" + "ab" * 31, "md5:ab", "dn:CN=x"]),
        (values.parse_source, ["", "file:", "file:/", "file:a", "credential:", "credential:a/b", "unlock", "env:X"]),
        (values.parse_recipient, ["", "age1", "AGE1QQQQQQQQQQ", "age1QQQQQQQQQQ", "ssh-rsa x", "age1plugin 1qqqqqqqq"]),
        (values.parse_name, ["", " a", "a ", "a\tb", "a;b", "a" * 65, '"']),
        (values.parse_modality, ["", "ct", "CT ", "C" * 17]),
        (values.parse_interface, ["", "eth 0", "a/b", "e" * 16]),
        (values.parse_host_name, ["", "a:1", "[::1]", "a b", "a/b"]),
        (values.parse_uid, ["", "1", "1..2", "1.02", "1.2.", "1." * 32 + "1"]),
    ],
)  # fmt: skip
def test_what_will_not_do(parse: Callable[[Any], Any], texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError):
            parse(text)


PARSERS = [getattr(values, name) for name in dir(values) if name.startswith("parse_")]
TOML = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.lists(st.text())


@given(st.sampled_from(PARSERS), TOML)
def test_a_parser_raises_nothing_but_value_error(parse: Callable[[Any], Any], value: object) -> None:
    try:
        parsed = parse(value)
    except ValueError:
        return
    assert parse(parsed) == parsed or parsed != parsed


def test_a_program_may_go_beyond_the_limits_of_the_file() -> None:
    assert Receive(artim=0.2).artim == 0.2


def test_a_share_is_of_the_whole_or_fixed() -> None:
    assert Share(fraction=0.1).of(1000) == 100
    assert Share(bytes=7).of(1000) == 7


def test_addresses_are_written_as_they_were_read() -> None:
    assert str(HostPort("::1", 104)) == "[::1]:104"
    assert str(HostPort("a.example", 104)) == "a.example:104"
