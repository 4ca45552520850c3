from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from appliance.base.errors import DiskError, LocalError
from appliance.host.create import create_directory, create_file


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o600, 0o640])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_file_has_its_mode_whatever_the_umask(tmp_path: Path, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        create_file(tmp_path / "f", "text\n", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == mode
    assert (tmp_path / "f").read_text() == "text\n"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(LocalError, match="exists already"):
        create_file(tmp_path / "f", "new", 0o600)
    assert (tmp_path / "f").read_text() == "old"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalError, match="exists already"):
        create_file(tmp_path / "link", "new", 0o600)
    assert not (tmp_path / "elsewhere").exists()


def test_a_medium_that_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file or directory"):
        create_file(tmp_path / "none" / "f", "", 0o600)
    (tmp_path / "f").write_text("")
    with pytest.raises(DiskError, match="Not a directory"):
        create_directory(tmp_path / "f" / "d" / "e", 0o700)


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(DiskError, match="File too large"):
            create_file(tmp_path / "f", b"x" * 100, 0o600)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "f").exists()


def test_a_directory_is_made_once(tmp_path: Path) -> None:
    assert create_directory(tmp_path / "a" / "b", 0o700)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert not create_directory(tmp_path / "a" / "b", 0o755)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "f").write_text("")
    with pytest.raises(LocalError, match="no directory"):
        create_directory(tmp_path / "f", 0o700)
