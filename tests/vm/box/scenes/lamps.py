"""The states of the README's table that can be brought about from outside, each seen on the real lamps."""

from __future__ import annotations

import re

from tests.vm.box.lamp_watch import LampWatch
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.kills import CALM
from tests.vm.box.scenes.road import AT_REST, delivered
from tests.vm.box.site import Site

LONG = 60.0  # seconds that a lamp is given; how fast it is, `kills` says
OUT_OF_RESOURCES = 0xA700


def play(site: Site, outcome: Outcome) -> None:
    """From calm to calm."""
    lamps = LampWatch(site.guest)
    lamps.until(AT_REST, 120)
    with outcome.of("traffic"):
        _traffic(site, outcome, lamps)
    with outcome.of("backlog"):
        _backlog(site, outcome, lamps)
    with outcome.of("a full disk"):
        _full(site, outcome, lamps)
    with outcome.of("appliance lamps test"):
        said = site.guest.run("appliance lamps test")
        outcome.line("appliance lamps test", said.status == 0, " ".join(said.out.split())[-120:])
        outcome.line("and the panel has them back", lamps.until(AT_REST | CALM, 30), lamps.now())


def _seen(outcome: Outcome, lamps: LampWatch, key: str, since: float, why: str) -> None:
    took = lamps.wait(key, since=since, seconds=LONG)
    outcome.line(f"{key} when {why}", took is not None, f"after {took:.1f} s" if took is not None else lamps.now())


def _traffic(site: Site, outcome: Outcome, lamps: LampWatch) -> None:
    began = lamps.look()
    with site.scanner.associated() as store:
        _seen(outcome, lamps, "traffic:open", began, "a scanner is connected")
        began = lamps.look()
        for image in site.scanner.images(3):
            store(image)
        _seen(outcome, lamps, "traffic:moving", began, "instances come in")
        began = lamps.look()
        _seen(outcome, lamps, "traffic:open", began, "no more come in")
    began = lamps.look()
    _seen(outcome, lamps, "traffic:idle", began, "the scanner is gone")


def _backlog(site: Site, outcome: Outcome, lamps: LampWatch) -> None:
    site.upstream.stop()
    began = lamps.look()
    site.scanner.send(site.scanner.images(2))
    _seen(outcome, lamps, "backlog:waiting", began, "the PACS is down")
    site.upstream.start()
    began = lamps.look()
    delivered(site, outcome, "what waited is delivered when the PACS is back")
    _seen(outcome, lamps, "backlog:none", began, "the PACS is back")


def _full(site: Site, outcome: Outcome, lamps: LampWatch) -> None:
    began = lamps.look()
    site.configure(re.sub(r'^min_free( *)= "[^"]*"', r'min_free\1= "90%"', site.config, flags=re.MULTILINE))
    _seen(outcome, lamps, "ready:refusing", began, "the disk is too full")
    _seen(outcome, lamps, "alarm:alarm", began, "the disk is too full")
    with site.scanner.associated() as store:
        status = store(site.scanner.images(1)[0])
    outcome.line("and the scanner hears 0xA700", status == OUT_OF_RESOURCES, hex(status))
    began = lamps.look()
    site.configure(site.config)
    _seen(outcome, lamps, "ready:serving", began, "there is room again")
    outcome.line("and nothing is left to report", lamps.until(CALM, 90), lamps.now())
