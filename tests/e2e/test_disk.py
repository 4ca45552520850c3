"""The disk of a running appliance is full, fails, is read-only, is gone, and comes back: nothing is started again.

A real ext4 on a loop device, in a mount namespace of the test's own. DCMTK's storescu is the modality.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import Image, ct_series
from appliance.cli.demo.site import Site
from appliance.vault.layout import StateLayout
from tests.e2e.conftest import starting

pytestmark = pytest.mark.slow

_SIZE = 192 << 20
_PROGRAMS = ("receive", "forward", "panel", "sensor")
# FS_IOC_SHUTDOWN: what the kernel itself does where the device below is gone; every operation ends with EIO.
_SHUT_DOWN = "import fcntl, os, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, bytes([2, 0, 0, 0]))"
_BALLAST = """
import os, sys
file, end = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY), 0
for piece in (1 << 20, 4096):
    try:
        while True:
            os.posix_fallocate(file, end, piece)
            end += piece
    except OSError as error:
        assert error.errno == 28, error
"""


class Disk:
    """The file system under a state directory, as an administrator and a failing device handle it."""

    def __init__(self, directory: Path) -> None:
        self._image = directory / "disk.img"
        self._device = ""
        self._namespace: subprocess.Popen[bytes] | None = None
        self.place = Path()

    def prepare(self, site: Site) -> list[str]:
        """Make it, and mount it; the command that runs something where it is mounted."""
        with self._image.open("wb") as file:
            file.truncate(_SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(self._image)], check=True, capture_output=True)
        done = subprocess.run(["losetup", "--show", "-f", str(self._image)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no loop device can be had: {done.stderr.strip()}")
        self._device, self.place = done.stdout.strip(), site.state
        alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo && exec sleep infinity"]
        self._namespace = subprocess.Popen(alone, stdout=subprocess.PIPE)
        assert self._namespace.stdout
        if not self._namespace.stdout.readline():  # it says a word when the namespace is there
            pytest.skip("no mount namespace can be made")
        if complaint := self._mount():
            pytest.skip(f"a file system cannot be mounted: {complaint}")
        return self._inside

    @property
    def _inside(self) -> list[str]:
        assert self._namespace
        return ["nsenter", f"--mount=/proc/{self._namespace.pid}/ns/mnt"]

    def _run(self, *command: str) -> str:
        """Run a command inside; what it complains of, "" where all is well."""
        done = subprocess.run([*self._inside, *command], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr.strip() or "failed"

    def _mount(self) -> str:
        return self._run("mount", "-o", "errors=remount-ro", self._device, str(self.place))

    def declare(self) -> None:
        """/etc/fstab names it, for whoever starts from now on."""
        if not Path("/etc/fstab").exists():
            pytest.skip("this machine has no /etc/fstab to put another in the place of")
        fstab = self._image.with_name("fstab")
        fstab.write_text(f"{self._device} {self.place} ext4 nofail,errors=remount-ro 0 2\n")
        assert not (complaint := self._run("mount", "--bind", str(fstab), "/etc/fstab")), complaint

    def close(self) -> None:
        """Unmount it with the namespace, and give the loop device back."""
        if self._namespace:
            self._namespace.kill()
            self._namespace.communicate()
        if self._device:
            subprocess.run(["losetup", "-d", self._device], check=False)

    def fill(self) -> None:
        """A file takes all that is free: to the last block, for none is kept for root."""
        complaint = self._run(sys.executable, "-c", _BALLAST, str(self.place / "ballast"))
        assert not complaint, complaint

    def empty(self) -> None:
        """That file is removed."""
        assert not (complaint := self._run("rm", str(self.place / "ballast"))), complaint

    def find_an_error(self) -> None:
        """ext4 finds an error in itself, and so takes nothing more (errors=remount-ro)."""
        Path("/sys/fs/ext4", Path(self._device).name, "trigger_fs_error").write_text("1")

    def shut_down(self) -> None:
        """The device is gone: every operation ends with EIO."""
        assert not (complaint := self._run(sys.executable, "-c", _SHUT_DOWN, str(self.place))), complaint

    def go_away(self) -> None:
        """It is unmounted under those who use it."""
        assert not (complaint := self._run("umount", "--lazy", str(self.place))), complaint

    def come_back(self) -> None:
        """It is mounted again."""
        assert not (complaint := self._mount()), complaint

    def be_repaired(self) -> None:
        """As an administrator does it, while all programs run: unmount, check, mount. None of them keeps it busy."""
        assert not (complaint := self._run("umount", str(self.place))), complaint
        done = subprocess.run(["e2fsck", "-fy", self._device], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout
        self.come_back()


class Scene:
    """A box on that disk, and what is seen of it from outside."""

    def __init__(self, disk: Disk, site: Site, box: Box, images: list[Image]) -> None:
        self.disk = disk
        self.box = box
        self._site = site
        self._images = images
        self._upstream = site.root / "upstream"

    def send(self, count: int = 1) -> list[str]:
        """New instances, by storescu; what it was answered."""
        answers: list[str] = []
        images = [self._images.pop() for _ in range(count)]
        Modality("CT1", self._site.ct).send(images, self._site.port, "PACS", lambda _, answer: answers.append(answer))
        return answers

    def words(self) -> str:
        """All that storescu tells of one instance that is sent."""
        modality = Modality("CT1", self._site.ct)
        command = ["storescu", "-d", "-R", "-xe", *modality.arguments(), "-aec", "PACS", "127.0.0.1"]
        command += [str(self._site.port), str(self._images.pop().path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr

    def delivered(self) -> int:
        """Instances that the PACS has."""
        return len(list(self._upstream.iterdir()))

    def holders(self) -> list[str]:
        """Who has a file of the disk open."""
        found = []
        for name in _PROGRAMS:
            for pid in self.box.pids(name):
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    try:
                        target = os.readlink(descriptor)
                    except OSError:
                        continue
                    if target.startswith(f"{self.disk.place}/"):
                        found.append(f"{name}: {target}")
        return found

    def segments_are_ready(self) -> bool:
        """Whether each worker has its two."""
        _, *workers = self.box.pids("receive")
        return sum(each.endswith(".segment") for each in self.holders()) == 2 * len(workers) > 0

    def pids(self) -> set[int]:
        """All processes of the box."""
        return {pid for name in _PROGRAMS for pid in self.box.pids(name)}

    def troubles(self) -> list[str]:
        """What `appliance status` says of the disk that is not well."""
        findings = self.box.status()["findings"]
        return [each["what"] for each in findings if each["question"] == "disk" and each["level"] != "ok"]

    def shown(self) -> str:
        """What a technician reads who types `appliance status`."""
        return self.typed("status")

    def typed(self, *words: str) -> str:
        """What a command says, in one line."""
        command = [sys.executable, "-m", "appliance", *words, "--config", self._site.config]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
        return " ".join((done.stdout + done.stderr).split())

    def ready_lamp(self) -> str:
        lamp: str = self.box.status()["lamps"]["ready"]
        return lamp

    def await_(self, condition: Callable[[], bool]) -> None:
        """A minute is for a loaded machine; on an idle one all of it is seen within ten seconds."""
        seen = self.box.wait(condition, 60)
        assert seen, (self.holders(), self.troubles(), self.ready_lamp(), self.delivered(), self._log())

    def _log(self) -> list[str]:
        return self._site.log.read_text(errors="replace").splitlines()[-20:]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One box for all of them: each must leave it as it found it."""
    for tool in ("mkfs.ext4", "losetup", "unshare", "nsenter"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    directory = tmp_path_factory.mktemp("disk")
    disk = Disk(directory)
    try:
        with starting(directory) as start:
            site, box, _ = start(lambda text: text.replace('"64MiB"', '"8MiB"'), disk.prepare)
            yield Scene(disk, site, box, list(ct_series(directory / "ct", 30)))
    finally:
        disk.close()


def test_a_full_disk(scene: Scene) -> None:
    assert scene.send(2) == ["Success"] * 2
    scene.await_(scene.segments_are_ready)  # one that cannot be made any more would give its room back
    before = scene.pids()
    scene.disk.fill()
    try:
        assert scene.send(2) == ["Refused: OutOfResources"] * 2
        words = scene.words()
        assert "0xa700" in words.lower() and "Out of storage" in words
        scene.await_(lambda: scene.ready_lamp() == "refusing")
        assert "is full" in scene.troubles()[0]
    finally:
        scene.disk.empty()
    assert scene.send() == ["Success"]
    scene.await_(lambda: scene.delivered() >= 3)
    scene.await_(lambda: scene.ready_lamp() == "serving" and not scene.troubles())
    assert scene.pids() == before


@pytest.mark.parametrize(
    ("fault", "mend", "said"),
    [
        (Disk.find_an_error, Disk.be_repaired, "Read-only file system"),
        (Disk.shut_down, Disk.be_repaired, "Input/output error"),
        (Disk.go_away, Disk.come_back, "not mounted"),
    ],
    ids=["read-only after an error", "a device that fails", "a mount that is missing"],
)
def test_a_disk_that_fails_is_mended_without_a_restart(
    scene: Scene, fault: Callable[[Disk], None], mend: Callable[[Disk], None], said: str
) -> None:
    assert scene.send() == ["Success"]
    scene.await_(lambda: bool(scene.holders()))  # else nothing is shown
    before, had = scene.pids(), scene.delivered()
    fault(scene.disk)
    assert scene.send(2) == ["Refused: OutOfResources"] * 2
    scene.await_(lambda: scene.ready_lamp() == "refusing" and any(said in each for each in scene.troubles()))
    scene.await_(lambda: bool(scene.box.said("forward").get("medium")) and not scene.holders())
    mend(scene.disk)
    assert scene.send(2) == ["Success"] * 2
    scene.await_(lambda: scene.delivered() >= had + 2)
    scene.await_(lambda: scene.ready_lamp() == "serving" and not scene.troubles())
    assert scene.pids() == before


def test_a_box_that_starts_without_its_disk_begins_no_other_vault(scene: Scene) -> None:
    """Last: it starts the box again."""
    assert scene.send() == ["Success"]
    scene.box.stop()
    had = scene.delivered()
    scene.disk.declare()
    scene.disk.go_away()
    StateLayout(scene.disk.place).create()  # as systemd-tmpfiles does at each boot
    made = set(scene.disk.place.rglob("*"))
    scene.box.start()
    assert scene.send(2) == ["Refused: OutOfResources"] * 2
    scene.await_(lambda: scene.ready_lamp() == "refusing" and "is not mounted, though" in scene.troubles()[0])
    scene.await_(lambda: "is not mounted" in scene.box.said("forward").get("medium", ""))
    assert set(scene.disk.place.rglob("*")) == made
    shown = scene.shown()
    assert "is not mounted, though /etc/fstab names it" in shown and "0xA700" in shown, shown
    before = scene.pids()
    assert scene.typed("reload", "--wait", "--only", "forward") == "forward: in force"
    scene.disk.come_back()
    assert scene.send(2) == ["Success"] * 2
    scene.await_(lambda: scene.delivered() >= had + 2)
    scene.await_(lambda: scene.ready_lamp() == "serving" and not scene.troubles())
    assert scene.pids() == before
