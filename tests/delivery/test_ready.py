from __future__ import annotations

from appliance.delivery.ready import Ready
from appliance.vault.deliveries import Lease

ME, ANOTHER, THIRD = 1, 2, 3


def lease(number: int, calling_ae: str = "CT1") -> Lease:
    return Lease(f"{number:032x}", "pacs", 1, 0.0, 0.0, "suite 1", calling_ae, "EDGE01", "1.2", "1.2.3", "CT", 1)


def ready(*leases: Lease) -> Ready:
    found = Ready()
    found.add(leases)
    return found


def anything(_: Lease) -> bool:
    return True


def test_who_is_alone_gets_all() -> None:
    leases = [lease(number) for number in range(5)]
    found = ready(*leases)
    assert found.share(ME, 0, anything) == leases
    assert not found and found.leases() == []


def test_those_that_are_at_work_share_before_any_has_a_session() -> None:
    found = ready(*map(lease, range(4)))
    assert len(found.share(ME, 0, anything)) == 4
    found.add(map(lease, range(4, 10)))
    assert len(found.share(ANOTHER, 0, anything)) == 3
    assert len(found.share(THIRD, 0, anything)) == 1
    found.returned(ANOTHER)
    found.returned(THIRD)
    assert len(found.share(ME, 0, anything)) == 2, "the others have nothing to do and may have ended"


def test_an_idle_session_has_its_share() -> None:
    assert len(ready(*map(lease, range(8))).share(ME, 4, anything)) == 2


def test_what_suits_comes_first_and_the_rest_keeps_its_order() -> None:
    leases = [lease(number, f"CT{number % 2}") for number in range(8)]
    found = ready(*leases)
    assert found.share(ME, 2, lambda each: each.calling_ae == "CT1") == [leases[1], leases[3], leases[5], leases[7]]
    assert found.leases() == [leases[0], leases[2], leases[4], leases[6]]


def test_where_nothing_suits_a_new_session_is_worth_more_than_a_share() -> None:
    leases = [lease(1, "CT1"), lease(2, "MR1"), lease(3, "CT1")]
    found = ready(*leases)
    assert found.share(ME, 3, lambda _: False) == [leases[0], leases[2]]
    assert found.leases() == [leases[1]]


def test_what_is_withdrawn_is_handed_to_nobody() -> None:
    leases = [lease(1), lease(2)]
    found = ready(*leases)
    assert found.withdraw() == leases
    assert found.share(ME, 1, anything) == []
