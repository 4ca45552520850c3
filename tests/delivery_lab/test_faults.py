"""Each fault once, as CI has time for; `make delivery-faults` prints the table and kills a hundred times."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.cli.demo.evidence import Verdict
from tests.delivery.vaults import State
from tests.delivery_lab import faults, odd_data_sets
from tests.delivery_lab.lab import Fault, compare, tried


@pytest.mark.skipif(not shutil.which("storescp"), reason="DCMTK is not installed: `make setup` does that")
@pytest.mark.parametrize(
    "fault", [fault for fault in faults.ALL if not fault.long], ids=lambda fault: fault.name.replace(" ", "-")
)
@pytest.mark.slow
def test_nothing_is_lost_changed_or_left_without_a_word(fault: Fault) -> None:
    row = tried(fault, kills=6)
    if row.verdict is Verdict.NOT_HERE:
        pytest.skip(row.outcome)
    assert row.verdict is Verdict.SHOWN, f"{row.outcome}; told: {row.told}"


def test_what_is_lost_changed_or_doubled_is_counted() -> None:
    sent = {"1": b"one", "2": b"two"}
    assert compare(sent, [("2", b"two"), ("1", b"one")]) == (0, 0, 0)
    assert compare(sent, [("2", b"two")]) == (1, 0, 0)
    assert compare(sent, [("2", b"two"), ("1", b"0ne"), ("3", b"")]) == (0, 2, 0)
    assert compare(sent, [("2", b"two"), ("1", b"one"), ("1", b"one"), ("1", b"0ne")]) == (0, 1, 2)


def test_every_kind_of_odd_data_set_is_made(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    ids = odd_data_sets.put(state, 20)
    assert len(set(ids)) == len(state.sent) == 20
    assert all(content and len(content) % 2 == 0 for content in state.sent.values())
