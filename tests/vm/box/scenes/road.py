"""A study goes in from outside, and arrives upstream as it was sent."""

from __future__ import annotations

import time

from tests.vm.box.lamp_watch import LampWatch
from tests.vm.box.outcome import Outcome
from tests.vm.box.site import Site

AT_REST = {"ready": ("serving",), "traffic": ("idle",), "backlog": ("none",), "alarm": ("quiet",)}
PATIENCE = 180.0  # seconds until all is upstream, on emulated cores


def play(site: Site, outcome: Outcome) -> None:
    """DICOM TLS both ways, certificates on both sides."""
    lamps = LampWatch(site.guest)
    calm = lamps.until(AT_REST, 90)
    outcome.line("lamps at rest: ready on, the others off", calm, lamps.now())
    levels = site.guest.must("grep -E 'appliance-lamps|edge:' /sys/kernel/debug/gpio || cat /sys/kernel/debug/gpio")
    high = [line.split("|")[1].split()[0] for line in levels.splitlines() if "|edge:" in line and " hi" in line]
    outcome.line("the pins themselves: ready is high, no other", high == ["edge:green:ready"], high or levels)
    images = site.scanner.images(8)
    now, said = site.scanner.send(images)
    outcome.line(
        "a study over DICOM TLS is answered 0x0000",
        now == len(images),
        f"{now} of {len(images)} {said[-300:] if now < len(images) else ''}",
    )
    delivered(site, outcome, "and delivered, byte for byte")


def delivered(site: Site, outcome: Outcome, what: str) -> None:
    """Everything that was ever answered is upstream, as it was sent."""
    give_up = time.monotonic() + PATIENCE
    while (found := site.upstream.count()) < len(site.scanner.answered) and time.monotonic() < give_up:
        time.sleep(0.5)
    time.sleep(1)  # the last one may be half written
    upstream = site.upstream.instances()
    lost = [uid for uid, content in site.scanner.answered.items() if upstream.get(uid) != content]
    outcome.line(
        what, not lost and bool(upstream), f"{len(site.scanner.answered)} answered, {found} upstream, {len(lost)} lost"
    )
