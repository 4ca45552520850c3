"""A capture that goes on whatever becomes of its interface: one that is not there yet, or was removed and came back, or
a capture that failed, is opened when it can be, and each gap is told. It ends when its reader does.

One that fails as soon as it was opened is opened ever more seldom, and its reader goes on meanwhile.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator

from appliance.capture.interface import open_interface
from appliance.capture.link_bell import LinkBell
from appliance.capture.packet_socket import link_fault
from appliance.capture.source import CaptureFailed, Source
from appliance.inspection.engine import Packet

_LOOK = 1.0  # seconds between two looks whether the interface is still the one that is watched
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_MOST_NAMES = 16
_STEADY = 10.0  # seconds after which a capture that fails was a good one


class Healed:
    """A `source.Source`. Raises what `open_interface` does, when it is made and never after that; an interface that is
    not there is waited for."""

    def __init__(self, interface: str, opening: Callable[[str], Source] = open_interface) -> None:
        self._interface = interface
        self._opening = opening
        self._index = 0
        self._opened = 0.0
        self._pause = 0.0  # before the next opening
        self._blind_since: float | None = None
        self._seen = False  # that a batch came, ever
        self._gaps: list[str] = []
        self._source: Source | None = self._open_first()
        self._how, self._lossy = (self._source.how, self._source.lossy) if self._source else ("", False)
        self._lost = 0
        self._down = False

    @property
    def how(self) -> str:
        """See `source.Source`. Empty until the interface was there once."""
        return self._how

    @property
    def lossy(self) -> bool:
        """See `source.Source`."""
        return self._lossy

    @property
    def fault(self) -> str:
        """What keeps frames from coming now, in words of ours behind the interface's name; "" if nothing does."""
        return link_fault(self._interface) or ("cannot be captured" if self._blind_since is not None else "")

    def _open(self) -> Source:
        source = self._opening(self._interface)
        self._index, self._opened = _index(self._interface), time.monotonic()
        return source

    def _open_first(self) -> Source | None:
        """A card may come late, and a VLAN device be made later; whose name is wrong is told so."""
        try:
            return self._open()
        except CaptureFailed:
            if _index(self._interface):
                raise
            self._blind_since = time.monotonic()
            self._gaps.append(
                f"there is no interface {self._interface}; there are {', '.join(interfaces())}. It is watched when it "
                "comes; if the name is wrong, correct it in [sensor] and restart appliance-sensor"
            )
            return None

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        """See `source.Source`."""
        while True:
            why = "the capture ended"
            try:
                if self._source is not None:
                    looked = time.monotonic()
                    for batch in self._source.batches(wake, timeout):
                        self._sees()
                        yield batch
                        if time.monotonic() - looked >= _LOOK:
                            looked = time.monotonic()
                            if _index(self._interface) != self._index:
                                why = f"the interface {self._interface} was removed"
                                break
            except Exception as error:  # noqa: BLE001 - whatever it was, a sensor that watches no more is worse
                why = f"the capture failed ({type(error).__name__})"
            yield from self._anew(why, wake, timeout)

    def _sees(self) -> None:
        """A batch came: what was blind sees again."""
        if self._blind_since is not None:
            seconds, self._blind_since = time.monotonic() - self._blind_since, None
            again = "again" if self._seen else "now"
            self._gaps.append(f"{self._interface} is watched {again}, after {seconds:.1f} s")
        self._seen = True

    def _anew(self, why: str, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        """Open the interface again: at once, or after a while where that did not help the last time."""
        now = time.monotonic()
        if self._blind_since is None:
            self._blind_since = now
            self._gaps.append(why)
        steady = now - self._opened >= _STEADY
        self._let_go()
        if steady:
            self._pause = 0.0
        bell = LinkBell()
        try:
            while self._source is None:
                yield from self._wait(wake, timeout, bell)
                self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                if not _index(self._interface):
                    continue
                try:
                    self._source = self._open()
                except Exception:  # noqa: BLE001, S112 - it is tried again; `fault` tells
                    continue
                before, self._how, self._lossy = self._how, self._source.how, self._source.lossy
                if before and before != self._how:
                    self._gaps.append(f"{self._interface} is watched in another way: {self._how}")
        finally:
            bell.close()

    def _wait(self, wake: int, timeout: float, bell: LinkBell) -> Iterator[Iterable[Packet]]:
        """Let `_pause` pass, or until the interface comes where it is away; the reader goes on."""
        due, away = time.monotonic() + self._pause, not _index(self._interface)
        poll = select.poll()
        for descriptor in (wake, bell.fileno()):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        while (rest := due - time.monotonic()) > 0:
            poll.poll(min(rest, timeout) * 1000)
            bell.hush()
            if away and _index(self._interface):
                self._pause = 0.0
                return
            yield iter(())

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
        lost, down = (0, False)
        if self._source is not None:
            try:
                lost, down = self._source.losses()
            except OSError:
                pass  # its reader is told in a moment
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


def interfaces() -> tuple[str, ...]:
    """The names of those that there are, loopback last; a few, for people."""
    try:
        names = [name for _, name in socket.if_nameindex()]
    except OSError:
        names = []
    return tuple(sorted(names, key=lambda name: name == "lo")[:_MOST_NAMES])


def _index(interface: str) -> int:
    """The kernel's number of an interface: another one of the same name has another. 0 where there is none."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0
