"""The guest's device tree: the product's overlay as it is, on lines that this board has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from appliance.panel.lamps import FUNCTIONS
from tests.units.machine import tool
from tests.vm.box import board
from tests.vm.machine import missing


def test_each_pin_of_the_overlay_leads_to_a_line_of_its_own() -> None:
    pins = board.pins(board.OVERLAY.read_text())
    assert [name.rpartition(":")[2] for name in pins] == list(FUNCTIONS)
    led = re.findall(r"<(\d+) 0 &\{/pl061@9030000\} (\d+) 0>", board.nexus(board.OVERLAY.read_text()))
    assert [int(pin) for pin, _ in led] == list(pins.values())
    assert len({line for _, line in led}) == len(pins)


def test_the_overlay_is_taken_by_the_boards_tree(tmp_path: Path) -> None:
    if why := missing("aarch64"):
        pytest.skip(why)
    for name in ("dtc", "fdtoverlay"):
        tool(name)
    tree = board.device_tree(tmp_path)
    said = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", tree], capture_output=True, text=True, check=True)
    assert said.stdout.count('label = "edge:') == len(FUNCTIONS)
    assert "pl061@9030000" in said.stdout
