"""A capture that goes on whatever becomes of its interface: one that was removed and came back, or a capture that
failed, is opened anew, and each gap is told. It ends when its reader does.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator

from appliance.base.errors import ApplianceError
from appliance.capture.interface import open_interface
from appliance.capture.source import Source
from appliance.inspection.engine import Packet

_LOOK = 1.0  # seconds between two looks whether the interface is still the one that is watched
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class Healed:
    """A `source.Source`. Raises what `open_interface` does, when it is made and never after that."""

    def __init__(self, interface: str, opening: Callable[[str], Source] = open_interface) -> None:
        self._interface = interface
        self._opening = opening
        self._index = 0
        self._source: Source | None = self._open()
        self._how = self._source.how
        self._gaps: list[str] = []
        self._lost = 0
        self._down = False

    @property
    def how(self) -> str:
        """See `source.Source`."""
        return self._how

    def _open(self) -> Source:
        source = self._opening(self._interface)
        self._index = _index(self._interface)
        return source

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        """See `source.Source`."""
        while True:
            why = "the capture ended"
            try:
                if self._source is not None:
                    looked = time.monotonic()
                    for batch in self._source.batches(wake, timeout):
                        yield batch
                        if time.monotonic() - looked >= _LOOK:
                            looked = time.monotonic()
                            if _index(self._interface) != self._index:
                                why = f"the interface {self._interface} was removed"
                                break
            except Exception as error:  # noqa: BLE001 - whatever it was, a sensor that watches no more is worse
                why = f"the capture failed ({type(error).__name__})"
            yield from self._anew(why, wake, timeout)

    def _anew(self, why: str, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        """Open the interface again, as soon as that can be done."""
        self._gaps.append(why)
        self._let_go()
        began, pause = time.monotonic(), _FIRST_PAUSE
        while self._source is None:
            try:
                self._source = self._open()
                self._how = self._source.how
            except (ApplianceError, OSError):
                poll = select.poll()
                if wake >= 0:
                    poll.register(wake, select.POLLIN)
                poll.poll(min(pause, timeout) * 1000)
                pause = min(pause * 2, _LONGEST_PAUSE)
                yield iter(())
        self._gaps.append(f"{self._interface} is watched again, after {time.monotonic() - began:.1f} s")

    def _let_go(self) -> None:
        if self._source is None:
            return
        try:
            lost, down = self._source.losses()
            self._lost, self._down = self._lost + lost, self._down or down
        except OSError:
            pass  # it is gone, and what it counted too
        try:
            self._source.close()
        except OSError:
            pass
        self._source = None

    def losses(self) -> tuple[int, bool]:
        """See `source.Source`."""
        lost, down = self._source.losses() if self._source is not None else (0, False)
        lost, self._lost = lost + self._lost, 0
        down, self._down = down or self._down, False
        return lost, down

    def take_gaps(self) -> list[str]:
        """What became of the capture since the last call, in words of ours."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def close(self) -> None:
        """See `source.Source`."""
        self._let_go()


def _index(interface: str) -> int:
    """The kernel's number of an interface: another one of the same name has another. 0 where there is none."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0
