"""The bandwidth of a destination, held by a clock that runs only while somebody waits."""

from __future__ import annotations

import io
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from appliance.config.bandwidth import parse_bandwidth
from appliance.delivery.pacing import Pace, Paced, unlimited


class Time:
    """Runs while somebody sleeps, and else stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.moment = datetime.fromisoformat("2026-11-23 12:00")

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self, text: str) -> Pace:
        return Pace(parse_bandwidth(text), lambda: self.moment, lambda: self.now, self.sleep)


def test_bytes_take_as_long_as_the_bandwidth_says() -> None:
    time_ = Time()
    pace = time_.pace("8Mbit/s")
    for _ in range(100):
        pace.spend(65536)
    assert time_.now - 100 == pytest.approx(6.5536, rel=0.001)


def test_without_a_limit_nobody_waits() -> None:
    time_ = Time()
    Pace(None, lambda: time_.moment, lambda: time_.now, time_.sleep).spend(10**12)
    assert time_.now == 100.0


def test_the_window_of_the_day_counts_while_it_runs() -> None:
    time_ = Time()
    pace = time_.pace("8Mbit/s 07:00-19:00, 80Mbit/s")
    assert pace.rate() == 1e6
    time_.moment = datetime.fromisoformat("2026-11-23 20:00")
    time_.now += 2
    assert pace.rate() == 1e7


def test_several_share_one_limit() -> None:
    pace = Pace(parse_bandwidth("80Mbit/s"))
    threads = [threading.Thread(target=lambda: [pace.spend(50_000) for _ in range(10)]) for _ in range(4)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.15 < time.monotonic() - begin < 2  # 2 MB at 10 MB/s, less what a bucket saves up and the last wait of some


def test_a_file_is_read_as_fast_as_it_may_go_out_and_whole(tmp_path: Path) -> None:
    time_ = Time()
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4096)
    with path.open("rb") as file:
        paced = io.BufferedReader(Paced(file, time_.pace("8Mbit/s").spend), 65536)
        assert paced.read() == path.read_bytes()
        assert time_.now - 100 == pytest.approx(1.048, rel=0.01)
        paced.seek(0)
        assert paced.read(4) == b"\0\1\2\3"
        assert paced.tell() == 4
        paced.close()
        assert not file.closed
    unlimited(1)
