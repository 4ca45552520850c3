"""The alert log: appended, rotated, read back; by several processes, on a full disk, after a crash."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import DiskError
from appliance.host.alerts import AlertLog, numbered, read_alerts


def test_records_are_lines_that_read_back(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path)
    records = [{"number": number, "text": "two\nlines and \u00e4"} for number in range(3)]
    for record in records:
        log.append(record)
        assert json.loads(path.read_bytes().splitlines()[-1]) == record  # at once, without closing
    log.close()
    assert list(read_alerts(path)) == records
    assert path.stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    old = os.umask(0)
    os.umask(old)
    return old


def test_a_full_file_is_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path, max_bytes=200, keep=2)
    for number in range(60):
        log.append({"number": number})
    log.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"]
    assert all(numbered(path, each).stat().st_size <= 200 for each in range(3))
    numbers = [record["number"] for record in read_alerts(path)]
    assert numbers == list(range(numbers[0], 60))
    assert len(numbers) > 20


def test_a_rotation_while_they_are_read_hides_no_record(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path, max_bytes=30, keep=9)
    for number in range(6):
        log.append({"number": number})
    reading = read_alerts(path)
    found = [next(reading)["number"]]
    for number in range(6, 9):
        log.append({"number": number})
    assert found + [record["number"] for record in reading] == list(range(6))


def test_a_record_larger_than_the_file_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path, max_bytes=50)
    for _ in range(2):
        log.append({"text": "x" * 500})
    log.close()
    assert len(list(read_alerts(path))) == 2


def test_a_log_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    for number in range(3):
        log = AlertLog(path)
        log.append({"number": number})
        log.close()
    assert [record["number"] for record in read_alerts(path)] == [0, 1, 2]


def test_a_line_cut_short_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"number": 1}\n[1]\n{"number": 2}\n{"numb')
    log = AlertLog(path)
    log.append({"number": 3})
    log.close()
    assert [record["number"] for record in read_alerts(path)] == [1, 2, 3]


def test_nothing_to_read(tmp_path: Path) -> None:
    assert list(read_alerts(tmp_path / "missing.jsonl")) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DiskError):
        AlertLog(tmp_path / "alerts.jsonl")
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        AlertLog(tmp_path / "missing" / "alerts.jsonl")


def _write(path: Path, writer: int, count: int) -> None:
    log = AlertLog(path, max_bytes=4000, keep=200)
    for number in range(count):
        log.append({"writer": writer, "number": number, "padding": "x" * (number % 50)})
    log.close()


def test_several_processes_lose_nothing_and_never_mix_lines(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    context = multiprocessing.get_context("fork" if sys.version_info < (3, 12) else "spawn")
    writers = [context.Process(target=_write, args=(path, writer, 300)) for writer in range(3)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(30)
    found = sorted((record["writer"], record["number"]) for record in read_alerts(path))
    assert found == [(writer, number) for writer in range(3) for number in range(300)]


FULL = """
import resource, signal, sys
from pathlib import Path
from appliance.base import limits
from appliance.base.errors import DiskError
from appliance.host.alerts import AlertLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = AlertLog(Path(sys.argv[1]))
log.append({"number": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (30, resource.RLIM_INFINITY))
try:
    log.append({"number": 2, "text": "x" * 100})
except DiskError as error:
    print(error.temporary)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append({"number": 3})
"""


def test_a_full_disk_is_said_and_the_next_record_stands_alone(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    path = tmp_path / "alerts.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert [record["number"] for record in read_alerts(path)] == [1, 2, 3]


def test_before_its_disk_is_there_nothing_is_written_and_then_all_of_it(tmp_path: Path) -> None:
    path, there = tmp_path / "alerts" / "sensor.jsonl", False
    log = AlertLog(path, there=lambda: there)
    log.catch_up()
    for number in range(limits.ALERT_BACKLOG.default + 2):
        with pytest.raises(DiskError, match="not mounted"):
            log.append({"number": number})
    path.parent.mkdir()
    assert not path.exists()
    there = True
    log.catch_up()
    assert [record["number"] for record in read_alerts(path)] == list(range(2, limits.ALERT_BACKLOG.default + 2))
    log.append({"number": "next"})
    assert path.read_bytes().count(b"\n") == limits.ALERT_BACKLOG.default + 1


def test_what_was_written_is_flushed_beside_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: queue.Queue[str] = queue.Queue()
    going = threading.Event()
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        going.wait(10)
        fsync(descriptor)
        flushed.put(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", slow)
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path)
    log.settle_beside()  # nothing was written yet
    log.append({"number": 1})
    log.settle_beside()  # and nobody waits for the disk
    log.append({"number": 2})
    log.settle_beside()
    going.set()
    assert [flushed.get(timeout=10), flushed.get(timeout=10)] == [str(path), str(tmp_path)]
    while flushed.empty():
        log.settle_beside()  # what came meanwhile, when that was done
    assert [flushed.get(timeout=10), flushed.get(timeout=10)] == [str(path), str(tmp_path)]
    log.settle_beside()
    assert flushed.empty() and [record["number"] for record in read_alerts(path)] == [1, 2]


def test_the_file_is_open_only_while_it_is_written(tmp_path: Path) -> None:
    log = AlertLog(tmp_path / "alerts.jsonl")
    log.append({"number": 1})
    held = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert str(tmp_path / "alerts.jsonl") not in held
