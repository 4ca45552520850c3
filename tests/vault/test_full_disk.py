"""A real file system that is full or read-only. Needs root, for it is a tmpfs of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from appliance.config.values import Share
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.segments import Segments
from appliance.vault.space import Space
from tests.vault.samples import HEAD, Vault


def _fill(vault: Vault, size: int) -> tuple[list[str], DiskRefused]:
    stored = []
    with pytest.raises(DiskRefused) as caught:
        while len(stored) < 1000:
            stored.append(vault.store(bytes(size)))
    return stored, caught.value


@pytest.mark.parametrize("size", [300_000, 100])
def test_full_of_bytes_or_of_inodes(small: Path, size: int) -> None:
    vault = Vault(small / "state")
    before = os.statvfs(small)
    stored, refusal = _fill(vault, size)
    assert refusal.condition is Condition.FULL
    assert set(vault.objects.waiting()) == set(stored)
    after = os.statvfs(small)
    assert before.f_ffree - after.f_ffree <= len(stored) + 1  # nothing of the failed one is left
    for object_id in stored:
        vault.layout.incoming_file(object_id).unlink()
    assert vault.store(bytes(size))  # room again, and it goes on without a restart
    vault.close()


def test_a_segment_that_does_not_fit_is_not_missed(small: Path) -> None:
    vault = Vault(small / "state")
    space = Space(vault.layout.incoming, Share(bytes=1 << 20))
    wary = Segments(vault.layout, room=space.allows, quiet=3600)  # 16 MiB on a disk of 4
    assert not wary.supply()
    bold = Segments(vault.layout, quiet=3600)
    with pytest.raises(DiskRefused) as caught:
        bold.supply()
    assert caught.value.condition is Condition.FULL
    assert vault.files() == set()
    for segments in (wary, bold):
        vault.incoming.segments = segments
        assert vault.layout.incoming_file(vault.store()).exists()
    vault.close()


def test_full_in_the_middle_of_an_instance(small: Path) -> None:
    vault = Vault(small / "state")
    instance = vault.intake.begin(HEAD)
    with pytest.raises(DiskRefused) as caught:
        for _ in range(100):
            instance.write(bytes(65_536))
    assert caught.value.condition is Condition.FULL
    instance.discard()
    assert vault.files() == set()
    assert vault.store(bytes(1_000_000))
    vault.close()


def test_a_full_disk_leaves_what_cannot_be_adopted_waiting(small: Path) -> None:
    vault = Vault(small / "state")
    object_ids = {vault.store(b"x", str(number)) for number in range(20)}
    with (small / "ballast").open("wb", buffering=0) as ballast:
        with pytest.raises(OSError):
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(DiskRefused) as caught:
            vault.adopt()
        assert caught.value.condition is Condition.FULL
    assert set(vault.objects.waiting()) == object_ids
    (small / "ballast").unlink()
    assert len(vault.adopt()) == 20
    assert vault.objects.waiting() == []
    assert vault.ledger.counts()["pacs"].waiting == 20
    vault.close()


def test_read_only_is_said_and_ends_without_a_restart(small: Path) -> None:
    vault = Vault(small / "state")
    vault.close()  # a file that is open for writing would keep the kernel from it
    space = Space(vault.layout.incoming, Share(bytes=1))
    assert space.allows()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(DiskRefused) as caught:
        vault.store()
    assert caught.value.condition is Condition.READ_ONLY
    assert not space.allows()
    with pytest.raises(DiskRefused) as caught:
        Medium().check_alive(vault.layout.incoming)
    assert caught.value.condition is Condition.READ_ONLY
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
    assert space.allows()
    assert vault.store()


def test_another_file_system_in_its_place_is_found_without_a_restart(small: Path) -> None:
    vault = Vault(small / "state")
    vault.close()
    subprocess.run(["umount", str(small)], check=True)
    try:
        with pytest.raises(DiskRefused) as caught:
            vault.store()
        assert caught.value.condition is Condition.MISSING
    finally:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
    vault.layout.create()
    assert vault.store()
