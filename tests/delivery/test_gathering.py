from __future__ import annotations

from appliance.delivery.gathering import MOST, Gathering
from appliance.vault.deliveries import Lease


def lease(number: int) -> Lease:
    return Lease(f"{number:032x}", "pacs", 1, 0.0, 0.0, "CT suite 1", "CT1", "EDGE01", "1.2", "1.2.3", "CT", 1)


def test_they_are_due_some_time_after_the_first_and_sooner_for_who_is_idle() -> None:
    now = 100.0
    gathering = Gathering(lambda: now)
    assert gathering.due_in(idle=True) is None
    gathering.add(lease(1), 0)
    now += 0.1
    gathering.add(lease(2), 0xB000)
    assert gathering.due_in(idle=True) == 0
    left = gathering.due_in(idle=False)
    assert left is not None and 0 < left < 1
    now += left
    assert gathering.due_in(idle=False) == 0
    assert [(each.object_id[-1], status) for each, status in gathering.take()] == [("1", 0), ("2", 0xB000)]
    assert gathering.due_in(idle=False) is None


def test_many_wait_for_nobody() -> None:
    gathering = Gathering(lambda: 100.0)
    for number in range(MOST):
        assert gathering.due_in(idle=False) != 0
        gathering.add(lease(number), 0)
    assert gathering.due_in(idle=False) == 0
    assert len(gathering.take()) == MOST
