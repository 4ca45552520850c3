from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError, DiskError
from appliance.delivery.transfer_state import TransferState

WAY = ("s3://sealed", "PACS@h:104")


def test_what_was_delivered_is_remembered(tmp_path: Path) -> None:
    state = TransferState(tmp_path / "state", *WAY)
    assert not state.has("ab")
    state.delivered("ab", 0)
    state.delivered("ab", 0xB000)
    assert state.has("ab")
    state.close()
    again = TransferState(tmp_path / "state", *WAY)
    assert again.has("ab") and not again.has("cd")
    again.close()


def test_it_is_on_the_medium_before_the_call_returns(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from appliance.delivery.transfer_state import TransferState\n"
        f"state = TransferState(Path(sys.argv[1]), *{WAY!r})\n"
        "for number in range(100): state.delivered(f'{number:032x}', 0)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "state")], check=False)
    state = TransferState(tmp_path / "state", *WAY)
    assert all(state.has(f"{number:032x}") for number in range(100))
    state.close()


def test_it_is_of_one_way(tmp_path: Path) -> None:
    TransferState(tmp_path / "state", *WAY).close()
    with pytest.raises(ConfigError, match="of another way: from s3://sealed to PACS@h:104"):
        TransferState(tmp_path / "state", "s3://other", WAY[1])
    TransferState(tmp_path / "state", *WAY).close()


def test_one_at_a_time(tmp_path: Path) -> None:
    state = TransferState(tmp_path / "state", *WAY)
    with pytest.raises(ConfigError, match="is in use"):
        TransferState(tmp_path / "state", *WAY)
    state.delivered("ab", 0)
    state.close()
    TransferState(tmp_path / "state", *WAY).close()


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but a text of some length" * 100)
    with pytest.raises(ConfigError, match="no state file"):
        TransferState(tmp_path / "text", *WAY)
    assert (tmp_path / "text").read_text().startswith("no database")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE delivered (something TEXT)")
    other.execute("CREATE TABLE way (something TEXT)")
    other.commit()
    other.close()
    with pytest.raises((ConfigError, DiskError)):
        TransferState(tmp_path / "other", *WAY)
    with pytest.raises(DiskError, match="cannot open"):
        TransferState(tmp_path / "missing" / "state", *WAY)
