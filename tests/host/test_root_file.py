"""A file that root alone may have written, and everything else that may lie in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.host.root_file import read_root_file

OURS = os.geteuid()


def test_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "respond.toml"
    path.write_bytes(b"never = []\n")
    path.chmod(0o640)
    assert read_root_file(path, 100, OURS) == b"never = []\n"


def test_a_missing_file_says_where_there_is_an_example(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read.*firmware-config/respond.toml"):
        read_root_file(tmp_path / "respond.toml", 100, OURS)


def test_what_others_could_have_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "respond.toml"
    path.write_bytes(b"")
    for mode in (0o660, 0o602):
        path.chmod(mode)
        with pytest.raises(ConfigError, match=r"respond.toml can be changed by others than root.*chmod go-w"):
            read_root_file(path, 100, OURS)
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="can be changed by others"):
        read_root_file(path, 100, OURS)


@pytest.mark.skipif(OURS != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "respond.toml"
    path.write_bytes(b"")
    os.chown(path, 4242, 0)
    with pytest.raises(ConfigError, match="others than root"):
        read_root_file(path, 100)
    assert read_root_file(path, 100, 4242) == b""


def test_links_directories_pipes_and_long_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x" * 101)
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name, words in (
        ("link", "cannot read"),
        ("pipe", "is no file"),
        ("directory", "is no file"),
        ("real", "longer"),
    ):
        with pytest.raises(ConfigError, match=words):
            read_root_file(tmp_path / name, 100, OURS)
