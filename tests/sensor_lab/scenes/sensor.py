"""The sensor about itself: D43, D44, D45."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

from tests.inspection import wire
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Line, echo


def _store(lab: Lab, unplugged: bool) -> None:
    line = Line(lab.ct, lab.edge).ask(calling=b"CT1")
    data = wire.store(200_000)
    third = len(data) // 3
    line.say(data[:third]).arrived()
    lab.mirror.settle()
    if unplugged:
        lab.ground.unplug_mirror()
    line.say(data[third : 2 * third]).arrived()
    if unplugged:
        lab.ground.plug_mirror()
    line.say(data[2 * third :]).hear()
    line.close()


@shows("D43", "ip", evidence="segments were lost")
def cable_out(lab: Lab) -> None:
    """The mirror's cable is out for a third of an instance."""
    _store(lab, unplugged=True)


@quiet("D43", "ip")
def cable_in(lab: Lab) -> None:
    """It is in all the time."""
    _store(lab, unplugged=False)


@shows("D44", "ip", evidence="no frame within")
def nothing_to_see(lab: Lab) -> None:
    """For ten minutes no frame comes."""
    assert echo(lab) == 0
    lab.mirror.pass_time(310, silent=True)
    lab.mirror.pass_time(310, silent=True)


@quiet("D44", "echoscu")
def now_and_then(lab: Lab) -> None:
    """Every four minutes a frame comes."""
    for _ in range(4):
        assert echo(lab) == 0
        lab.mirror.pass_time(240, silent=True)


def _program(lab: Lab, text: str) -> list[dict[str, Any]]:
    """Run `appliance program sensor` at the mirror, and have it read `text` meanwhile; what it wrote."""
    log = lab.where / "sensor.log"
    command = (sys.executable, "-m", "appliance", "program", "sensor", "--config", str(lab.config))
    told = lab.where / "state" / "alerts" / "sensor.jsonl"
    told.parent.mkdir(parents=True, exist_ok=True)
    before = told.stat().st_size if told.exists() else 0
    with log.open("wb") as out:
        process = subprocess.Popen(command, stderr=out, env={**os.environ, "APPLIANCE_LOG_LEVEL": "DEBUG"})
    try:
        until = time.monotonic() + 20
        while b"mirror" not in log.read_bytes() and b"watch" not in log.read_bytes().lower():
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        assert echo(lab) == 0
        as_it_was = lab.config.read_text()
        lab.config.write_text(text)
        try:
            process.send_signal(signal.SIGHUP)
            while b"CONFIG-LOADED" not in log.read_bytes() and time.monotonic() < until + 20:
                time.sleep(0.05)
            if text != as_it_was:
                while not (told.exists() and b"D45" in told.read_bytes()[before:]) and time.monotonic() < until + 20:
                    time.sleep(0.05)
            else:
                time.sleep(1.5)  # it says so within a second
        finally:
            lab.config.write_text(as_it_was)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    lines = told.read_bytes()[before:].splitlines() if told.exists() else []
    return [json.loads(line) for line in lines]


@shows("D45", "the sensor program")
def configuration_changed(lab: Lab) -> None:
    """The sensor program is told to read its configuration again, in which somebody gave a decoy another name."""
    text = lab.config.read_text()
    changed = re.sub(r'decoy_ae *= *"[^"]*"', 'decoy_ae = "COLDSTORE"', text)
    assert changed != text
    lab.mirror.alerts += _program(lab, changed)


@quiet("D45", "the sensor program")
def configuration_as_it_was(lab: Lab) -> None:
    """The sensor program is told to read its configuration again, and nobody touched it."""
    lab.mirror.alerts += _program(lab, lab.config.read_text())
