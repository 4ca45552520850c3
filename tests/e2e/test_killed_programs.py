"""Each program of a running appliance is killed in turn: the lamps say so within five seconds, and that it is back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from appliance.cli.demo.site import Site
from appliance.panel.desk import ask
from tests.e2e.conftest import Start, starting
from tests.panel.sysfs import board, read
from tests.programs.test_panel import FAST, OFF, ON

# A network of our own, whose sensor hears nobody else, and a /sys/class with our lamps.
_WITHIN = (
    'ip link set lo up && mount -t sysfs sysfs /sys && mount --rbind /sys/class/net "$1/net" '
    '&& mount --rbind "$1" /sys/class && shift && exec "$@"'
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as begin:
        yield begin


def seconds_until(condition: Callable[[], bool], patience: float = 30) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + patience, "it did not come to that in time"
        time.sleep(0.01)
    return time.monotonic() - began


def test_the_lamps_tell_of_each_program_that_is_killed(start: Start, tmp_path: Path) -> None:
    unshare = ["unshare", "--mount", "--net", "sh", "-c", _WITHIN, "sh", str(tmp_path / "class")]
    (tmp_path / "class" / "net").mkdir(parents=True)
    lamps = board(tmp_path / "class" / "leds", "ready", "traffic", "backlog", "alarm")
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("without CAP_SYS_ADMIN the kernel's directory of lamps cannot be replaced")

    def within(_: Site) -> Sequence[str]:
        return unshare

    site, box, _ = start(within=within)

    def shown() -> tuple[str, str]:
        return read(lamps["ready"], "pattern"), read(lamps["alarm"], "pattern")

    seconds_until(lambda: shown() == (ON, OFF))
    for name in ("receive", "forward", "sensor"):
        if name == "sensor" and not box.pids(name):
            continue  # without CAP_NET_RAW there is none
        # One that dies before the panel heard of it is said to start still.
        seconds_until(lambda name=name: ask(site.runtime)["programs"].get(name, {}).get("state") == "ok")  # type: ignore[misc]
        os.kill(box.pids(name)[0], signal.SIGKILL)
        assert seconds_until(lambda: shown()[1] == FAST) < 5
        if name == "receive":
            seconds_until(lambda: shown()[0] != ON)
        if name != "sensor":  # of which D43 goes on to tell that nobody looked
            seconds_until(lambda: shown() == (ON, OFF))
    seconds_until(lambda: all(box.pids(name) for name in ("receive", "forward")))
