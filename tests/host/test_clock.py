"""What is said of the clock, by what lies in /run and by the time itself."""

from __future__ import annotations

import os
from pathlib import Path

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
