from __future__ import annotations

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.machine import AWAITING, Machine
from appliance.upper_layer.table import Evt, State


def test_a_blank_cell_is_our_own_mistake_and_changes_nothing() -> None:
    machine = Machine(State.STA6)
    with pytest.raises(LocalError, match="release response is not possible in Sta6"):
        machine.advance(Evt.RELEASE_RESPONSE)
    assert machine.state is State.STA6


def test_the_end_is_told_once() -> None:
    machine = Machine(State.STA6)
    told: list[State] = []
    machine.when_over = lambda: told.append(machine.state)
    machine.advance(Evt.ABORT_REQUEST)
    machine.advance(Evt.TRANSPORT_CLOSED)
    assert told == [State.STA13]


def test_every_state_awaits_something() -> None:
    assert AWAITING.keys() == set(State)
