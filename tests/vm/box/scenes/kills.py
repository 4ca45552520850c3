"""kill -9 for each program in turn, with a study on its way: restarted, seen on the lamps, nothing lost."""

from __future__ import annotations

import threading

from tests.vm.box import units
from tests.vm.box.lamp_watch import LampWatch
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.road import delivered
from tests.vm.box.site import Site

# A notice may stand from what another scene did to the box.
CALM = {"ready": ("serving",), "alarm": ("quiet", "notice")}
WITHIN = 5.0  # seconds until the lamp is right
ROWS = {"receive": ("ready:off", "ready:starting"), "panel": ("alarm:broken",)}
ALARM = ("alarm:alarm", "alarm:broken")  # the panel's, or systemd's, which is as fast


def play(site: Site, outcome: Outcome) -> None:
    """One after the other, from calm to calm."""
    lamps = LampWatch(site.guest)
    for name in units.PROGRAMS:
        with outcome.of(f"{name} is killed"):
            _kill(site, outcome, lamps, name)
    delivered(site, outcome, "nothing that was answered meanwhile is lost")


def _kill(site: Site, outcome: Outcome, lamps: LampWatch, name: str) -> None:
    guest, unit = site.guest, f"appliance-{name}"
    if not lamps.until(CALM, 120):
        outcome.line(f"calm before {name} is killed", False, lamps.now())
    before = units.wait(guest, unit, 120)
    images = site.scanner.images(4)
    sending = threading.Thread(target=site.scanner.send_all, args=(images, 240))
    sending.start()
    killed = guest.run(f"kill -9 {before['MainPID']}")
    rows = ROWS.get(name, ALARM)
    took = lamps.wait(*rows, since=killed.began, seconds=30)
    after = units.wait(guest, unit, 150, not_pid=before["MainPID"])
    back = units.seconds(after, "ActiveEnter") - killed.began
    right = f"{rows[0].partition(':')[0]} lamp after {took:.1f} s" if took is not None else f"no lamp: {lamps.now()}"
    outcome.line(
        f"{name} killed: right lamp within {WITHIN:.0f} s, ready again",
        took is not None and took <= WITHIN and int(after["NRestarts"]) > int(before["NRestarts"]),
        f"{right}, ready after {back:.1f} s",
    )
    sending.join()
    left = sum(image.stem not in site.scanner.answered for image in images)
    outcome.line(f"the scanner got rid of its study beside that ({name})", left == 0, f"{left} left")
    outcome.line(f"calm again after {name}", lamps.until(CALM, 120), lamps.now())
