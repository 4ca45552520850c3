"""What makes a million objects as fast as none: no question of the ledger reads what it does not answer. Not timed;
`make bench-vault` is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.vault.connection import CHECKPOINT
from appliance.vault.holds import Holds
from appliance.vault.ledger import Ledger
from appliance.vault.listing import Listing, Selection
from appliance.vault.studies import Studies
from tests.vault.million import fill
from tests.vault.samples import NOW, record

OBJECTS = 3000
# Bounded by what they are asked for: (a page of) one table from a row id on; or what is on hold.
_ONES = "o ranked commitment fact delivery_tally object_tally CONSTANT \\(subquery"
BOUNDED = re.compile(rf"SCAN (sqlite_|\d|{_ONES.replace(' ', '|')}|delivery USING INDEX delivery_held)")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path_factory.mktemp("million") / "ledger.sqlite")
    fill(ledger, OBJECTS)
    yield ledger
    ledger.close()


def test_the_filled_ledger_is_one_as_adoption_and_delivery_leave_it(full: Ledger) -> None:
    assert full.holdings()["present"].objects == OBJECTS
    queue = full.counts()["pacs"]
    assert (queue.waiting, queue.delivered, queue.oldest) == (OBJECTS // 2, OBJECTS // 2, NOW)
    assert len(full.evictable(NOW, 0, 10_000)) == OBJECTS // 2


def _statements(full: Ledger) -> list[str]:
    """What the programs ask while they run (a start looks through all that is owed, once), as SQLite heard it."""
    heard: list[str] = []
    newest = full.newest(1, 1 << 30)[0]
    with full.reading() as sqlite:
        sqlite.set_trace_callback(heard.append)
    try:
        entry = record(10**9)
        full.adopt(entry, ["pacs"], NOW)
        full.adopt(record(10**9 + 1, instance_tag=entry.instance_tag), ["pacs"], NOW)
        lease = full.lease("pacs", NOW * 2, 60, 16)[0]
        full.retry(lease.object_id, "pacs", NOW, "away")
        full.next_due("pacs", NOW)
        full.counts()
        full.holdings()
        full.held("pacs")
        full.state(newest)
        full.record(newest)
        full.newest(16, 1 << 26)
        full.exceptional("leaving")
        full.evictable(NOW, 0, 64)
        full.delivered(newest, "pacs", 0, NOW)
        full.retry_held("pacs", NOW)
        full.leave([newest])
        full.forget(newest)
        full.lost(entry.object_id)
        Holds(full).hold([full.newest(1, 1 << 30)[0]], NOW)
        Listing(full).page(Selection(peer="CT suite 2"), 0, 100)
        Listing(full).find(newest)
        Studies(full).page(None, 10)
        Studies(full).page((b"0" * 16, b"0" * 16), 10)
        Studies(full).objects(full.newest(2, 1 << 30)[1], 0, 10)
    finally:
        with full.reading() as sqlite:
            sqlite.set_trace_callback(None)
    return [each for each in heard if each.split()[0] in ("SELECT", "UPDATE", "DELETE", "WITH")]


def test_no_question_reads_a_whole_table(full: Ledger) -> None:
    statements = _statements(full)
    assert len(statements) > 30
    for statement in statements:
        with full.reading() as sqlite:
            plan = [row[3] for row in sqlite.execute("EXPLAIN QUERY PLAN " + statement)]
        whole = [step for step in plan if step.startswith("SCAN") and not BOUNDED.match(step)]
        # Over an index in its order, up to a LIMIT, is no whole table.
        whole = [step for step in whole if not (" USING " in step and "LIMIT" in statement)]
        whole = [step for step in whole if step not in ("SCAN object",) or "LIMIT" not in statement]
        assert not whole, f"{whole}: {statement}"
        if "delivery_due" in statement or "object_proven" in statement:
            assert not [step for step in plan if "TEMP B-TREE" in step], f"sorted: {statement}"


def test_the_wal_is_long_enough_to_write_a_page_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with ledger.reading() as sqlite:
        assert sqlite.execute("PRAGMA wal_autocheckpoint").fetchone() == (CHECKPOINT,)
    ledger.close()
