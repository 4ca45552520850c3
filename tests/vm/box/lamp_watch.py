"""Waiting for lamps: each change as the guest's agent saw it, by the guest's clock."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.vm.box.guest import Guest
from tests.vm.box.lights import expected, light


class LampWatch:
    """The lamps of a running guest."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self.changes: list[tuple[float, str, str]] = []  # when, function, what it shows
        self._taken = 0

    def look(self) -> float:
        """Take in what changed; the guest's time."""
        now, changes = self._guest.lamps(self._taken)
        self._taken += len(changes)
        self.changes += [(when, name.rpartition(":")[2], light(files)) for when, name, files in changes]
        return now

    def now(self) -> dict[str, str]:
        """What each lamp shows, by function."""
        self.look()
        return {function: shows for _, function, shows in self.changes}

    def wait(self, *keys: str, since: float, seconds: float) -> float | None:
        """The guest's seconds from `since` until a lamp showed one of these rows; None if it did not in time."""
        function = keys[0].partition(":")[0]
        rows = {expected(key) for key in keys}
        while True:
            now = self.look()
            before = [(when, shows) for when, name, shows in self.changes if name == function]
            shown = [when for when, shows in before if shows in rows and when >= since]
            if before and before[-1][1] in rows:
                shown.append(max(before[-1][0], since))
            if shown:
                return min(shown) - since
            if now - since > seconds:
                return None
            time.sleep(0.5)

    def until(self, rows: Mapping[str, tuple[str, ...]], seconds: float) -> bool:
        """Wait until the lamps show one of these states ("function" -> states) each, all at once."""
        give_up = time.monotonic() + seconds
        wanted = {name: {expected(f"{name}:{state}") for state in states} for name, states in rows.items()}
        while True:
            shown = self.now()
            if all(shown.get(function) in shows for function, shows in wanted.items()):
                return True
            if time.monotonic() > give_up:
                return False
            time.sleep(0.5)
