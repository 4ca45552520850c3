"""What is looked for in a copy of a disk is noticed when it is missing, damaged, or needs more than the journal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import data_set
from tests.units.machine import tool
from tests.vault.samples import IDENTITY, INDEX_KEY, Vault, facts
from tests.vm.disk import file_system
from tests.vm.power_cut.copies import Found, look

# Like the head that `receive` writes: a group 0002 of no elements but its length.
HEAD = bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + bytes(4)


@pytest.fixture
def answered(tmp_path: Path) -> dict[str, bytes]:
    """Three instances in a vault below `state`, and an image of it."""
    for name in ("mke2fs", "e2fsck", "debugfs"):
        tool(name)
    (tmp_path / "state").mkdir()
    vault = Vault(tmp_path / "state/appliance")
    found = {}
    for number in range(3):
        content = bytes([number]) * 100_000
        with vault.intake.begin(HEAD) as instance:
            instance.write(content)
            instance.commit(facts(instance.object_id, f"1.2.{number}"))
        found[f"1.2.{number}"] = hashlib.sha256(data_set(HEAD + content)).digest()
    vault.close()
    file_system(tmp_path / "image", 16 << 20, tmp_path / "state")
    return found


def looked(tmp_path: Path, answered: dict[str, bytes]) -> Found:
    return look(tmp_path / "image", tmp_path / "look", answered, IDENTITY, INDEX_KEY)


def test_all_is_found(tmp_path: Path, answered: dict[str, bytes]) -> None:
    assert looked(tmp_path, answered) == Found(repaired=True, whole=3)
    assert not (tmp_path / "look").exists()


def test_one_that_is_not_there_is_lost(tmp_path: Path, answered: dict[str, bytes]) -> None:
    found = looked(tmp_path, answered | {"1.2.9": b"digest"})
    assert (found.whole, found.lost) == (3, ["1.2.9"])


def test_one_that_is_another_is_lost(tmp_path: Path, answered: dict[str, bytes]) -> None:
    found = looked(tmp_path, answered | {"1.2.1": b"digest"})
    assert (found.whole, found.lost) == (2, ["1.2.1"])


def test_one_that_nobody_was_told_of_is_counted(tmp_path: Path, answered: dict[str, bytes]) -> None:
    del answered["1.2.0"]
    found = looked(tmp_path, answered)
    assert (found.whole, found.lost, found.surplus) == (2, [], 1)


def test_a_damaged_file_is_lost_and_set_aside(tmp_path: Path, answered: dict[str, bytes]) -> None:
    image = tmp_path / "image"
    sealed = sorted((tmp_path / "state/appliance/incoming").glob("*"))[0].read_bytes()
    content = image.read_bytes()
    at = content.index(sealed[40_000:40_960])
    image.write_bytes(content[:at] + bytes(900) + content[at + 900 :])
    found = looked(tmp_path, answered)
    assert (found.whole, len(found.lost)) == (2, 1)


def test_a_file_system_that_its_journal_does_not_repair_is_said(tmp_path: Path, answered: dict[str, bytes]) -> None:
    with (tmp_path / "image").open("r+b") as image:
        image.seek(1024 + 12)  # the count of free blocks in the superblock
        image.write(b"\0\0\0\0")
    assert not looked(tmp_path, answered).repaired
