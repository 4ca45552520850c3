"""A second thread for one instance at a time: it seals and writes a block while the next ones are being received.

Owns the thread and the hand-over: one piece of work after another, `AHEAD` given and not done at most, so that neither
side waits for the other to wake up while both have something to do. An idle lane sleeps; nothing wakes it but work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from appliance.seal.sealing import AHEAD


class Lane:
    """Begins its thread with the first work. Used by one thread at a time; see `appliance.seal.sealing.Lane`."""

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._free: SimpleQueue[None] = SimpleQueue()  # as many as may be given now
        for _ in range(AHEAD):
            self._free.put(None)
        self._error: BaseException | None = None
        self._begun = False

    def run(self, work: Callable[[], None]) -> None:
        """Have `work` done when what was given before has ended. Raises what that raised; then `work` is not done."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._run, name="lane", daemon=True).start()
        self._free.get()
        if self._error is not None:
            self._free.put(None)
            self.wait()
        self._given.put(work)

    def wait(self) -> None:
        """Return when all that was given has ended. Raises what it raised."""
        self.settle()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def settle(self) -> None:
        """Return when all that was given has ended, however it ended."""
        for _ in range(AHEAD):
            self._free.get()
        for _ in range(AHEAD):
            self._free.put(None)

    def forget(self) -> None:
        """Have nothing left of the instance that was: neither its work nor its error."""
        self.settle()
        self._error = None

    def close(self) -> None:
        """End the thread when it has done what it was given. Nothing may be given any more."""
        self._given.put(None)

    def _run(self) -> None:
        while (work := self._given.get()) is not None:
            if self._error is None:  # else what follows a failure is of no use
                try:
                    work()
                except BaseException as error:  # noqa: BLE001 - raised where the next work is brought
                    self._error = error
            del work
            self._free.put(None)
