"""A saved configuration, good and broken, through `systemctl reload`; and a program that gives up because of one."""

from __future__ import annotations

from tests.vm.box import units
from tests.vm.box.lamp_watch import LampWatch
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.kills import CALM
from tests.vm.box.site import Site

ANOTHER = 'ae_titles   = ["CT1", "CT1_NEW"]'
MISTAKE = 'addresses   = ["nowhere at all"]'


def play(site: Site, outcome: Outcome) -> None:
    """From calm to calm."""
    guest, lamps = site.guest, LampWatch(site.guest)
    lamps.until(CALM, 120)
    pids = {name: units.show(guest, f"appliance-{name}")["MainPID"] for name in units.PROGRAMS}
    good = site.config.replace('ae_titles   = ["CT1"]', ANOTHER)
    refused, _ = site.scanner.send(site.scanner.images(1), ae_title="CT1_NEW")
    site.configure(good)
    said = guest.run("systemctl reload 'appliance-*.service'")
    outcome.line(
        "systemctl reload with a good file",
        said.status == 0,
        f"{said.ended - said.began:.1f} s {said.out.strip()[-200:]}",
    )
    taken, words = site.scanner.send(site.scanner.images(1), ae_title="CT1_NEW")
    outcome.line(
        "a new AE title counts after it, and did not before",
        (refused, taken) == (0, 1),
        words[-200:] if taken != 1 else "",
    )
    with outcome.of("a broken file"):
        _broken(site, outcome, lamps, good)
    same = {name: units.show(guest, f"appliance-{name}")["MainPID"] for name in units.PROGRAMS} == pids
    outcome.line("no program was restarted for any of this", same)
    with outcome.of("a program gives up"):
        _gives_up(site, outcome, lamps)


def _broken(site: Site, outcome: Outcome, lamps: LampWatch, good: str) -> None:
    guest = site.guest
    broken = good.replace('addresses   = ["10.0.2.2"]', MISTAKE)
    began = lamps.look()
    site.configure(broken)
    said = guest.run("systemctl reload appliance-receive.service appliance-forward.service appliance-panel.service")
    outcome.line("systemctl reload with a broken file fails", said.status != 0, said.out.strip()[-160:])
    took = lamps.wait("alarm:alarm", since=began, seconds=60)
    outcome.line("the alarm lamp says so", took is not None, f"after {took} s, {lamps.now()['alarm']}")
    status = guest.run("appliance status --json").out
    outcome.line("`appliance status` quotes the mistake", "nowhere at all" in status and "addresses" in status)
    now, words = site.scanner.send(site.scanner.images(1), ae_title="CT1_NEW")
    outcome.line("the old configuration is in force", now == 1, words[-200:] if now != 1 else "")
    site.configure(good)
    mended = guest.run("appliance reload --wait")
    outcome.line("mended: appliance reload --wait", mended.status == 0, " ".join(mended.out.split()))
    outcome.line("and the lamp is off again", lamps.until(CALM, 90), lamps.now())


def _gives_up(site: Site, outcome: Outcome, lamps: LampWatch) -> None:
    """A sensor that is started with a broken file ends with 78, and is not tried again."""
    guest = site.guest
    good = guest.must("cat /etc/appliance/appliance.toml")
    began = lamps.look()
    site.configure(good.replace('addresses   = ["10.0.2.2"]', MISTAKE))
    guest.run("systemctl restart appliance-sensor")
    found = units.show(guest, "appliance-sensor")
    outcome.line("the sensor gives up", (found["ActiveState"], found["NRestarts"]) == ("failed", "0"), found["Result"])
    took = lamps.wait("alarm:broken", since=began, seconds=30)
    alarm = guest.must("journalctl -u appliance-alarm -o cat --no-pager | tail -2")
    outcome.line("OnFailure= takes the alarm lamp", took is not None, " ".join(alarm.split())[-120:])
    site.configure(good)
    guest.must("systemctl reset-failed appliance-sensor; systemctl start appliance-sensor", 240)
    outcome.line("started again, the lamp is the panel's again", lamps.until(CALM, 120), lamps.now())
