"""A disk of its own for the state directory, by the lines of systemd/README.md.

It fails, is mended, is missing at a start, and the same processes go on.
"""

from __future__ import annotations

import re

from appliance.base.catalogue import MEDIUM_LOST
from tests.units.machine import UNITS
from tests.vm.box import units
from tests.vm.box.guest import DATA_DISK
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.road import delivered
from tests.vm.box.site import CONFIG, Site

DISK = "/srv/appliance/disk"
_LET_GO = 120.0  # seconds until all programs let go of it, on emulated cores
_UNITS = " ".join(f"appliance-{each}" for each in units.PROGRAMS)


def play(site: Site, outcome: Outcome) -> None:
    """The scenes behind this one go on with the state directory there."""
    guest = site.guest
    make, repair = _lines()
    for line in make:
        guest.must(line.replace("/dev/sdX1", DATA_DISK), 300)
    text = re.sub(r'(?m)^state_dir( *)= "[^"]*"', rf'state_dir\1= "{DISK}"', guest.must(f"cat {CONFIG}"))
    site.configure(text)
    guest.must(f"systemctl start appliance.target {_UNITS}", 300)
    before = _pids(site)
    now, said = site.scanner.send(site.scanner.images(2))
    outcome.line("moved to a disk of its own: received", now == 2, said[-200:] if now != 2 else "")
    delivered(site, outcome, "and delivered")

    with outcome.of("the disk fails"):
        _fail(site)
        _refused(site, outcome, "ext4 found an error in itself", "Input/output error")
        _mend(site, outcome, "mended", repair)
        _back(site, outcome, "mended", before)

    with outcome.of("the disk fails while nothing comes in"):
        _fail(site)
        _mend(site, outcome, "mended at rest", repair)
        _back(site, outcome, "mended at rest", before)

    with outcome.of("the disk is missing at the start"):
        guest.must(f"systemctl stop appliance.target {_UNITS} && umount {DISK}", 300)
        guest.must(f"systemctl start appliance.target {_UNITS}", 300)
        _refused(site, outcome, "started without its disk", "is not mounted, though /etc/fstab names it")
        made = guest.must(f"find {DISK} -mindepth 1").split()
        outcome.line("nothing was made in the empty mount point", not made, " ".join(made))
        before = _pids(site)
        guest.must(f"mount {DISK}")
        _back(site, outcome, "mounted late", before)


def _lines() -> tuple[list[str], list[str]]:
    """What the README has an administrator type: to move to the disk, and to mend it."""
    text = (UNITS / "README.md").read_text()
    blocks: list[str] = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (make,) = [each for each in blocks if "mkfs.ext4" in each]
    (repair,) = [each for each in blocks if each.startswith(f"umount {DISK}")]
    return make.splitlines(), repair.splitlines()


def _fail(site: Site) -> None:
    site.guest.must(f"echo 1 >/sys/fs/ext4/{DATA_DISK.rpartition('/')[2]}/trigger_fs_error")


def _mend(site: Site, outcome: Outcome, what: str, repair: list[str]) -> None:
    unmount, check, mount = repair
    let_go = site.guest.run(f"until {unmount}; do sleep 1; done", _LET_GO)
    held = site.guest.run(f"grep -l ' {DISK} ' /proc/[0-9]*/mountinfo").out.split()
    note = f"after {let_go.ended - let_go.began:.0f} s, mounted in {len(held)} processes {let_go.out[-60:]}"
    outcome.line(f"{what}: unmounted while all units run", let_go.status == 0 and not held, note)
    checked = site.guest.run(check)
    note = checked.out[-300:] if checked.status > 1 else ""
    outcome.line(f"{what}: e2fsck repairs it", checked.status in (0, 1), note)
    site.guest.must(mount)


def _pids(site: Site) -> dict[str, str]:
    return {each: units.wait(site.guest, f"appliance-{each}", 180)["MainPID"] for each in units.PROGRAMS}


def _refused(site: Site, outcome: Outcome, what: str, why: str) -> None:
    _, said = site.scanner.send(site.scanner.images(1))
    answers = [line.removeprefix("I: ") for line in said.splitlines() if "Store Response" in line]
    outcome.line(f"{what}: 0xA700", any("OutOfResources" in each for each in answers), " ".join(answers) or said[-200:])
    event = f"journalctl MESSAGE_ID={MEDIUM_LOST.message_id} -o cat --no-pager | grep '{why}'"
    told = site.guest.run(f"until {event}; do sleep 1; done", _LET_GO)
    outcome.line(f"{what}: forward says so", told.status == 0, told.out.strip()[-160:])


def _back(site: Site, outcome: Outcome, what: str, before: dict[str, str]) -> None:
    images = site.scanner.images(2)
    site.scanner.send_all(images, 120)
    delivered(site, outcome, f"{what}: received again and delivered")
    after = _pids(site)
    outcome.line(f"{what}: by the same processes", after == before, "" if after == before else f"{before} {after}")
