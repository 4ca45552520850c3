"""An object of a segment on its way to a file of its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused, refused
from appliance.vault.segment_copy import SegmentCopy
from tests.vault.media import Recording

SEALED = os.urandom(70_000)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_it_reads_as_the_object_and_its_file_has_all_of_it(tmp_path: Path) -> None:
    before = open_descriptors()
    with SegmentCopy(Medium(), tmp_path, SEALED) as copy:
        assert copy.read(100) == SEALED[:100]
        assert copy.read() == SEALED[100:]
        copy.seek(0)
        assert copy.read() == SEALED
        assert Path(f"/proc/self/fd/{copy.fileno()}").read_bytes() == SEALED
        assert not list(tmp_path.iterdir()), "it has no name yet"
        Medium().link(copy.fileno(), tmp_path / "named")
    assert (tmp_path / "named").read_bytes() == SEALED
    assert open_descriptors() == before


def test_without_a_name_nothing_is_left_of_it(tmp_path: Path) -> None:
    SegmentCopy(Medium(), tmp_path, SEALED).close()
    assert not list(tmp_path.iterdir())


def test_closed_it_is_closed_for_all(tmp_path: Path) -> None:
    copy = SegmentCopy(Medium(), tmp_path, SEALED)
    copy.close()
    copy.close()
    with pytest.raises(ValueError, match="closed"):
        copy.fileno()
    with pytest.raises(ValueError, match="closed"):
        copy.read()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_medium_that_takes_no_more_leaves_nothing_open(
    tmp_path: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = Recording()

    def fail(*_: object) -> None:
        raise refused("write", OSError(error, os.strerror(error)))

    monkeypatch.setattr(medium, "write_at", fail)
    before = open_descriptors()
    with pytest.raises(DiskRefused):
        SegmentCopy(medium, tmp_path, SEALED)
    assert open_descriptors() == before
    assert not list(tmp_path.iterdir())
