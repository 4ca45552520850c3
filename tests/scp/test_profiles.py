"""Which TLS profile an address gets."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ConfigError
from appliance.config.model import Config
from appliance.host.certificates import Authority
from appliance.scp.profiles import read_profiles


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    ca = Authority.create("site CA")
    (tmp_path / "ca.crt").write_bytes(ca.certificate)
    ca.issue("box", ["edge.example"], server=True).write(tmp_path / "box.crt", tmp_path / "box.key")
    return tmp_path


def config(tls: Path, listen: str = "listen", /, **peer: Any) -> Config:
    return Config.model_validate(
        {
            "appliance": {"ae_title": "EDGE01"},
            "receive": {
                listen: ["[::]:2762"],
                "certificate": str(tls / "box.crt"),
                "key": str(tls / "box.key"),
                "client_ca": str(tls / "ca.crt"),
            },
            "peer": [
                {"name": "new", "ae_titles": ["CT1"], "addresses": ["10.0.0.0/24"]},
                {"name": "old", "ae_titles": ["CR1"], "addresses": ["10.0.0.9", "2001:db8::/64"], **peer},
            ],
            "vault": {"recipients": ["age1" + "q" * 58]},
        }
    )


def test_only_the_addresses_of_old_devices_are_offered_old_suites(tls: Path) -> None:
    profiles = read_profiles(config(tls, tls_profile="legacy"))
    assert profiles and profiles.legacy
    names = {each["name"] for each in profiles.legacy.get_ciphers()}
    assert "AES128-SHA" in names and not [each for each in names if "CCM" in each or "NULL" in each or "DES" in each]
    assert "AES128-SHA" not in {each["name"] for each in profiles.standard.get_ciphers()}
    for address, legacy in (("10.0.0.9", True), ("10.0.0.8", False), ("2001:db8::1", True), ("::1", False)):
        assert (profiles.choose(ipaddress.ip_address(address)) is profiles.legacy) is legacy


@pytest.mark.parametrize(
    "peer", [{}, {"tls_profile": "legacy", "accept": False}, {"tls_profile": "legacy", "tls": "never"}]
)
def test_without_an_old_device_there_are_no_old_suites(tls: Path, peer: dict[str, Any]) -> None:
    profiles = read_profiles(config(tls, **peer))
    assert profiles and profiles.legacy is None
    assert profiles.choose(ipaddress.ip_address("10.0.0.9")) is profiles.standard


def test_without_a_tls_listener_no_file_is_read(tls: Path) -> None:
    (tls / "box.key").unlink()
    assert read_profiles(config(tls, "listen_plain")) is None
    with pytest.raises(ConfigError, match="box.key"):
        read_profiles(config(tls))
