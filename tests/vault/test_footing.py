"""A state directory that goes away and comes back. What a failed file system does, tests/e2e/test_disk.py shows."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.vault import entries
from appliance.vault.footing import Footing, Turn
from appliance.vault.journal import Journal
from appliance.vault.refusals import Condition, DiskRefused, refused
from tests.vault.media import Recording
from tests.vault.samples import INDEX_KEY, Vault


class Ground:
    """A vault with its journal, and what looks after both."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.vault = Vault(root)
        self.journal = Journal(self.vault.layout, INDEX_KEY)
        self.vault.ledger.mirror = self.journal.append
        self.disk = Recording()
        adoption = self.vault.adoption
        self.footing = Footing(self.vault.layout, self.vault.ledger, self.journal, adoption.is_ours, self.disk)

    def go(self) -> None:
        self.root.rename(self.root.with_name("elsewhere"))
        self.root.mkdir()

    def return_(self) -> None:
        self.root.rmdir()
        self.root.with_name("elsewhere").rename(self.root)

    def held(self) -> list[str]:
        files = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        return [file for file in files if file.startswith(str(self.root.parent))]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(tmp_path / "state")
    yield ground
    ground.vault.ledger.close()
    ground.journal.close()


def _enter(ground: Ground) -> str:
    object_id = ground.vault.store()
    ground.vault.adopt()
    with ground.vault.ledger.transaction():
        ground.vault.ledger.enter(entries.hold(object_id, 1.0))
    return object_id


def test_nothing_happens_to_a_medium_that_is_well(ground: Ground) -> None:
    _enter(ground)
    assert ground.footing.look() is None and ground.footing.refusal is None
    assert len(ground.held()) == 3  # ledger, -wal, journal


def test_what_is_gone_is_let_go_of_and_nothing_is_made_in_its_place(ground: Ground) -> None:
    object_id = _enter(ground)
    ground.go()
    assert ground.footing.look() is Turn.LOST
    assert ground.held() == []
    for _ in range(2):
        with pytest.raises(DiskRefused) as caught:
            ground.vault.ledger.state(object_id)
        assert caught.value.condition is Condition.MISSING
        assert ground.footing.look() is None
    assert list(ground.root.iterdir()) == []
    ground.return_()
    assert ground.footing.look() is Turn.REGAINED and ground.footing.refusal is None
    assert ground.vault.ledger.state(object_id) == "present"
    _enter(ground)
    assert ground.footing.look() is None


def test_a_file_system_that_takes_nothing_is_let_go_of(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    object_id = _enter(ground)

    def refuse(directory: Path) -> None:
        raise refused("use the state directory", OSError(errno.EROFS, ""))

    monkeypatch.setattr(ground.disk, "check_alive", refuse)
    assert ground.footing.look() is Turn.LOST
    assert ground.held() == [] and ground.footing.refusal
    assert ground.footing.refusal.condition is Condition.READ_ONLY
    assert ground.footing.look() is None
    monkeypatch.undo()
    assert ground.footing.look() is Turn.REGAINED
    assert ground.vault.ledger.state(object_id) == "present"


def test_a_ledger_that_was_failed_is_opened_anew(ground: Ground) -> None:
    object_id = _enter(ground)
    ground.vault.ledger.failed = True
    assert ground.footing.look() is Turn.LOST
    assert ground.footing.look() is Turn.REGAINED
    assert ground.footing.look() is None
    assert ground.vault.ledger.state(object_id) == "present"


def test_the_vault_of_another_box_is_not_taken_for_ours(ground: Ground) -> None:
    object_id = _enter(ground)
    ground.go()
    assert ground.footing.look() is Turn.LOST
    ground.root.rmdir()
    other = Vault(ground.root)
    other.ledger.note_fact("index key", b"another")
    other.ledger.close()
    assert ground.footing.look() is None
    assert ground.footing.refusal and "another vault" in ground.footing.refusal.message
    with pytest.raises(DiskRefused):
        ground.vault.ledger.state(object_id)
    ground.root.rename(ground.root.with_name("theirs"))
    ground.root.mkdir()
    ground.return_()
    assert ground.footing.look() is Turn.REGAINED
    assert ground.vault.ledger.state(object_id) == "present"


def test_a_ledger_that_somebody_works_with_is_left_to_him_for_now(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.vault.connection._PATIENCE", 0.01)
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with ground.vault.ledger.transaction():
            inside.set()
            done.wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(30)
    ground.go()
    assert ground.footing.look() is None
    done.set()
    worker.join()
    assert ground.footing.look() is Turn.LOST
    ground.return_()
    assert ground.footing.look() is Turn.REGAINED


def test_a_repair_that_cost_the_ledger_is_damage_which_the_next_start_mends(ground: Ground) -> None:
    _enter(ground)
    ground.go()
    assert ground.footing.look() is Turn.LOST
    assert not ground.vault.ledger.damaged  # nothing is there at all: it is not mounted
    ground.return_()
    ground.vault.layout.ledger.unlink()
    assert ground.footing.look() is None and ground.vault.ledger.damaged
    assert list(ground.vault.layout.ledger.parent.glob("*.sqlite")) == []
