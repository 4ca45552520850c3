from __future__ import annotations

import errno
from contextlib import nullcontext
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.vault.layout import StateLayout, checked, free_segment_id_of, object_id_of, segment_id_of
from appliance.vault.refusals import DiskRefused
from tests.vault.media import Recording

ID = "0123456789abcdef" * 2


def test_the_paths_of_an_object(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path)
    assert layout.incoming_file(ID) == tmp_path / "incoming" / f"{ID}.dcm.age"
    assert layout.object_file(ID) == tmp_path / "objects" / "01" / f"{ID}.dcm.age"
    assert layout.object_directory(ID) in layout.fan()


@pytest.mark.parametrize("text", ["", ID[:-1], ID + "0", ID.upper(), "../" + ID[3:], ID[:-1] + "/", ID[:-1] + "\n"])
def test_no_path_is_built_from_anything_but_an_id(text: str) -> None:
    with pytest.raises(LocalError):
        checked(text)
    assert object_id_of(text + ".dcm.age") is None


def test_object_ids_are_found_in_names() -> None:
    assert object_id_of(f"{ID}.dcm.age") == ID
    for name in (ID, f"{ID}.age", f"{ID}.dcm.age.1", f"x{ID}.dcm.age", "lost+found"):
        assert object_id_of(name) is None


def test_segments_are_told_from_objects_and_from_each_other() -> None:
    layout = StateLayout(Path("/state"))
    for path, find in ((layout.segment(ID), segment_id_of), (layout.free_segment(ID), free_segment_id_of)):
        assert path.parent == layout.incoming
        for each in (object_id_of, segment_id_of, free_segment_id_of):
            assert each(path.name) == (ID if each is find else None)


def test_create_is_repeatable_and_private(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    layout.create()
    layout.create()
    modes = {path.name: path.stat().st_mode & 0o7777 for path in layout.root.iterdir()}
    assert modes == {
        "incoming": 0o2770,
        "objects": 0o700,
        "ledger": 0o700,
        "journal": 0o700,
        "quarantine": 0o700,
        "alerts": 0o700,
    }
    assert layout.ledger.parent.is_dir()


def test_names_are_flushed_each_time_also_those_of_an_earlier_start(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    layout.create()
    disk = Recording()
    layout.create(disk)
    assert disk.transcript == [("sync directory", "state"), ("sync directory", tmp_path.name)]


def test_a_directory_that_was_there_and_may_not_be_opened_is_somebody_elses(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    layout.create()
    for error in (errno.EACCES, errno.EIO):
        disk = Recording()
        disk.fail("sync directory", error)
        with nullcontext() if error == errno.EACCES else pytest.raises(DiskRefused):
            layout.create(disk)
    disk = Recording()
    disk.fail("sync directory", errno.EACCES)
    with pytest.raises(DiskRefused):
        StateLayout(tmp_path / "new").create(disk)
