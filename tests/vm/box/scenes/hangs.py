"""A program that hangs (SIGSTOP): the watchdog restarts it; while the panel hangs, no lamp says that all is well."""

from __future__ import annotations

import time

from tests.vm.box import units
from tests.vm.box.lamp_watch import LampWatch
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.kills import CALM
from tests.vm.box.site import Site

LONGEST = 60 + 30 + 90  # seconds: WatchdogSec of forward, systemd's own patience with SIGABRT, a slow start


def play(site: Site, outcome: Outcome) -> None:
    """The four that do the work at once, then the panel."""
    lamps = LampWatch(site.guest)
    if not lamps.until(CALM, 120):
        outcome.line("calm before programs hang", False, lamps.now())
    workers = [name for name in units.PROGRAMS if name != "panel"]
    before = {name: units.wait(site.guest, f"appliance-{name}", 60) for name in units.PROGRAMS}
    stopped = site.guest.run("kill -STOP " + " ".join(before[name]["MainPID"] for name in workers))
    took = lamps.wait("alarm:alarm", "alarm:broken", since=stopped.began, seconds=60)
    seen = took is not None and took > 0  # it did not before
    outcome.line("the alarm lamp shows that programs hang", seen, f"after {took or 0:.0f} s")
    for name in workers:
        with outcome.of(f"{name} hangs"):
            _restarted(site, outcome, name, before[name], stopped.began)
    outcome.line("calm again after those that hung", lamps.until(CALM, 150), lamps.now())
    with outcome.of("the panel hangs"):
        panel = units.wait(site.guest, "appliance-panel", 60)
        stopped = site.guest.run(f"kill -STOP {panel['MainPID']}")
        time.sleep(max(0.0, 13 - (lamps.look() - stopped.began)))
        bright = site.guest.must("cat /sys/class/leds/edge:green:ready/brightness").strip()
        outcome.line("ready is dark 13 s after the panel was stopped", bright == "0", f"brightness {bright}")
        _restarted(site, outcome, "panel", panel, stopped.began)
    outcome.line("calm again after the panel", lamps.until(CALM, 150), lamps.now())


def _restarted(site: Site, outcome: Outcome, name: str, before: dict[str, str], since: float) -> None:
    after = units.wait(site.guest, f"appliance-{name}", LONGEST, not_pid=before["MainPID"])
    said = site.guest.must(f"journalctl -u appliance-{name} -n 200 -o cat --no-pager")
    back = units.seconds(after, "ActiveEnter") - since
    seen = "Watchdog timeout" in said and int(after["NRestarts"]) > int(before["NRestarts"])
    outcome.line(f"{name} hung: restarted by the watchdog", seen, f"ready again {back:.0f} s after SIGSTOP")
