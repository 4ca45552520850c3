"""The inventory's file: whole or not at all, for its readers only, and never a reason to stop."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.capture.inventory_file import (
    NAME,
    InventoryFile,
    InventoryForbidden,
    InventoryUnreadable,
    read_inventory,
)
from appliance.inspection.inventory import Inventory
from tests.inspection.test_inventory import filled


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = filled()
    file = InventoryFile(tmp_path / NAME)
    file.save(kept)
    assert read_inventory(tmp_path / NAME).as_dict() == kept.as_dict()
    assert (tmp_path / NAME).stat().st_mode & 0o777 & ~0o640 == 0
    assert os.listdir(tmp_path) == [NAME]


def test_without_a_file_it_is_empty(tmp_path: Path) -> None:
    assert read_inventory(tmp_path / NAME).as_dict() == Inventory().as_dict()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"format":2}', b"\xff", b"[" * 100_000])
def test_what_is_no_inventory_is_named(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(raw)
    with pytest.raises(InventoryUnreadable, match=NAME):
        read_inventory(tmp_path / NAME)


def test_one_that_is_not_for_us_is_a_missing_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, to whom everything is open."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InventoryForbidden, match="root") as raised:
        read_inventory(tmp_path / NAME)
    assert raised.value.exit_status == 77


def test_it_is_written_beside_the_capture_and_only_if_something_is_new(tmp_path: Path) -> None:
    kept, file = filled(), InventoryFile(tmp_path / NAME)
    file.save_beside(kept)
    file._wait()
    first = (tmp_path / NAME).stat().st_ino
    file.save_beside(kept)
    file._wait()
    assert (tmp_path / NAME).stat().st_ino == first
    kept.revision += 1
    file.save_beside(kept)
    file._wait()
    assert (tmp_path / NAME).stat().st_ino != first
    assert json.loads((tmp_path / NAME).read_bytes())["format"] == 1


def test_a_file_that_was_left_half_written_and_a_link_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / f"{NAME}.new").symlink_to(tmp_path / "elsewhere")
    InventoryFile(tmp_path / NAME).save(filled())
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert len(read_inventory(tmp_path / NAME).talks) == 2


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "none" / NAME)
    with pytest.raises(DiskError, match="No such file"):
        file.save(filled())
    file.save_beside(filled())
    file._wait()
    with pytest.raises(DiskError):
        file.save_beside(filled())
