"""The words for a lamp are those of the table, for each pattern as the panel itself writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.panel.lamps import TABLE, Row
from appliance.panel.leds import Led
from tests.vm.box.lights import expected, light

FILES = ("trigger", "brightness", "max_brightness", "pattern", "repeat", "delay_on", "delay_off")


def read(lamp: Path) -> dict[str, str]:
    files = {name: (lamp / name).read_text().strip() for name in FILES}
    return files | {"trigger": files["trigger"].strip("[]")}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.key)
def test_each_row_is_read_as_it_was_written(row: Row, tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("1" if "brightness" in name else "")
    (tmp_path / "trigger").write_text("[pattern]")
    assert Led(tmp_path).show(row.pattern)
    assert light(read(tmp_path)) == expected(row.key)


def test_the_kernels_own_blinking_is_the_row_of_a_program_that_gave_up() -> None:
    files = {"trigger": "timer", "brightness": "", "delay_on": "500", "delay_off": "500"}
    assert light(files) == expected("alarm:broken")
    assert light(files | {"delay_on": "10"}) != expected("alarm:broken")


def test_a_lamp_without_a_trigger_is_on_or_off() -> None:
    assert light({"trigger": "none", "brightness": "0"}) == "off"
    assert light({"trigger": "none", "brightness": "1"}) == "on"


def test_what_is_no_row_is_called_by_what_it_is() -> None:
    assert light({"trigger": "pattern", "pattern": "1 77 1 0 0 33 0 0"}) == "pattern ((1, 77), (0, 33))"
    assert light({"trigger": "heartbeat"}) == "heartbeat"
