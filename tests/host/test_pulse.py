"""A thread that is at work and comes no further is told from one that rests."""

from __future__ import annotations

from appliance.base import limits
from appliance.host.pulse import Pulse


def test_who_rests_may_do_so_for_ever_and_who_works_has_to_come_further() -> None:
    now = 100.0
    pulse = Pulse(lambda: now)
    now += 1e9
    assert pulse.moves(), "nothing was to be done yet"
    pulse.beat()
    now += limits.ENGINE_STEP.default - 1
    assert pulse.moves()
    now += 1
    assert not pulse.moves()
    pulse.beat()
    assert pulse.moves(), "it was slow, and came further"
    pulse.rest()
    now += 1e9
    assert pulse.moves()
