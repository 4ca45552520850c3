"""Strangers cannot crowd out registered devices; counts come back to zero."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from appliance.base import limits
from appliance.scp.slots import Place, Refusal, Slots

REGISTERED = ipaddress.ip_address("10.20.0.11")
NETWORKS = (ipaddress.ip_network("10.20.0.0/24"),)


def stranger(number: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address("198.51.100.0") + number


def test_strangers_together_leave_room_for_registered_devices() -> None:
    slots = Slots(100, NETWORKS)
    taken = [slots.take(stranger(number)) for number in range(200)]
    assert sum(isinstance(each, Place) for each in taken) == limits.PENDING_HANDSHAKES.default // 4
    assert isinstance(slots.take(REGISTERED), Place)
    refusal = taken[-1]
    assert isinstance(refusal, Refusal) and "[[peer]]" in refusal.advice


def test_one_stranger_gets_few() -> None:
    slots = Slots(100, NETWORKS)
    assert [isinstance(slots.take(stranger(1)), Place) for _ in range(20)] == [True] * 16 + [False] * 4


def test_associations_are_limited_in_all() -> None:
    slots = Slots(2, NETWORKS)
    for _ in range(2):
        place = slots.take(REGISTERED)
        assert isinstance(place, Place)
        slots.associated(place)
    refusal = slots.take(REGISTERED)
    assert isinstance(refusal, Refusal) and refusal.reason == "2 associations are open"


def test_a_registered_address_that_used_up_its_share_gives_up_its_oldest_connection() -> None:
    slots = Slots(1000, NETWORKS)
    places: list[Place] = []
    while not places or places[-1].instead_of is None:
        found = slots.take(REGISTERED)
        assert isinstance(found, Place) and len(places) < limits.PENDING_HANDSHAKES.default
        places.append(found)
    assert places[-1].instead_of is places[0] and places[0].displaced
    assert slots.pending == len(places) - 1
    slots.left(places[0])  # its connection was shut
    assert slots.pending == len(places) - 1


def test_a_displaced_connection_that_was_faster_counts_as_an_association() -> None:
    slots = Slots(1000, NETWORKS)
    first = slots.take(REGISTERED)
    assert isinstance(first, Place)
    while not first.displaced:
        slots.take(REGISTERED)
    pending = slots.pending
    slots.associated(first)
    assert (slots.pending, slots.associations) == (pending, 1)
    slots.left(first)
    assert (slots.pending, slots.associations) == (pending, 0)


def test_when_all_places_are_taken_the_address_with_most_gives_one_up() -> None:
    slots = Slots(1000, NETWORKS)
    crowd = [slots.take(REGISTERED + number % 3) for number in range(limits.PENDING_HANDSHAKES.default - 1)]
    crowd.append(slots.take(REGISTERED + 1))
    place = slots.take(REGISTERED + 9)
    assert isinstance(place, Place) and place.instead_of in crowd and place.instead_of is not None
    assert slots.pending == limits.PENDING_HANDSHAKES.default


def test_an_ipv6_peer_is_not_in_an_ipv4_range() -> None:
    assert not Slots(1, NETWORKS).registered(ipaddress.ip_address("::1"))


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["take", "associate", "leave"])), max_size=300))
def test_counts_return_to_zero(steps: list[tuple[int, str]]) -> None:
    slots = Slots(50, NETWORKS)
    places: list[Place] = []
    slots._max_pending = 20  # so that some are displaced
    for number, step in steps:
        if step == "take":
            found = slots.take(stranger(number) if number % 2 else REGISTERED)
            if isinstance(found, Place):
                places.append(found)
        elif places and step == "associate" and not places[number % len(places)].associated:
            slots.associated(places[number % len(places)])
        elif places and step == "leave":
            slots.left(places.pop(number % len(places)))
        assert slots.associations == sum(place.associated for place in places)
        assert slots.pending == sum(not place.associated and not place.displaced for place in places) <= 20
    for place in places:
        slots.left(place)
    assert (slots.pending, slots.associations) == (0, 0)
