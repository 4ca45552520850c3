"""A ledger that was lost, and what the journal gives back of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.seal.commitment import CommitmentRequest, seal
from appliance.vault import departure
from appliance.vault.adoption import Adoption, Fate
from appliance.vault.commitments import Commitments, Entry
from appliance.vault.holds import Holds
from appliance.vault.journal import Journal
from appliance.vault.objects import Objects
from appliance.vault.rebuild import Rebuild
from appliance.vault.recovery import open_ledger, recover
from appliance.vault.standing import standing
from tests.vault.samples import CT, INDEX_KEY, NOW, Vault

LATER = NOW + 86400


class Site(Vault):
    """A vault with a journal, as `forward` wires it."""

    rebuild: Rebuild

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begin()

    def begin(self, now: float = NOW) -> None:
        self.ledger.close()
        self.ledger, self.damaged = open_ledger(self.layout)
        self.journal = Journal(self.layout, INDEX_KEY)
        self.ledger.mirror = self.journal.append
        self.rebuild = Rebuild(self.ledger, self.journal, per_minute=60)
        self.rebuild.resume_marks()
        self.objects = Objects(self.layout)
        self.adoption = Adoption(self.objects, self.ledger, INDEX_KEY, self.route)
        self.fates = [fate for step in recover(self.adoption, now, rebuild=self.rebuild) for fate in step.fates]
        self.holds, self.commitments = Holds(self.ledger), Commitments(self.ledger, INDEX_KEY)
        if self.rebuild.needed:
            self.journal.write_anew(standing(self.ledger))

    def lose_the_ledger(self, now: float = LATER) -> None:
        self.ledger.close()
        for path in self.layout.ledger.parent.iterdir():
            path.unlink()
        self.begin(now)

    def lose_the_journal(self) -> None:
        for path in self.layout.journal.iterdir():
            path.unlink()

    def prove(self, object_id: str, destination: str = "pacs") -> None:
        self.ledger.delivered(object_id, destination, 0, NOW + 5)

    def owed(self, destination: str = "pacs", now: float = LATER) -> set[str]:
        return {lease.object_id for lease in self.ledger.lease(destination, now, 60, 1000)}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    made.close()


def request(number: int, transaction: str = "1.2.3") -> tuple[CommitmentRequest, bytes]:
    made = CommitmentRequest(f"{number:032x}", NOW, "CT suite 2", "CT1", "EDGE01", transaction, ((CT, "1.2.9"),))
    return made, seal(made, INDEX_KEY, number.to_bytes(32))


@pytest.mark.parametrize("written_anew", [False, True])
def test_nothing_proven_is_sent_again_and_holds_stand(site: Site, written_anew: bool) -> None:
    proven, owed, held, freed = (site.store(b"x", str(number)) for number in range(4))
    site.adopt()
    for object_id in (proven, held, freed):
        site.prove(object_id)
    site.holds.hold([held, freed], NOW)
    site.holds.release([freed])
    if written_anew:
        site.journal.write_anew(standing(site.ledger))
    site.lose_the_ledger()
    assert site.rebuild.complete
    assert site.rebuild.objects == 4
    assert site.rebuild.again == {}
    assert site.owed() == {owed}
    assert set(site.ledger.evictable(LATER, 0, 10)) == {proven, freed}
    assert site.ledger.leave([held]) == []
    site.lose_the_ledger()  # once more: what was rebuilt is in the journal as well
    assert site.owed() == {owed}
    assert set(site.ledger.evictable(LATER, 0, 10)) == {proven, freed}


def test_without_the_journal_it_is_sent_again_slowly_and_new_objects_go_first(site: Site) -> None:
    old = [site.store(b"x", str(number), received=NOW + number) for number in range(5)]
    site.adopt()
    for object_id in old:
        site.prove(object_id)
    site.lose_the_journal()
    new = site.store(b"x", "new", received=LATER)
    site.lose_the_ledger()
    assert not site.rebuild.complete
    assert site.rebuild.again == {"pacs": 5}
    assert site.rebuild.minutes == 1
    assert site.owed() == {new}
    for seconds, due in enumerate(reversed(old), start=1):
        assert site.owed(now=LATER + seconds) == {due}
    site.prove(old[0])
    site.lose_the_ledger()
    assert site.rebuild.complete  # it was written anew
    assert old[0] not in site.owed()


def test_a_torn_end_of_the_journal_is_no_reason_to_wait(site: Site) -> None:
    proven, owed = site.store(b"x", "1"), site.store(b"x", "2")
    site.adopt()
    site.prove(proven)
    log = max(site.layout.journal.iterdir())
    log.write_bytes(log.read_bytes() + b"\0\0\1")
    site.lose_the_ledger()
    assert site.rebuild.complete
    assert site.owed() == {owed}


def test_a_rebuild_that_was_cut_starts_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    proven = [site.store(b"x", str(number)) for number in range(5)]
    owed = site.store(b"x", "owed")
    site.adopt()
    for object_id in proven:
        site.prove(object_id)
    replay = Rebuild.replay

    def cut(self: Rebuild, now: float) -> Iterator[int]:
        yield from (next(replay(self, now)),)
        raise KeyboardInterrupt

    monkeypatch.setattr(Rebuild, "replay", cut)
    with contextlib.suppress(KeyboardInterrupt):
        site.lose_the_ledger()
    monkeypatch.undo()
    site.begin(LATER)
    assert site.rebuild.needed
    assert site.owed() == {owed}
    site.begin(LATER)
    assert not site.rebuild.needed


def test_what_a_duplicate_made_owed_stays_owed(site: Site) -> None:
    first = site.store(b"same", "1")
    site.adopt()
    site.prove(first)
    site.route = site.adoption.destinations_for = lambda record: ("archive",) if record.peer == "MR" else ("pacs",)
    site.store(b"same", "1", peer="MR")
    assert [adopted.fate for adopted in site.adopt()] == [Fate.DUPLICATE]
    for _ in range(2):
        site.lose_the_ledger()
        assert site.owed("archive", LATER) == {first}
        assert site.owed("pacs") == set()
        assert site.ledger.evictable(LATER, 0, 10) == []


def test_what_left_does_not_come_back_from_a_segment(tmp_path: Path) -> None:
    site = Site(tmp_path / "state", segment=1 << 20)
    gone, kept = site.store(b"x", "1"), site.store(b"x", "2")
    site.adopt()
    site.prove(gone)
    assert departure.evict(site.ledger, site.objects, NOW + 9, 0, 10) == [gone]
    segments, site.incoming.segments = site.incoming.segments, None
    site.lose_the_ledger()
    assert [adopted.object_id for adopted in site.fates] == [kept]
    assert site.ledger.state(gone) is None
    assert segments
    segments.close()
    site.close()


def test_commitment_requests_and_decisions_stand(site: Site) -> None:
    asked, decided, over = (request(number, f"1.2.{number}") for number in range(1, 4))
    for each in (asked, decided, over):
        assert site.commitments.enter(*each, NOW, 0x0131) is Entry.NEW
    site.commitments.decide(decided[0].request_id, [0x0112], NOW)
    site.commitments.keep(decided[0].request_id)
    site.commitments.decide(over[0].request_id, [0], NOW)
    site.commitments.reported(over[0].request_id, NOW)
    for _ in range(2):
        site.lose_the_ledger()
        assert [each.sealed for each in site.commitments.asked(LATER, 9)] == [asked[1]]
        (found,) = site.commitments.decided("CT suite 2", LATER, 9)
        assert (found.request_id, found.reasons) == (decided[0].request_id, (0x0112,))
        assert site.commitments.enter(*over, LATER, 0x0131) is Entry.KNOWN
    assert site.commitments.enter(*request(9, "1.2.3"), LATER, 0x0131) is Entry.DUPLICATE


def test_a_hold_that_the_journal_refuses_is_not_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    object_id = site.store()
    site.adopt()
    site.prove(object_id)

    def refuse(_: Any) -> None:
        raise OSError

    site.ledger.mirror = refuse
    with pytest.raises(OSError):
        site.holds.hold([object_id], NOW)
    assert site.holds.count() == 0
    assert site.ledger.evictable(LATER, 0, 9) == [object_id]


def test_a_person_asks_for_a_rebuild_at_the_next_start(site: Site) -> None:
    proven, owed = site.store(b"x", "1"), site.store(b"x", "2")
    site.adopt()
    site.prove(proven)
    site.layout.rebuild_wanted.touch()
    site.begin(LATER)
    assert site.damaged
    assert site.rebuild.objects == 2
    assert site.owed() == {owed}
    assert "ledger.0.sqlite" in site.objects.quarantined()
    site.begin(LATER)
    assert not site.damaged


def test_a_new_site_has_nothing_to_announce(site: Site) -> None:
    assert site.rebuild.needed
    assert site.rebuild.again == {}
    assert site.rebuild.objects == 0
