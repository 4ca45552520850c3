"""What may be forgotten: the ledger's word against the rule, over histories that are made up at random."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from appliance.routing.retention import Proof, keep_time, may_go
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.holds import Holds
from appliance.vault.ledger import Ledger
from tests.vault.samples import NOW, record

PLACES = ("pacs", "research")


class History:
    """Objects come, are owed, delivered, refused, held back and let go, in any order. It knows who proved, and when."""

    def __init__(self, ledger: Ledger, dice: random.Random) -> None:
        self.ledger = ledger
        self.dice = dice
        self.now = NOW
        self.proofs: dict[str, dict[str, float | None]] = {}
        self.on_hold: set[str] = set()
        self.aside: set[str] = set()
        self.gone = 0
        self.acts: list[Callable[[], object]] = [
            *(self.comes, self.comes_again, self.is_owed, self.is_delivered, self.is_delivered, self.is_leased),
            *(self.ends, self.is_held_back, self.is_put_on_hold, self.is_damaged, self.goes, self.passes_time),
        ]

    def goes_on(self, steps: int) -> None:
        for _ in range(steps):
            self.dice.choice(self.acts)()
            for keep in (0.0, 20.0, keep_time(20.0, pressed_for_space=True)):
                assert set(self.ledger.evictable(self.now, keep, 100)) == self.expected(keep)

    def expected(self, keep: float) -> set[str]:
        """What may go now, by the rule."""
        return {
            object_id
            for object_id, proofs in self.proofs.items()
            if may_go([Proof(name, at) for name, at in proofs.items()], keep, self.now)
            and object_id not in self.on_hold | self.aside
        }

    def comes(self) -> None:
        number, places = self.dice.randint(1, 4), self.some()
        one = record(number)
        self.ledger.adopt(one, places, self.now)
        if one.object_id not in self.proofs:
            self.proofs[one.object_id] = dict.fromkeys(places)

    def comes_again(self) -> None:
        number, places = self.dice.randint(1, 4), self.some()
        first = record(number)
        if first.object_id in self.proofs and first.object_id not in self.aside:
            same = {"instance_tag": first.instance_tag, "data_set_digest": first.data_set_digest, "size": first.size}
            self.ledger.adopt(record(number + 10, **same), places, self.now)
            self.proofs[first.object_id] = dict.fromkeys(places) | self.proofs[first.object_id]

    def is_owed(self) -> None:
        object_id, places = self.one(), self.some()
        self.ledger.owe(object_id, places, self.now)
        if object_id in self.proofs:
            self.proofs[object_id] = dict.fromkeys(places) | self.proofs[object_id]

    def is_delivered(self) -> None:
        object_id = self.one()
        for place in self.some():
            self.ledger.delivered(object_id, place, 0, self.now)
            if self.proofs.get(object_id, {}).get(place, 0.0) is None:
                self.proofs[object_id][place] = self.now

    def is_leased(self) -> None:
        self.ledger.lease(self.dice.choice(PLACES), self.now, 30, 3)

    def ends(self) -> None:
        object_id, place = self.one(), self.dice.choice(PLACES)
        self.dice.choice(
            (
                lambda: self.ledger.stored(object_id, place, 0, self.now, self.now),
                lambda: self.ledger.hold(object_id, place, "no"),
                lambda: self.ledger.retry(object_id, place, self.now, "later"),
                lambda: self.ledger.give_back(object_id, place, self.now),
                lambda: self.ledger.release(object_id, place, self.now),
            )
        )()

    def is_held_back(self) -> None:
        holds = DeliveryHolds(self.ledger)
        act = self.dice.choice((holds.hold, holds.release))
        act([self.one()], self.dice.choice(PLACES), self.now)

    def is_put_on_hold(self) -> None:
        object_id = self.one()
        if self.dice.random() < 0.6:
            Holds(self.ledger).release([object_id])
            self.on_hold.discard(object_id)
        else:
            self.on_hold |= set(Holds(self.ledger).hold([object_id], self.now)[0])

    def is_damaged(self) -> None:
        object_id = self.one()
        if object_id in self.proofs and self.dice.random() < 0.1:
            self.ledger.quarantine(object_id)
            self.aside.add(object_id)

    def goes(self) -> None:
        keep = keep_time(self.dice.uniform(0, 60), pressed_for_space=self.dice.random() < 0.3)
        going = self.ledger.leave(self.proofs, self.now, keep)
        assert set(going) == self.expected(keep)
        self.gone += len(going)
        for each in going:
            self.ledger.forget(each)
            del self.proofs[each]

    def passes_time(self) -> None:
        self.now += self.dice.uniform(0, 30)

    def one(self) -> str:
        return record(self.dice.randint(1, 4)).object_id

    def some(self) -> list[str]:
        return [each for each in PLACES if self.dice.random() < 0.6]


@pytest.mark.parametrize("seed", range(12))
def test_the_ledger_names_what_may_go_and_nothing_else(ledger: Ledger, seed: int) -> None:
    history = History(ledger, random.Random(seed))
    history.goes_on(400)
    assert history.gone


@pytest.mark.parametrize(
    ("spoil", "noted"),
    [
        ("UPDATE delivery SET state = 'held' WHERE destination = 'research'", None),
        ("UPDATE delivery SET state = 'waiting' WHERE destination = 'research'", None),
        ("UPDATE delivery SET done = done + 50 WHERE destination = 'research'", NOW + 50),
        ("DELETE FROM delivery", None),
    ],
    ids=["held", "owed", "later", "to nobody"],
)
def test_what_its_rows_contradict_does_not_go_and_is_noted_anew(
    ledger: Ledger, spoil: str, noted: float | None
) -> None:
    """Should what is noted at an object ever be wrong, the images stay."""
    ledger.adopt(record(1), ["pacs", "research"], NOW)
    for place in PLACES:
        ledger.delivered(record(1).object_id, place, 0, NOW)
    going = ledger.evictable(NOW, 0, 10)
    assert going == [record(1).object_id]
    with ledger.transaction() as sqlite:
        sqlite.execute(spoil)
    assert ledger.leave(going, NOW, 0) == []
    assert ledger.evictable(NOW, 0, 10) == []
    assert ledger.state(record(1).object_id) == "present"
    assert ledger.evictable(NOW + 50, 0, 10) == (going if noted else [])
    assert ledger.leave(going, NOW + 50, 0) == (going if noted else [])


def test_who_was_owed_nothing_proves_nothing(ledger: Ledger) -> None:
    ledger.adopt(record(1), [], NOW)
    assert not ledger.delivered(record(1).object_id, "pacs", 0, NOW)
    assert ledger.evictable(NOW, 0, 10) == []
