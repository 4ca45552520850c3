"""The spool: order, bounds, restarts, kills, torn tails, full disks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.panel.syslog.spool import Spool
from tests.panel.syslog.frames import unframe


def put(spool: Spool, *numbers: int, size: int = 20) -> None:
    for number in numbers:
        assert spool.append(lambda given: f"{given:0{size}d}".encode()) == number


def take(spool: Spool, number: int, limit: int = 65536) -> list[int]:
    found = []
    while True:
        data, following = spool.read(number, limit)
        if not data:
            return found
        found += [int(record) for record in unframe(data)]
        assert following == found[-1] + 1
        number = following


def test_what_was_put_in_comes_out_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", segment_bytes=200)
    put(spool, *range(1, 101))
    assert (spool.waiting, spool.next, len(list((tmp_path / "s").iterdir()))) == (100, 101, 13)
    assert take(spool, 1) == take(spool, 1, limit=1) == list(range(1, 101))
    assert take(spool, 57) == list(range(57, 101))
    assert take(spool, 101) == []
    put(spool, 101)
    assert take(spool, 101) == [101]


def test_what_was_settled_is_gone_and_the_rest_outlives_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=200)
    put(spool, *range(1, 51))
    spool.settle(31)
    spool.tidy()
    assert (spool.waiting, take(spool, 1)) == (20, list(range(31, 51)))
    spool.close()
    again = Spool(tmp_path, segment_bytes=200)
    assert (again.settled, again.next, take(again, again.settled)) == (31, 51, list(range(31, 51)))
    again.settle(51)
    again.close()
    last = Spool(tmp_path, segment_bytes=200)
    assert (last.waiting, last.next) == (0, 51)
    put(last, 51)
    assert take(last, last.settled) == [51]


def test_numbers_go_on_when_all_files_are_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=30)
    put(spool, 1, 2, 3)
    spool.settle(4)
    spool.close()
    for path in tmp_path.glob("*.frames"):
        path.unlink()
    again = Spool(tmp_path)
    put(again, 4)
    assert take(again, again.settled) == [4]


def test_the_oldest_go_when_it_is_full_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1000, segment_bytes=200)
    put(spool, *range(1, 201))
    kept = take(spool, 1)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.frames")) == spool.size <= 1000
    assert kept == list(range(kept[0], 201)) and len(kept) >= 25
    assert spool.lost == 200 - len(kept) == 200 - spool.waiting


def test_what_was_settled_already_is_no_loss(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1000, segment_bytes=200)
    for number in range(1, 201):
        put(spool, number)
        spool.settle(number + 1)
    assert (spool.lost, spool.waiting) == (0, 0)


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_tail_that_was_cut_short_is_removed(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path)
    put(spool, 1, 2, 3)
    (path,) = tmp_path.glob("*.frames")
    os.truncate(path, path.stat().st_size - cut)
    again = Spool(tmp_path)
    assert (take(again, 1), again.lost) == ([1, 2], int(cut < 23))  # of one that is gone whole nothing tells
    put(again, 3)
    assert take(again, 1) == [1, 2, 3]


def test_zeros_at_the_end_are_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put(spool, 1)
    (path,) = tmp_path.glob("*.frames")
    path.write_bytes(path.read_bytes() + bytes(4096))
    again = Spool(tmp_path)
    put(again, 2)
    assert take(again, 1) == [1, 2]


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=100)
    put(spool, *range(1, 21))
    spool.close()
    second = sorted(tmp_path.glob("*.frames"))[1]
    second.write_bytes(b"x" + second.read_bytes()[1:])
    again = Spool(tmp_path, segment_bytes=100)
    assert take(again, 1) == [1, 2, 3, 4, *range(9, 21)]
    assert again.lost == 4
    (tmp_path / "settled").write_text("7\n")
    assert Spool(tmp_path, segment_bytes=100).lost == 2  # the others arrived


@pytest.mark.parametrize("content", ["", "x", "-5", "99999999999999999999"])
def test_a_note_of_what_is_settled_that_makes_no_sense(tmp_path: Path, content: str) -> None:
    spool = Spool(tmp_path)
    put(spool, 1, 2)
    (tmp_path / "settled").write_text(content)
    again = Spool(tmp_path)
    number = again.append(lambda given: f"{given:020d}".encode())
    assert take(again, again.settled)[-1] == number


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be kept in"):
        Spool(tmp_path / "file")


FULL = """
import os, resource, signal, sys
from pathlib import Path
from appliance.base.errors import DiskError
from appliance.panel.syslog.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path(sys.argv[1]))
spool.append(lambda number: b"%020d" % number)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
for _ in range(3):
    spool.append(lambda number: b"%020d" % number)
print(spool.lost, spool.waiting, spool.read(1)[1], spool.read(3)[1])
if sys.argv[2] == "for good":
    spool.settle(5)
    spool.tidy()
    spool.append(lambda number: b"%020d" % number)
    print(spool.read(1)[0][-1:].decode(), spool.waiting)
    try:
        while True:
            spool.append(lambda number: b"%05000d" % number)
    except DiskError:
        print(spool.lost, 50 < spool.waiting < 54)
    os._exit(0)
if sys.argv[2] == "until the end":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    spool.close()
    os._exit(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append(lambda number: b"%020d" % number)
print(spool.read(2)[1])
"""


def full(directory: Path, how: str) -> list[str]:
    command = [sys.executable, "-u", "-c", FULL, str(directory), how]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_full_disk_is_counted_and_leaves_no_half_record(tmp_path: Path) -> None:
    said = full(tmp_path, "a while")
    assert said == ["0 4 2 5", "6"]  # what is read stands in one file, or in memory
    assert take(Spool(tmp_path), 1) == [1, 2, 3, 4, 5]


def test_a_disk_that_stays_full_leaves_what_was_not_told(tmp_path: Path) -> None:
    (said, again, last) = full(tmp_path, "for good")
    assert (said, again, last) == ("0 4 2 5", "5 1", "1 True")
    assert take(Spool(tmp_path), 1) == []


def test_a_disk_that_has_room_at_the_end_gets_what_waits(tmp_path: Path) -> None:
    assert full(tmp_path, "until the end") == ["0 4 2 5"]
    assert take(Spool(tmp_path), 1) == [1, 2, 3, 4]


def test_without_a_directory_records_are_kept_in_memory_as_long_as_they_wait(tmp_path: Path) -> None:
    spool = Spool(None)
    put(spool, *range(1, 31))
    assert take(spool, 1) == list(range(1, 31))
    spool.settle(31)
    spool.tidy()
    put(spool, 31)
    assert (take(spool, 1), spool.waiting, spool.lost) == ([31], 1, 0)
    with pytest.raises(DiskError, match="cannot write"):
        while True:
            put(spool, spool.next, size=2000)
    assert spool.lost == 1 and 100 < spool.waiting < 140
    spool.close()
    assert not list(tmp_path.iterdir())


PUT = """
import sys
from pathlib import Path
from appliance.panel.syslog.spool import Spool
spool = Spool(Path(sys.argv[1]), segment_bytes=2000)
while True:
    number = spool.append(lambda number: b"%020d" % number)
    print(number, flush=True)
    if number % 7 == 0:
        spool.settle(number - 20)
        spool.tidy()
"""


def test_a_kill_at_any_moment_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    dice = random.Random(5)
    last = 0
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", PUT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(dice.randrange(1, 200)):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines()
            last = int(rest[-1]) if rest else last
        spool = Spool(tmp_path, segment_bytes=2000)
        found = take(spool, spool.settled)
        assert found == list(range(spool.settled, spool.next))
        assert last in found and spool.next - last <= 2 and spool.settled >= max(1, last - 40)
