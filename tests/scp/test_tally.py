"""Counters cross a fork."""

import contextlib
import os

from appliance.scp.tally import NAMES, Tally


def test_a_parent_reads_what_a_child_counts() -> None:
    tally = Tally()
    child = os.fork()
    if child == 0:
        tally.add("stored", 3)
        tally.add("associations")
        tally.add("associations", -1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert tally.read()["stored"] == 3 and tally.read()["associations"] == 0


def test_what_is_being_made_durable_is_no_counter_for_people() -> None:
    tally = Tally()
    with tally.step():
        assert tally.steps() == (1, 0)
        with tally.step():
            assert tally.steps() == (2, 0)
    assert tally.steps() == (0, 2)
    with contextlib.suppress(OSError), tally.step():
        raise OSError
    assert tally.steps() == (0, 3)
    assert set(tally.read()) == set(NAMES) and not any(tally.read().values())
