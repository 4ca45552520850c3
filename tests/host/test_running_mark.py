from __future__ import annotations

import os
import time
from pathlib import Path

from appliance.host.running_mark import RunningMark


def test_who_ended_as_told_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "sensor.running"
    mark = RunningMark(path)
    assert mark.gap is None
    assert path.exists()
    mark.ended()
    assert not path.exists()
    assert RunningMark(path).gap is None


def test_who_was_killed_left_one_with_the_time_of_its_last_sign(tmp_path: Path) -> None:
    path = tmp_path / "sensor.running"
    mark = RunningMark(path)
    mark.alive()
    os.utime(path, (time.time() - 90, time.time() - 90))
    again = RunningMark(path)
    assert again.gap is not None
    assert 90 <= again.gap < 100
    assert time.time() - path.stat().st_mtime < 10  # it is ours now


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    mark = RunningMark(tmp_path / "missing" / "sensor.running")
    mark.alive()
    mark.ended()
    (tmp_path / "link").symlink_to("target")
    RunningMark(tmp_path / "link").alive()
    assert not (tmp_path / "target").exists()  # never through a link
