"""Alerts as they come: at once, across rotation, from several logs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import DiskError
from appliance.host.alert_follow import Tail, follow_alerts
from appliance.host.alerts import AlertLog


def follow(directory: Path) -> Callable[[], Any]:
    found: queue.Queue[Any] = queue.Queue()
    coming = follow_alerts(directory)

    def run() -> None:
        for record in coming:
            found.put(record["n"])

    threading.Thread(target=run, daemon=True).start()
    return lambda: found.get(timeout=5)


def test_only_what_comes_from_now_on_is_told(tmp_path: Path) -> None:
    log = AlertLog(tmp_path / "sensor.jsonl")
    log.append({"n": 1})
    told = follow(tmp_path)
    log.append({"n": 2})
    assert told() == 2
    other = AlertLog(tmp_path / "receive.jsonl")  # a log that was not there before
    other.append({"n": 3})
    assert told() == 3
    log.append({"n": 4})
    assert told() == 4


def test_a_rotated_log_is_followed_without_loss(tmp_path: Path) -> None:
    log = AlertLog(tmp_path / "sensor.jsonl", max_bytes=200, keep=50)
    told = follow(tmp_path)
    for number in range(100):
        log.append({"n": number, "pad": "x" * 50})
        assert told() == number
    assert (tmp_path / "sensor.jsonl.5").exists()


def test_a_follower_that_was_held_up_misses_none_of_the_files_that_are_kept(tmp_path: Path) -> None:
    log = AlertLog(tmp_path / "sensor.jsonl", max_bytes=200, keep=6)
    log.append({"n": 0, "pad": "x" * 50})
    tail = Tail(tmp_path / "sensor.jsonl", from_start=False)
    for number in range(1, 12):
        log.append({"n": number, "pad": "x" * 50})
    assert (tmp_path / "sensor.jsonl.4").exists()
    assert [each["n"] for each in tail.read()] == list(range(1, 12))
    (tmp_path / "sensor.jsonl.1").rename(tmp_path / "sensor.jsonl.9")  # as while a writer renames them
    assert list(tail.read()) == []
    (tmp_path / "sensor.jsonl.9").rename(tmp_path / "sensor.jsonl.1")
    for number in range(100, 200):  # its own file is gone, too
        log.append({"n": number, "pad": "x" * 50})
    found = [each["n"] for each in tail.read()]
    assert found == list(range(found[0], 200)) and len(found) >= 12
    tail.close()


def test_torn_and_strange_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sensor.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":')
    tail = Tail(path, from_start=True)
    assert [each["n"] for each in tail.read()] == [1]
    with path.open("ab") as file:
        file.write(b'2}\n[]\n\xff\n{"n":3}\n')
    assert [each["n"] for each in tail.read()] == [2, 3]
    tail.close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot watch"):
        follow_alerts(tmp_path / "none")
