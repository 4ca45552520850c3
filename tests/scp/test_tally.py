"""Counters cross a fork."""

import os

from appliance.scp.tally import Tally


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
