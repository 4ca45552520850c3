"""The lamp board's overlay compiles, and its names are those that panel and udev look for."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

from appliance.panel.lamps import BY_KEY, FUNCTIONS
from tests.panel.test_leds import play
from tests.units.machine import REPOSITORY, run, tool

OVERLAY = REPOSITORY / "firmware-config/raspberry-pi/appliance-lamps.dtso"
RULES = REPOSITORY / "firmware-config/60-appliance-leds.rules"


def compiled(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return run(tool("dtc"), "-@", "-I", "dts", "-O", "dtb", "-o", out, source)


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    done = compiled(OVERLAY, tmp_path / "lamps.dtbo")
    assert (done.returncode, done.stderr) == (0, "")
    again = run(tool("dtc"), "-I", "dtb", "-O", "dts", tmp_path / "lamps.dtbo")
    assert again.stdout.count("edge:") == len(FUNCTIONS)
    assert "__fixups__" in again.stdout, "the board's own device tree says where its pins are"


def test_a_mistake_in_it_would_be_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.dtso"
    broken.write_text(OVERLAY.read_text().replace("<&gpio 17 0>", "<&gpio 17 0", 1))
    assert compiled(broken, tmp_path / "broken.dtbo").returncode != 0


def test_its_names_are_those_that_are_looked_for() -> None:
    labels = re.findall(r'label = "(.*)";', OVERLAY.read_text())
    assert [label.rpartition(":")[2] for label in labels] == list(FUNCTIONS)
    taken = re.search(r'KERNEL!="(.*)", GOTO', RULES.read_text())
    assert taken
    assert all(any(fnmatch.fnmatch(label, each) for each in taken[1].split("|")) for label in labels)


def test_no_pin_is_used_twice() -> None:
    pins = re.findall(r"<&gpio (\d+) 0>", OVERLAY.read_text())
    assert len(set(pins)) == len(pins) == len(FUNCTIONS)


@pytest.mark.parametrize(("lamp", "shows"), [("ready", "pattern"), ("single", "single")])
def test_while_the_box_starts_the_lamp_says_so_and_not_for_ever(lamp: str, shows: str) -> None:
    (found,) = re.findall(rf'KERNEL=="\*:{lamp}", ATTR{{pattern}}="(.*)", ATTR{{repeat}}="(\d+)"', RULES.read_text())
    shown = [(level // 255, length) for level, length in play(*found)]
    assert shown == list(getattr(BY_KEY["ready:starting"], shows).steps)
    assert 120_000 < int(found[1]) * sum(length for _, length in shown) < 240_000 and shown[-1][0] == 0
