"""`appliance inventory` and `appliance peers learn` on what the lab's hospital did: what they say is what was done."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run as appliance
from appliance.cli.pcap import inspect_file, registry_of
from appliance.config.load import load_config
from tests.sensor_lab.scene import Outcome
from tests.sensor_lab.site import CONFIG

OWN = ("--own-address", "10.20.0.2", "--own-address", "fd20::2")
CT, VIEWER, PACS, EDGE = "10.20.0.11", "10.20.0.21", "10.20.0.4", "10.20.0.2"


@pytest.fixture
def nobody(site_config: Path, tmp_path: Path) -> Path:
    """The hospital's configuration without its peers and other machines."""
    text = site_config.read_text()
    kept = text[: text.index("[[peer]]")] + text[text.index("[vault]") : text.index("[[destination]]")]
    kept += text[text.index("[sensor]") : text.index("[[sensor.server]]")]
    path = tmp_path / "appliance.toml"
    path.write_text(kept)
    return path


def _inventory(capsys: pytest.CaptureFixture[str], config: Path, capture: Path) -> dict[str, Any]:
    assert appliance(["inventory", "--json", "--config", str(config), "--pcap", str(capture), *OWN]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _pairs(inventory: dict[str, Any]) -> dict[tuple[str, str, int, str, str], list[str]]:
    return {
        (each["client"], each["server"], each["port"], each["calling"], each["called"]): sorted(each["services"])
        for each in inventory["talks"]
        if each["accepted"]
    }


def test_who_read_and_who_stored(
    played: dict[str, Outcome], site_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The archive's scene: a store, a query, a move with its sub-operation to the reading room, a retrieval."""
    capture = played["calm-dcmtk_reads"].pcap
    assert capture is not None
    assert _pairs(_inventory(capsys, site_config, capture)) == {
        (CT, PACS, 104, "CT1", "ARCH"): ["C-STORE"],
        (VIEWER, PACS, 104, "READ1", "ARCH"): ["C-FIND", "C-GET", "C-MOVE", "C-STORE of the server"],
        (PACS, VIEWER, 11113, "ARCH", "READ1"): ["C-STORE"],
    }


def test_what_was_sent_in_which_way(
    played: dict[str, Outcome], site_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = played["calm-dcmtk_stores"].pcap
    assert capture is not None
    inventory = _inventory(capsys, site_config, capture)
    stored = {each["calling"]: each["stored"] for each in inventory["talks"] if not each["tls"]}
    assert stored == {"CT1": 6 * 10 + 1}
    assert [each["tls_version"] for each in inventory["talks"] if each["tls"]] == ["TLS 1.3"]
    (device,) = [each for each in inventory["devices"] if each["calling"] == "CT1"]
    assert device["syntaxes"] == ["1.2.840.10008.1.2.4.50"]


def test_the_page_names_who_talks_to_whom(
    played: dict[str, Outcome], site_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = played["calm-dcmtk_reads"].pcap
    assert appliance(["inventory", "--html", "--config", str(site_config), "--pcap", str(capture), *OWN]) == 0
    page = capsys.readouterr().out
    assert all(word in page for word in (CT, PACS, VIEWER, "READ1", "ARCH"))


def test_what_is_learned_makes_the_sensor_quiet(
    played: dict[str, Outcome], nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a site that nobody described: the proposals are those machines, and with them accepted nothing is left."""
    for name in ("calm-dcmtk_reads", "calm-pynetdicom_works", "calm-gateway_fans_out"):
        capture = played[name].pcap
        assert capture is not None
        known = registry_of(load_config(nobody), ("10.20.0.2", "fd20::2"))
        assert {"D01"} <= {each["alert"]["signature_id"] for each in inspect_file(capture, known)[1]}
        assert appliance(["peers", "learn", "--config", str(nobody), "--pcap", str(capture), *OWN]) == 0
        proposed = capsys.readouterr().out
        entries = tomllib.loads(proposed)
        assert all(each["accept"] is False for each in entries.get("peer", ()))
        accepted = nobody.with_name(f"{name}.toml")
        accepted.write_text(nobody.read_text() + "\n" + proposed.replace("accept = false", "accept = true"))
        quiet = registry_of(load_config(accepted), ("10.20.0.2", "fd20::2"))
        assert inspect_file(capture, quiet)[1] == []


def test_what_is_proposed_is_the_least(
    played: dict[str, Outcome], nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = played["calm-dcmtk_reads"].pcap
    assert appliance(["peers", "learn", "--config", str(nobody), "--pcap", str(capture), *OWN]) == 0
    entries = tomllib.loads(capsys.readouterr().out)
    (peer,) = entries["peer"]
    assert (peer["ae_titles"], peer["addresses"], peer["services"]) == (["CT1"], [CT], ["store"])
    servers = {each["ae_titles"][0]: each for each in entries["sensor"]["server"]}
    assert set(servers) == {"ARCH", "READ1"}
    assert (servers["ARCH"]["addresses"], servers["ARCH"]["ports"], servers["ARCH"]["asks"]) == (
        [PACS],
        [104],
        ["store"],
    )
    assert servers["READ1"]["asks"] == ["find", "get", "move"]
    assert CONFIG  # the hospital's own entries say the same
