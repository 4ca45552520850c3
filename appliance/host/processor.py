"""On which processors a program runs.

Threads of one Python interpreter run by turns. On several processors each turn wakes a sleeping one, which costs more
than the little that could run at the same time, so a program of many threads is faster on one.
"""

from __future__ import annotations

import os
from contextlib import suppress

_ours = os.sched_getaffinity(0)  # what whoever started us allows


def keep_to_one() -> None:
    """Stay on one processor: this thread, and all that are started by it. Where the system forbids it, all stays as it
    is. The last one, for the first has most of the interrupts."""
    with suppress(OSError):
        os.sched_setaffinity(0, {max(_ours)})


def set_free(pid: int) -> None:
    """Have a process that we started run on whichever processor is free."""
    with suppress(OSError):
        os.sched_setaffinity(pid, _ours)
