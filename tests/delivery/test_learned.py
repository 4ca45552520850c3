"""What the destinations accept reaches `receive`, once for each change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.delivery.learned import Learned
from appliance.vault.accepted import Published
from appliance.vault.ledger import Ledger
from tests.delivery.vaults import CT, EXPLICIT, J2K, State


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(State(tmp_path / "state").layout.ledger)
    yield ledger
    ledger.close()


def test_it_is_told_at_the_start_and_when_it_changed(ledger: Ledger, tmp_path: Path) -> None:
    learned = Learned(ledger, ["pacs", "research"], tmp_path)
    ledger.note_accepted("pacs", {(CT, EXPLICIT)}, (), 1.0)
    ledger.note_accepted("gone", {(CT, J2K)}, (), 1.0)
    learned.tell()
    published = Published(tmp_path)
    assert published.read() == {"pacs": {(CT, EXPLICIT)}, "research": frozenset()}
    before = (tmp_path / "accepted.json").stat()
    ledger.note_accepted("pacs", {(CT, EXPLICIT)}, (), 2.0)
    learned.tell()
    assert (tmp_path / "accepted.json").stat().st_ino == before.st_ino
    ledger.note_accepted("research", {(CT, J2K)}, (), 3.0)
    ledger.note_accepted("pacs", (), {(CT, EXPLICIT)}, 3.0)
    learned.tell()
    assert published.read() == {"pacs": frozenset(), "research": {(CT, J2K)}}


def test_where_it_cannot_be_told_the_log_says_so(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned = Learned(ledger, ["pacs"], tmp_path / "none")
    learned.tell()
    assert "SYNTAXES-UNTOLD" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    learned.tell()
    assert Published(tmp_path / "none").read() == {"pacs": frozenset()}
