"""A disk of its own for the state directory, and the units' namespaces, as systemd builds them, with a real ext4.

What systemd/README.md promises of a disk at /srv/appliance/disk is tried with the units running: it can be unmounted,
checked and mounted again, it is found when it comes late, and no program may write more than before.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.units.machine import UNITS, tool
from tests.units.manager import PROGRAMS, Manager

PLAIN, DISK = "/var/lib/appliance", "/srv/appliance/disk"
DIRECTORIES = ("incoming", "objects", "ledger", "journal", "quarantine", "alerts", "responses", "syslog")
_LOOK = 'cd "$1" && for each in . %s; do for how in r w; do [ -$how $each ] && echo $how $each; done; done; :'
LOOK = _LOOK % " ".join(DIRECTORIES)


class Box:
    """A machine with the units and a disk."""

    def __init__(self, manager: Manager, device: str) -> None:
        self.manager, self.device = manager, device

    def start(self) -> dict[str, int]:
        """All programs; their processes."""
        self.manager.run("systemctl", "start", *(f"appliance-{each}.service" for each in PROGRAMS))
        return self.pids()

    def stop(self) -> None:
        self.manager.run("systemctl", "stop", "appliance.target", *(f"appliance-{each}.service" for each in PROGRAMS))

    def pids(self) -> dict[str, int]:
        return {each: self.manager.pid(each) for each in PROGRAMS}

    def mount(self, place: str) -> None:
        self.manager.run("mount", self.device, place)

    def move(self) -> None:
        """The state directory moves to the disk, by the README's own lines."""
        text = (UNITS / "README.md").read_text()
        (make,) = re.findall(r"^mkdir -p /srv/appliance/disk$", text, re.MULTILINE)
        (copy,) = re.findall(r"^cp -a /var/lib/appliance/.*$", text, re.MULTILINE)
        self.manager.run("sh", "-c", make)
        self.mount(DISK)
        self.manager.run("sh", "-c", copy)
        self.manager.tmpfiles()

    def holders(self) -> list[str]:
        """Programs that have the disk mounted."""
        return [
            each for each in PROGRAMS if f" {self.device} " in self.manager.within(each, "cat", "/proc/self/mountinfo")
        ]

    def access(self, program: str, state: str) -> set[str]:
        """What it may read and write of the state directory, as "w incoming"."""
        return set(self.manager.within(program, "sh", "-c", LOOK, "sh", state).splitlines())

    def check(self, status: int) -> str:
        """What e2fsck says of the disk."""
        return self.manager.run("e2fsck", "-f", "-y", self.device, status=status)


@pytest.fixture(scope="module")
def machine() -> Iterator[Box]:
    for name in ("mkfs.ext4", "losetup", "e2fsck"):
        tool(name)
    # Not below pytest's own directory, which is closed to the users of the units.
    with tempfile.TemporaryDirectory(prefix="appliance-manager-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        manager = Manager(directory)
        device = ""
        try:
            manager.start()
            with (directory / "disk.img").open("wb") as file:
                file.truncate(64 << 20)
            subprocess.run(["mkfs.ext4", "-q", directory / "disk.img"], check=True, capture_output=True)
            done = subprocess.run(["losetup", "--show", "-f", directory / "disk.img"], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"no loop device can be had: {done.stderr.strip()}")
            device = done.stdout.strip()
            yield Box(manager, device)
        finally:
            manager.stop()
            if device:
                subprocess.run(["losetup", "-d", device], check=False)


@pytest.fixture
def box(machine: Box) -> Iterator[Box]:
    """Nothing runs and nothing is mounted, before and after."""
    yield machine
    machine.stop()
    for place in (PLAIN, DISK):
        machine.manager.run("umount", place, status=None)


@pytest.mark.parametrize("when", ["before the programs", "after the programs"])
def test_a_disk_is_unmounted_checked_and_mounted_again_while_they_run(box: Box, when: str) -> None:
    box.move()
    if when == "before the programs":
        pids = box.start()
    else:
        box.manager.run("umount", DISK)
        pids = box.start()
        assert box.access("receive", DISK) == {"r ."}  # nothing is made where the disk is not
        box.mount(DISK)
    for _ in range(2):
        assert box.holders() == list(PROGRAMS)
        assert "w incoming" in box.access("receive", DISK)
        box.manager.run("umount", DISK)
        assert not box.holders()
        assert "in use" not in box.check(0)
        for program in PROGRAMS:
            assert not {each for each in box.access(program, DISK) if each.startswith("w")}
        box.mount(DISK)
    assert box.pids() == pids


def test_on_it_no_program_may_write_more(box: Box) -> None:
    box.start()
    before = {each: box.access(each, PLAIN) for each in PROGRAMS}
    box.stop()
    box.move()
    box.start()
    after = {each: box.access(each, DISK) for each in PROGRAMS}
    assert "w incoming" in before["receive"] and "w objects" in before["forward"]
    for program in PROGRAMS:
        assert {each for each in after[program] if each[0] == "w"} == {
            each for each in before[program] if each[0] == "w"
        }
        assert after[program] - before[program] <= {"r alerts"}
        assert box.manager.within(program, "touch", "/srv/appliance/x", status=1)


def test_a_disk_mounted_elsewhere_stays_pinned(box: Box) -> None:
    """Why the README says "nowhere else", and that a repair needs a stop there; and that the test above could fail."""
    box.mount(PLAIN)
    box.manager.tmpfiles()
    box.start()
    box.manager.run("umount", PLAIN)
    assert box.holders()
    assert "in use" in box.check(8)
    box.stop()
    box.check(0)
