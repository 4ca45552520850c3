"""A medium that fails, goes or is another is doubted; one that stands is not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from appliance.vault.medium import Medium
from appliance.vault.medium_watch import MediumWatch
from appliance.vault.refusals import refused


def test_what_stands_is_not_doubted(tmp_path: Path) -> None:
    watch = MediumWatch(tmp_path)
    (tmp_path / "file").write_bytes(b"more")
    assert not watch.doubtful() and not watch.doubtful()


def test_a_directory_that_went_is_doubted_until_one_is_there_and_was_seen(tmp_path: Path) -> None:
    place = tmp_path / "incoming"
    place.mkdir()
    watch = MediumWatch(place)
    place.rename(tmp_path / "elsewhere")
    assert watch.doubtful() and watch.doubtful()
    place.mkdir()
    assert watch.doubtful()
    assert not watch.doubtful()


def test_another_directory_of_the_same_name_is_doubted_once(tmp_path: Path) -> None:
    place = tmp_path / "incoming"
    place.mkdir()
    watch = MediumWatch(place)
    (tmp_path / "incoming").rename(tmp_path / "old")
    place.mkdir()
    assert watch.doubtful()
    assert not watch.doubtful()


def test_a_medium_that_takes_no_writes_is_doubted_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    medium = Medium()
    watch = MediumWatch(tmp_path, medium)

    def refuse(directory: Path) -> None:
        raise refused("use the state directory", OSError(errno.EROFS, ""))

    with monkeypatch.context() as patch:
        patch.setattr(medium, "check_alive", refuse)
        assert watch.doubtful() and watch.doubtful()
    assert watch.doubtful()
    assert not watch.doubtful()
