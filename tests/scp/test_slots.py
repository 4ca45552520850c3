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


def test_an_ipv6_peer_is_not_in_an_ipv4_range() -> None:
    assert not Slots(1, NETWORKS).registered(ipaddress.ip_address("::1"))


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["take", "associate", "leave"])), max_size=300))
def test_counts_return_to_zero(steps: list[tuple[int, str]]) -> None:
    slots = Slots(50, NETWORKS)
    places: list[Place] = []
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
        assert slots.pending == len(places) - slots.associations
    for place in places:
        slots.left(place)
    assert (slots.pending, slots.associations) == (0, 0)
