from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.config.values import Share
from appliance.delivery.eviction import Evictor
from appliance.vault.adoption import Adoption
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.refusals import DiskRefused
from appliance.vault.space import Space
from tests.delivery.upstream import until
from tests.delivery.vaults import State

NOW = 4e9
KEEP = 100.0
ROOM = Share(bytes=1)
NO_ROOM = Share(bytes=1 << 60)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def ledger(state: State) -> Iterator[Ledger]:
    ledger = Ledger(state.layout.ledger)
    yield ledger
    ledger.close()


def adopt(state: State, ledger: Ledger, count: int, proven: int) -> list[str]:
    """`count` objects for one destination, the first `proven` of them proven at NOW."""
    ids = [state.put(pixels=10) for _ in range(count)]
    Adoption(Objects(state.layout), ledger, state.index_key, lambda _: ("pacs",)).adopt(ids, NOW)
    ledger.lease("pacs", NOW, 100, count)
    for object_id in ids[:proven]:
        ledger.delivered(object_id, "pacs", 0, NOW)
    return ids


@pytest.mark.parametrize(
    ("at", "room", "gone"),
    [
        (NOW + KEEP - 1, ROOM, 0),
        (NOW + KEEP, ROOM, 3),
        (NOW, NO_ROOM, 3),
        (NOW + KEEP - 3600, ROOM, 0),  # the clock was put back by an hour: an hour more
        (NOW + KEEP - 1 + 3600, ROOM, 3),  # and forward: an hour less
        (NOW - 10 * 365 * 86400, NO_ROOM, 3),  # what is proven goes where space is short, whenever that was
    ],
)
def test_only_what_is_proven_goes_after_its_time_or_under_pressure(
    state: State, ledger: Ledger, at: float, room: Share, gone: int
) -> None:
    ids = adopt(state, ledger, 5, proven=3)
    objects = Objects(state.layout)
    evictor = Evictor(ledger, objects, Space(state.root, room), KEEP, now=lambda: at)
    assert evictor.evict() == gone
    assert [objects.holds(object_id) for object_id in ids] == [not gone] * 3 + [True] * 2
    assert evictor.evict() == 0


def test_more_than_a_batch_goes_at_once(state: State, ledger: Ledger) -> None:
    adopt(state, ledger, 70, proven=70)
    evictor = Evictor(ledger, Objects(state.layout), Space(state.root, ROOM), KEEP, now=lambda: NOW + KEEP)
    assert evictor.evict() == 70
    assert ledger.holdings()["present"].objects == 0


def test_the_thread_evicts_by_itself(state: State, ledger: Ledger) -> None:
    adopt(state, ledger, 2, proven=1)
    told: list[None] = []
    space = Space(state.root, ROOM)
    evictor = Evictor(ledger, Objects(state.layout), space, 0, on_change=lambda: told.append(None), now=lambda: NOW)
    evictor.start()
    until(lambda: told)
    evictor.stop()
    assert ledger.holdings()["present"].objects == 1


def test_what_the_medium_kept_from_leaving_leaves_later(state: State, ledger: Ledger) -> None:
    ids = adopt(state, ledger, 3, proven=2)
    objects = Objects(state.layout)
    evictor = Evictor(ledger, objects, Space(state.layout.objects, ROOM), KEEP, now=lambda: NOW + KEEP)
    state.layout.incoming.rename(state.layout.root / "elsewhere")
    with pytest.raises(DiskRefused):
        evictor.evict()
    assert set(ledger.exceptional("leaving")) == set(ids[:2])
    (state.layout.root / "elsewhere").rename(state.layout.incoming)
    evictor.evict()
    assert ledger.exceptional("leaving") == [] and ledger.state(ids[0]) is None
    assert ledger.state(ids[2]) == "present"


def test_one_that_comes_no_further_is_told_from_one_that_rests(
    state: State, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ENGINE_STEP", replace(limits.ENGINE_STEP, default=0))
    goes_on = threading.Event()
    evictor = Evictor(
        ledger, Objects(state.layout), Space(state.root, ROOM), KEEP, housekeeping=goes_on.wait, now=lambda: NOW
    )
    evictor.start()
    assert evictor.is_alive(), "there is nothing to do yet"
    evictor.wake()
    until(lambda: not evictor.is_alive())
    goes_on.set()
    until(evictor.is_alive)
    evictor.stop()
    assert not evictor.is_alive()
