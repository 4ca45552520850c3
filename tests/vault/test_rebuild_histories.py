"""Histories made up at random, in which the ledger is lost now and then: the journal gives back what was there."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.seal.record import Record
from appliance.vault import departure
from appliance.vault.deliveries import BY_A_PERSON
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.standing import standing
from tests.vault.samples import NOW
from tests.vault.test_rebuild import Site

PLACES = ("pacs", "research", "cloud")


def by_calling_title(record: Record) -> tuple[str, ...]:
    """The calling AE title names the destinations by their first letters, so that a route stays what it is."""
    return tuple(each for each in PLACES if each[0] in record.calling_ae)


class History:
    """What may happen to a vault. Who has proven what, is on hold or held back is compared across each loss."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site = site
        self.dice = dice
        self.now = NOW
        self.sent: list[tuple[bytes, str]] = []
        self.losses = 0
        self.acts: list[Callable[[], object]] = [
            *(self.comes, self.comes, self.comes_again, self.is_adopted, self.is_leased, self.is_delivered),
            *(self.is_refused, self.is_put_on_hold, self.is_held_back, self.is_held_back, self.goes),
            *(self.is_written_anew, self.loses_the_ledger),
        ]

    def comes(self) -> None:
        self.sent.append((self.dice.randbytes(60), str(len(self.sent))))
        self._store(*self.sent[-1])

    def comes_again(self) -> None:
        if self.sent:
            self._store(*self.dice.choice(self.sent))

    def _store(self, data: bytes, uid: str) -> None:
        title = "".join(each[0] for each in PLACES if self.dice.random() < 0.5) or "nobody"
        self.site.store(data, uid, calling_ae=title, received=self.now)

    def is_adopted(self) -> None:
        self.site.adopt(self.now)

    def is_leased(self) -> None:
        self.now += self.dice.uniform(0, 40)
        self.site.ledger.lease(self.dice.choice(PLACES), self.now, 30, 5)

    def is_delivered(self) -> None:
        for object_id, place in self._some():
            self.site.ledger.delivered(object_id, place, 0, self.now)

    def is_refused(self) -> None:
        for object_id, place in self._some():
            self.site.ledger.hold(object_id, place, "no")

    def is_put_on_hold(self) -> None:
        act = self.dice.choice((lambda ids: self.site.holds.hold(ids, self.now), self.site.holds.release))
        act([object_id for object_id, _ in self._some()])

    def is_held_back(self) -> None:
        holds = DeliveryHolds(self.site.ledger)
        for object_id, place in self._some():
            self.dice.choice((holds.hold, holds.release))([object_id], place, self.now)

    def goes(self) -> None:
        departure.evict(self.site.ledger, self.site.objects, self.now, self.dice.uniform(0, 200), 3)

    def is_written_anew(self) -> None:
        self.site.journal.write_anew(standing(self.site.ledger))

    def loses_the_ledger(self) -> None:
        if self.dice.random() < 0.3:
            self.site.adopt(self.now)
            before = self.facts()
            self.site.lose_the_ledger(self.now)
            assert self.site.rebuild.complete
            after = self.facts()
            for name, said in before.items():
                assert after[name] == said, (name, said ^ after[name])
            self.losses += 1

    def facts(self) -> dict[str, set[object]]:
        """What must outlive a ledger."""
        with self.site.ledger.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id, destination, delivery.state = 'delivered', delivery.state = 'held' AND error = ?"
                " FROM delivery JOIN object ON object.id = delivery.object",
                (BY_A_PERSON,),
            ).fetchall()
            on_hold = sqlite.execute("SELECT object_id FROM object WHERE hold IS NOT NULL").fetchall()
        return {
            "deliveries": {tuple(each) for each in rows},
            "on hold": set(on_hold),
            "may go": set(self.site.ledger.evictable(self.now, 0, 1000)),
            "files": {each for each in self.site.files() if each.startswith("objects")},
        }

    def _some(self) -> list[tuple[str, str]]:
        with self.site.ledger.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id, destination FROM delivery JOIN object ON object.id = delivery.object"
            ).fetchall()
        return [each for each in rows if self.dice.random() < 0.2]


@pytest.mark.parametrize("seed", range(8))
def test_a_lost_ledger_is_given_back(tmp_path: Path, seed: int) -> None:
    site = Site(tmp_path / "state", route=by_calling_title)
    history = History(site, random.Random(seed))
    try:
        for _ in range(150):
            history.dice.choice(history.acts)()
    finally:
        site.close()
    assert history.losses > 1


def test_what_was_proven_by_a_destination_that_is_no_longer_routed_to_may_go(tmp_path: Path) -> None:
    """Else it would be owed to nobody, and stay for ever."""
    site = Site(tmp_path / "state")
    object_id = site.store()
    site.adopt()
    site.prove(object_id)
    site.route = lambda _: ()
    site.lose_the_ledger()
    assert site.ledger.evictable(NOW + 100, 0, 10) == [object_id]
    assert departure.evict(site.ledger, site.objects, NOW + 100, 0, 10) == [object_id]
    site.close()
