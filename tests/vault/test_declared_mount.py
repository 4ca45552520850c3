"""What the machine's own files say about the mount of a state directory. The e2e test of a disk mounts one."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.values import Share
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.footing import Footing, Turn
from appliance.vault.incoming import Incoming
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.space import Space
from tests.vault.samples import INDEX_KEY, Vault


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A mount point where nothing is mounted, and a state directory that was made below it."""
    disk = tmp_path / "data disk"
    disk.mkdir()
    StateLayout(disk / "state").create()
    return disk


def fstab(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "fstab"
    file.write_text("# <file system> <mount point> <type>\n" + "".join(f"{line}\n" for line in lines))
    return file


def said(state: Path, file: Path, units: Path | None = None) -> str:
    refusal = DeclaredMount(state, file, (units,) if units else ()).objection()
    assert refusal is None or refusal.condition is Condition.MISSING
    return refusal.message if refusal else ""


def escaped(path: Path) -> str:
    return str(path).replace(" ", "\\040")


def test_a_mount_that_is_declared_and_missing_is_told_with_its_source(disk: Path, tmp_path: Path) -> None:
    file = fstab(tmp_path, f"LABEL=data {escaped(disk)} ext4 nofail,errors=remount-ro 0 2")
    assert said(disk / "state", file) == f"{disk} is not mounted, though {file} names it"
    assert said(disk, file)
    assert not said(tmp_path / "elsewhere", file)
    assert not said(tmp_path / "data disks", file)


def test_by_a_link_it_is_found_too(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(disk)
    assert said(tmp_path / "link/state", fstab(tmp_path, f"/dev/sdb1 {escaped(disk)} xfs"))


def test_a_mount_unit_declares_as_well(disk: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    (units / "disk.mount").write_text(f"[Mount]\nWhat=/dev/sdb1\nWhere={disk}\nType=ext4\n")
    assert (
        said(disk / "state", tmp_path / "none", units) == f"{disk} is not mounted, though {units}/disk.mount names it"
    )


@pytest.mark.parametrize(
    "line",
    [
        "# LABEL=data {disk} ext4 defaults 0 2",
        "/srv/all {disk} none bind 0 0",
        "/srv/all {disk} none defaults,rbind 0 0",
        "/swap {disk} swap sw 0 0",
        "LABEL=root / ext4 defaults 0 1",
        "{disk}",
        "",
    ],
)
def test_what_is_no_file_system_of_its_own_declares_nothing(line: str, disk: Path, tmp_path: Path) -> None:
    assert not said(disk / "state", fstab(tmp_path, line.format(disk=escaped(disk))))


def test_what_is_mounted_is_well(tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == shm.parent.stat().st_dev:
        pytest.skip("/dev/shm is no mount here")
    assert not said(shm / "state", fstab(tmp_path, "tmpfs /dev tmpfs", "tmpfs /dev/shm tmpfs defaults"))


def test_the_innermost_counts(disk: Path, tmp_path: Path) -> None:
    shared = f"LABEL=all {escaped(disk.parent)} ext4"
    own = f"LABEL=data {escaped(disk)} ext4"
    for lines in ((shared, own), (own, shared)):
        assert said(disk / "state", fstab(tmp_path, *lines)).startswith(f"{disk} is not mounted")


def test_nothing_is_taken_below_it_though_the_directories_are_there(disk: Path, tmp_path: Path) -> None:
    layout = StateLayout(disk / "state")
    mount = DeclaredMount(layout.root, fstab(tmp_path, f"LABEL=data {escaped(disk)} ext4"), ())
    refusal = Space(layout.incoming, Share(), mount=mount).objection()
    assert refusal and refusal.condition is Condition.MISSING
    assert not Space(layout.incoming, Share(), mount=mount).allows()
    with pytest.raises(DiskRefused):
        Incoming(layout, mount=mount).begin(4)
    assert not list(layout.incoming.iterdir())


def test_a_vault_that_is_lost_does_not_go_on_below_its_mount_point(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directories that tmpfiles.d makes at each boot are there, without a ledger: no reason for a new one."""
    vault = Vault(disk / "state")
    journal = Journal(vault.layout, INDEX_KEY)
    mount = DeclaredMount(vault.layout.root, fstab(tmp_path, f"LABEL=data {escaped(disk)} ext4"), ())
    footing = Footing(vault.layout, vault.ledger, journal, vault.adoption.is_ours, mount=mount)
    with monkeypatch.context() as mounted:
        mounted.setattr(mount, "objection", lambda: None)
        assert footing.look() is None
    (disk / "state").rename(tmp_path / "away")
    vault.layout.create()
    for turn in (Turn.LOST, None):
        assert footing.look() is turn
        assert footing.refusal and "is not mounted" in footing.refusal.message and not vault.ledger.damaged
    assert not vault.layout.ledger.exists()
    vault.ledger.close()
    journal.close()
