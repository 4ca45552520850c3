"""Threads that take turns: one runs at a time, and a seed says which goes on where they may change.

They may change before each operation of the disk, while a sync is under way, and where one waits for another. So every
interleaving that a seed draws can be had again. `condition` makes what stands in for threading.Condition.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from types import TracebackType


class Stuck(AssertionError):
    """Every thread waits for another."""


class _Player:
    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.ready: Callable[[], bool] = _at_once
        self.over = False


def _at_once() -> bool:
    return True


class Turns:
    """One game: `run` it once. Outside of it `pause` does nothing."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._stay = self._dice.choice((0.0, 0.5, 0.8))  # else all keep pace, and nobody comes while another flushes
        self._players: list[_Player] = []
        self._mine = threading.local()
        self._errors: list[BaseException] = []
        self._done = threading.Semaphore(0)

    def run(self, *bodies: Callable[[], object]) -> None:
        """Run them all to their end; raise what one of them raised first."""
        self._players = [_Player() for _ in bodies]
        threads = [
            threading.Thread(target=self._play, args=(player, body), daemon=True)
            for player, body in zip(self._players, bodies, strict=True)
        ]
        for thread in threads:
            thread.start()
        self._pass_on()
        self._done.acquire()
        for thread in threads:
            thread.join(0 if self._errors else None)  # of those that are stuck nothing more is heard
        self._players = []
        if self._errors:
            raise self._errors[0]

    def pause(self) -> None:
        """Perhaps another goes on first."""
        self.until(_at_once)

    def until(self, ready: Callable[[], bool]) -> None:
        """Let others go on until `ready`."""
        me: _Player | None = getattr(self._mine, "player", None)
        if me is None:
            assert ready(), "nobody is there to wait for"
            return
        if ready() and self._dice.random() < self._stay:
            return
        me.ready = ready
        self._pass_on()
        me.go.acquire()
        me.ready = _at_once

    def condition(self) -> Condition:
        """A lock and a condition for these threads."""
        return Condition(self)

    def _play(self, player: _Player, body: Callable[[], object]) -> None:
        self._mine.player = player
        player.go.acquire()
        try:
            body()
        except BaseException as error:  # raised by `run`
            self._errors.append(error)
        player.over = True
        self._pass_on()

    def _pass_on(self) -> None:
        left = [player for player in self._players if not player.over]
        able = [player for player in left if player.ready()]
        if able:
            self._dice.choice(able).go.release()
            return
        if left:
            self._errors.append(Stuck("every thread waits for another"))
        self._done.release()


class Condition:
    """As threading.Condition, where only who has the turn runs."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held = False
        self._waiting: list[object] = []

    def __enter__(self) -> bool:
        self._turns.until(lambda: not self._held)
        self._held = True
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = False

    acquire = __enter__

    def release(self) -> None:
        self._held = False

    def wait(self) -> None:
        ticket = object()
        self._waiting.append(ticket)
        self._held = False
        self._turns.until(lambda: not self._held and ticket not in self._waiting)
        self._held = True

    def notify_all(self) -> None:
        self._waiting.clear()

    def notify(self) -> None:
        del self._waiting[:1]
