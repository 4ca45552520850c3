"""The benchmark of the queue, small: it drains, and what comes meanwhile passes the backlog. Times are not judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.queue import drain, filled, main


def test_what_comes_meanwhile_is_in_the_next_batch(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "ledger.sqlite", 1000)
    assert ledger.counts()["pacs"].waiting == 1000
    tenths, longest = drain(ledger, 1000)
    counts = ledger.counts()["pacs"]
    ledger.close()
    assert (counts.waiting, counts.leased) == (0, 0)
    assert counts.delivered > 2000
    assert len(tenths) == 10
    assert longest <= 1


def test_it_prints_targets_and_writes_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rows", "400", "--rounds", "5", "--directory", str(tmp_path), "--json", str(tmp_path / "figures.json")])
    shown = capsys.readouterr().out
    assert "lease, 400 / 100" in shown
    assert "tenth by tenth" in shown
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["verdicts"][0]["what"] == "lease, 400 / 100"
