"""What is read out of /proc: by example, and of this process."""

from __future__ import annotations

import os
import time

import pytest

from tests.bench import proc

STAT = "4711 (a (name) of x) S 1 4711 4711 0 -1 4194560 2110 0 0 0 250 50 7 7 20 0 3 0 99 1 2 3\n"
STATUS = (
    "Name:\tx\nVmHWM:\t   50000 kB\nVmRSS:\t   41000 kB\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
)


def test_cpu_is_user_and_system_time_whatever_the_name() -> None:
    found = proc.cpu_of_stat(STAT, ticks=100)
    assert found == proc.Cpu(2.5, 0.5)
    assert found.total == 3.0
    assert (found - proc.Cpu(0.5, 0.5)) / 2 == proc.Cpu(1.0, 0.0)


def test_time_on_a_cpu_is_the_first_number_of_schedstat() -> None:
    assert proc.nanoseconds_of_schedstat("1234567 89 10\n") == 1234567


def test_switches_of_both_kinds_are_added() -> None:
    assert proc.switches_of_status(STATUS) == 15


def test_kilobytes_by_name() -> None:
    assert proc.kilobytes(STATUS, "VmHWM") == 50000
    with pytest.raises(KeyError):
        proc.kilobytes(STATUS, "VmSwap")


def test_of_this_process_the_figures_move() -> None:
    mine = [os.getpid()]
    before, switched = proc.fine_cpu(mine), proc.switches(mine)
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    os.sched_yield()
    assert proc.fine_cpu(mine) - before > 0.01
    assert proc.cpu(mine).total > 0
    assert proc.switches(mine) >= switched
    assert proc.threads(mine) >= 1
    held = proc.memory(mine[0])
    assert held.peak >= held.resident > held.proportional * 0.5 > 1
