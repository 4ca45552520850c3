"""What is said of the clock, by what lies in /run and by the time itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from appliance.host import clock
from appliance.host.clock import synchronised


def test_timesyncd_is_believed(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    installed.touch()
    timesync = tmp_path / "timesync"
    assert synchronised(timesync=timesync, installed=installed)  # it does not run: nobody says otherwise
    timesync.mkdir()
    assert not synchronised(timesync=timesync, installed=installed)
    (timesync / "synchronized").touch()
    assert synchronised(timesync=timesync, installed=installed)


def test_a_time_before_the_installation_is_wrong(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    installed.touch()
    os.utime(installed, (1_700_000_000, 1_700_000_000))
    assert synchronised(1_700_000_001, tmp_path / "none", installed)
    assert not synchronised(1_699_999_999, tmp_path / "none", installed)


def test_this_machine_answers() -> None:
    assert synchronised() in (True, False)


def test_local_time_is_known_only_where_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    now = clock.local_time()
    assert now is not None
    assert abs(now.timestamp() - time.time()) < 5
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    assert clock.local_time() is None


def test_a_steady_clock_begins_at_the_wall_and_then_runs_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = 50.0
    monkeypatch.setattr(clock.time, "monotonic", lambda: monotonic)
    steady = clock.SteadyClock(wall=1e9)
    assert steady() == 1e9
    monkeypatch.setattr(clock.time, "time", lambda: 1e9 + 3600)  # somebody sets the clock
    monotonic = 60.0
    assert steady() == 1e9 + 10
