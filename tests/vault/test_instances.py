"""The objects of an instance are found wherever its tag is just then: in memory, carried over, or nowhere but in their
rows until the ledger is opened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.vault import instances
from appliance.vault.instances import EVERY, PARTS, WITH_TAG
from appliance.vault.ledger import AdoptResult, Kind, Ledger
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused
from tests.vault.million import fill
from tests.vault.samples import NOW, record
from tests.vault.test_schema import at_version, enter

FIRST = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    try:
        yield ledger
    finally:
        ledger.close()


def found(ledger: Ledger, tag: bytes) -> list[int]:
    with ledger.reading() as sqlite:
        return [key for (key,) in sqlite.execute(f"SELECT id FROM object WHERE {WITH_TAG} ORDER BY id", {"tag": tag})]


def everything_is_found(ledger: Ledger) -> None:
    """Each once, and nothing else."""
    with ledger.reading() as sqlite:
        there = sqlite.execute("SELECT instance_tag, id FROM object WHERE instance_tag <> x'' ORDER BY 1, 2").fetchall()
        kept = sqlite.execute("SELECT * FROM instance UNION ALL SELECT * FROM new_instance ORDER BY 1, 2").fetchall()
        assert kept == there
    assert [(tag, key) for tag in sorted({tag for tag, _ in there}) for key in found(ledger, tag)] == there


def in_memory(ledger: Ledger) -> int:
    with ledger.reading() as sqlite:
        count: int = sqlite.execute("SELECT count(*) FROM new_instance").fetchone()[0]
        return count


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_goes_or_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Numbers are given again when the newest have gone; a vault may be emptied; a tag may come twice."""
    monkeypatch.setattr(instances, "EVERY", 2)
    dice = random.Random(seed)
    path, number, carried = tmp_path / "ledger.sqlite", 0, 0
    ledger = Ledger(path)
    for _ in range(60):
        undone = dice.random() < 0.2
        try:
            with ledger.transaction() as sqlite:
                for _ in range(dice.randrange(60)):
                    number += 1
                    tag = bytes([dice.choice(FIRST), dice.randrange(8)]) + bytes(14)
                    ledger.adopt(record(number, instance_tag=dice.choice((tag, tag, tag, b""))), ["pacs"], NOW)
                gone = sqlite.execute("SELECT object_id FROM object ORDER BY id DESC").fetchall()
                few = dice.choice((0, 0, 5, 40, len(gone)))
                for (object_id,) in dice.choice((gone[:few], dice.sample(gone, min(few, len(gone))))):
                    ledger.forget(object_id)
                if undone:
                    raise InterruptedError
        except InterruptedError:
            pass
        everything_is_found(ledger)
        carried += bool(ledger.db["instance"].count)
        if dice.random() < 0.3:
            ledger.close()
            ledger = Ledger(path)
            everything_is_found(ledger)
    ledger.close()
    assert carried


def test_few_are_in_memory_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "EVERY", 16)
    with opened(tmp_path / "ledger.sqlite") as ledger:
        fill(ledger, 2 * 16 * PARTS)
        before = in_memory(ledger)
        assert before < 16 * PARTS * 0.6
        assert ledger.db["instance"].count == 2 * 16 * PARTS - before
    with opened(tmp_path / "ledger.sqlite") as ledger:
        assert in_memory(ledger) == before
        everything_is_found(ledger)


def test_an_older_ledger_is_brought_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    older = at_version(path, 7)
    for number in range(1, 400):
        enter(older, number)
    older.execute("UPDATE object SET instance_tag = ? WHERE id IN (7, 8, 399)", (bytes(16),))
    older.execute("UPDATE object SET instance_tag = x'' WHERE id = 9")
    older.close()
    with opened(path) as ledger:
        assert in_memory(ledger) == 0
        assert found(ledger, bytes(16)) == [7, 8, 399]
        everything_is_found(ledger)
        assert ledger.adopt(record(1000, instance_tag=bytes(16)), ["pacs"], NOW).kind is Kind.CONFLICT
        assert found(ledger, bytes(16)) == [7, 8, 399, 400]
        everything_is_found(ledger)


def test_a_row_that_was_entered_past_us_is_found_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with opened(path):
        pass
    past = at_version(path, 8)
    enter(past, EVERY)
    past.close()
    with opened(path) as ledger:
        assert in_memory(ledger) == 1
        everything_is_found(ledger)


def test_a_number_that_is_given_again_belongs_to_its_new_instance(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old, new = (record(number, instance_tag=bytes([0, number])) for number in (1, 2))
    with opened(path) as ledger:
        ledger.adopt(old, ["pacs"], NOW)
        with ledger.transaction() as sqlite:
            sqlite.execute("UPDATE instance_part SET carried = 1000")
            sqlite.execute("INSERT INTO instance SELECT * FROM new_instance")
            sqlite.execute("DELETE FROM new_instance")
        ledger.forget(old.object_id)
        ledger.adopt(new, ["pacs"], NOW)
        assert (found(ledger, old.instance_tag), found(ledger, new.instance_tag)) == ([], [1])
    with opened(path) as ledger:
        assert (found(ledger, old.instance_tag), found(ledger, new.instance_tag)) == ([], [1])


def test_they_are_remembered_when_the_ledger_is_taken_up_again(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.sqlite") as ledger:
        entry = record(1)
        ledger.adopt(entry, ["pacs"], NOW)
        assert ledger.let_go(DiskRefused("cannot use the ledger", Condition.MISSING))
        ledger.take_up(Medium())
        assert ledger.adopt(record(1, object_id="f" * 32), ["pacs"], NOW) == AdoptResult(
            Kind.DUPLICATE, entry.object_id
        )
