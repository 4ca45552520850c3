"""How much a call does, in lines of our own code that it runs: unlike seconds, the same on a busy machine.

A core runs some five to ten million lines a second here, so that 100 ms are half a million at the least.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

STALL = 500_000  # lines: what one input must stay well below


def steps(act: Callable[[], object]) -> int:
    """The lines that `act` runs, those of all functions that it calls."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count
