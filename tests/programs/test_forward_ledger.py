"""`forward` whose ledger is gone or damaged: nothing is lost, holds stand, and nothing proven is sent again while there
is a journal; without it what is sent again is announced and does not flood the upstream."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from tests.delivery.upstream import StoreScp, until
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def delivered_then_killed(box: Box, upstream: StoreScp) -> list[str]:
    """Six objects that are delivered, the first of them on hold; then kill -9. Their ids."""
    box.destination("pacs", upstream.port)
    box.configure()
    ids = [box.state.put(pixels=500) for _ in range(6)]
    box.start()
    until(lambda: box.delivered() == 6)
    assert box.ask("hold", objects=[ids[0]]) == {"changed": [ids[0]], "missing": [], "after": None}
    box.stop(signal.SIGKILL)
    for path in upstream.directory.iterdir():
        path.unlink()
    return ids


def lose(box: Box) -> None:
    shutil.rmtree(box.state.layout.ledger.parent)


def damage(box: Box) -> None:
    """The WAL too: alone it is enough to mend so small a ledger."""
    ledger = box.state.layout.ledger
    ledger.with_name(ledger.name + "-wal").write_bytes(b"no log")
    ledger.write_bytes(b"no database at all" * 1000)


def on_hold(box: Box) -> list[str]:
    answer = box.ask("objects", on_hold=True)
    return [each["object"] for each in answer["objects"]] if answer else []


@pytest.mark.parametrize("how", [lose, damage])
def test_with_its_journal_nothing_proven_is_sent_again_and_the_rest_goes_on(
    box: Box, tmp_path: Path, how: object
) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        ids = delivered_then_killed(box, upstream)
        how(box)  # type: ignore[operator]
        late = [box.state.put(pixels=500) for _ in range(2)]
        box.start()
        until(lambda: box.delivered() == 8)
        assert len(upstream.received()) == 2
        assert on_hold(box) == [ids[0]]
        found = box.ask("objects")
        assert found and {each["object"] for each in found["objects"]} == {*ids, *late}
        until(lambda: "LEDGER-REBUILT" in box.log)
        assert "REDELIVERY-ANNOUNCED" not in box.log
        kept = [path.name for path in box.state.layout.quarantine.iterdir()]
        assert bool(kept) == (how is damage), kept
    assert box.stop() == 0


def test_without_its_journal_what_may_be_there_is_sent_again_slowly_and_new_ones_first(
    box: Box, tmp_path: Path
) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        ids = delivered_then_killed(box, upstream)
        lose(box)
        for path in box.state.layout.journal.iterdir():
            path.unlink()
        late = box.state.put(pixels=500)
        box.start()
        box.ready()
        until(lambda: box.delivered() == 7)
        assert len(upstream.received()) == 7
        until(lambda: "REDELIVERY-ANNOUNCED" in box.log)
        (line,) = [line for line in box.log.splitlines() if "REDELIVERY-ANNOUNCED" in line]
        assert re.search(r"\b6\b", line) and "600" in line
        found = box.ask("objects")
        assert found
        done = {each["object"]: each["deliveries"][0]["done"] for each in found["objects"]}
        assert set(done) == {*ids, late}
        assert min(done.values()) == done[late]  # 600 a minute are due; tests/vault/test_rebuild.py looks at when
    assert box.stop() == 0


@pytest.mark.parametrize("tables", [("delivery", "delivery_due"), ("idx_object_object_id",)])
def test_damage_in_the_middle_ends_the_program_and_its_next_start_makes_a_ledger(
    box: Box, tmp_path: Path, tables: tuple[str, ...]
) -> None:
    """Opening a ledger reads its first pages; a bad block in the others shows when somebody asks for it."""
    with StoreScp(tmp_path / "upstream") as upstream:
        ids = delivered_then_killed(box, upstream)
        ruin(box.state.layout.ledger, tables)
        late = box.state.put(pixels=500)
        box.start()
        assert box.process and box.process.wait(60) == DiskError.exit_status
        assert "Traceback" not in box.log
        box.start()  # as the service manager does it
        until(lambda: box.delivered() == 7)
        assert len(upstream.received()) == 1
        assert on_hold(box) == [ids[0]]
        found = box.ask("objects")
        assert found and {each["object"] for each in found["objects"]} == {*ids, late}
        until(lambda: "LEDGER-REBUILT" in box.log)
    assert box.stop() == 0


def test_damage_of_the_newest_objects_is_mended_at_once(box: Box, tmp_path: Path) -> None:
    """Their rows are read when a ledger is opened."""
    with StoreScp(tmp_path / "upstream") as upstream:
        ids = delivered_then_killed(box, upstream)
        ruin(box.state.layout.ledger, ("object",))
        box.start()
        until(lambda: box.delivered() == 6)
        assert on_hold(box) == [ids[0]]
        until(lambda: "LEDGER-REBUILT" in box.log)
    assert box.stop() == 0


def ruin(ledger: Path, names: tuple[str, ...]) -> None:
    """Overwrite the first page of each of these tables and indexes."""
    sqlite = sqlite3.connect(ledger)
    sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = sqlite.execute("PRAGMA page_size").fetchone()
    pages = [
        sqlite.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0] for name in names
    ]
    sqlite.close()
    with ledger.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
