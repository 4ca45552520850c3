"""Notices at once that a program is gone: a descriptor of its process becomes readable (pidfd_open(2))."""

from __future__ import annotations

import os
import selectors
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A process that speaks for a program."""

    program: str
    pid: int
    descriptor: int


class Lifelines:
    """One for each program, in a selector; its data is the `Lifeline`."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._held: dict[str, Lifeline] = {}

    def hold(self, program: str, pid: int) -> bool:
        """Watch the process that speaks for a program now. False where it is gone already."""
        held = self._held.get(program)
        if held and held.pid == pid:
            return True
        self.release(program)
        if pid <= 0:
            return True  # of a namespace that we do not see: silence will tell
        try:
            lifeline = Lifeline(program, pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return False
        except OSError:
            return True  # no descriptor is free, or the kernel has none of these
        self._held[program] = lifeline
        self._selector.register(lifeline.descriptor, selectors.EVENT_READ, lifeline)
        return True

    def release(self, program: str) -> None:
        """Watch it no longer."""
        lifeline = self._held.pop(program, None)
        if lifeline:
            self._selector.unregister(lifeline.descriptor)
            os.close(lifeline.descriptor)

    def close(self) -> None:
        """Watch nobody any longer."""
        for program in tuple(self._held):
            self.release(program)
