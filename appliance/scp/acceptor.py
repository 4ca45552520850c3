"""The acceptor: the one process that accepts, counts by address, refuses before TLS, and hands connections to workers.

It is single-threaded, so that workers can be forked from it at any time; it reads no byte of any peer. When a worker
dies, another takes its place; when the configuration changes, a new generation of workers takes the new connections
and the old one sees its associations to their end.
"""

from __future__ import annotations

import ipaddress
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.base import catalogue
from appliance.base.throttle import Throttle, not_shown
from appliance.config.values import Address, unmapped
from appliance.host.log import log
from appliance.scp import handoff
from appliance.scp.slots import Place, Refusal, Slots
from appliance.scp.tally import NAMES, Tally

Serve = Callable[[socket.socket, Tally], None]
_RESTART_DELAY = 1.0
_TICK = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and whether TLS is spoken on it. Never both on one port (PS3.15 B.1)."""

    socket: socket.socket
    tls: bool


@dataclass(slots=True)
class _Worker:
    pid: int
    channel: socket.socket
    tally: Tally
    started: float
    retiring: bool = False
    behind: float | None = None  # since when it takes nothing that it is handed, and reports nothing
    done: int = 0  # messages that it had made durable when we looked last
    still: float | None = None  # since when it makes some durable, and none became so
    places: dict[int, Place] = field(default_factory=dict)

    def dismiss(self) -> None:
        """Have it end: it finishes the messages that are under way, and cuts off the rest."""
        try:
            self.channel.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone; its end of the channel tells


class Acceptor:
    """Owns listeners and workers. `run` returns when `stop` was called and the workers are gone."""

    def __init__(
        self, listeners: list[Listener], slots: Slots, workers: int, serve: Serve, tick: Callable[[], float]
    ) -> None:
        self.slots = slots
        self._listeners = listeners
        self._wanted = workers
        self._serve = serve
        self._tick = tick
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._throttle = Throttle()
        self._number = 0
        self._past = dict.fromkeys(NAMES, 0)  # what ended workers had counted
        self._stopping = False
        self._heeded: list[int] = []

    def run(self) -> None:
        """Accept until stopped."""
        for listener in self._listeners:
            listener.socket.setblocking(False)
            # Who asks speaks first, in TLS and in DICOM: a connection without a byte may wait in the kernel a while.
            listener.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
            self._selector.register(listener.socket, selectors.EVENT_READ, listener)
        self._fill()
        due = 0.0
        while self._workers or not self._stopping:
            now = time.monotonic()
            if now >= due:
                due = now + self._tick()
            for key, _ in self._selector.select(due - now):
                due = min(due, now + _TICK)  # not for each of a flood of connections
                if isinstance(key.data, Listener):
                    self._accept(key.data)
                elif isinstance(key.data, _Worker):
                    self._hear(key.data)
                else:
                    key.data()

    def heed(self, descriptor: int, request: Callable[[], None]) -> None:
        """Have `request` done by the loop whenever `descriptor` is readable."""
        self._heeded.append(descriptor)
        self._selector.register(descriptor, selectors.EVENT_READ, request)

    def stop(self) -> None:
        """Accept no more, and have the workers finish what is under way."""
        if self._stopping:
            return  # we were told twice
        self._stopping = True
        for listener in self._listeners:
            self._selector.unregister(listener.socket)
            listener.socket.close()
        for worker in self._workers:
            worker.dismiss()

    def renew(self, serve: Serve, workers: int) -> None:
        """Take new connections with `serve` from now on; associations that are open end with the workers they have."""
        self._serve = serve
        self._wanted = workers
        for worker in self._workers:
            worker.retiring = True
            if not worker.places:
                worker.dismiss()
        self._fill()

    def doubt(self) -> None:
        """Tell all workers that the medium may have failed or gone."""
        for worker in self._workers:
            handoff.doubt(worker.channel)

    def counts(self) -> dict[str, int]:
        """The counters of all workers, those that ended included."""
        total = dict(self._past)
        for worker in self._workers:
            for name, value in worker.tally.read().items():
                total[name] += value
        return total | {"pending": self.slots.pending, "workers": len(self._workers)}

    def behind(self, now: float) -> float:
        """For how many seconds a worker has neither taken what it was handed nor reported anything; 0: none lags."""
        for worker in self._workers:
            if worker.retiring or not handoff.untaken(worker.channel):
                worker.behind = None
            elif worker.behind is None:
                worker.behind = now
        return max((now - worker.behind for worker in self._workers if worker.behind is not None), default=0.0)

    def stuck(self, now: float) -> float:
        """For how many seconds a worker has been making messages durable, and none became so; 0: none is stuck."""
        for worker in self._workers:
            open_, done = worker.tally.steps()
            if not open_ or done != worker.done:
                worker.still, worker.done = (now if open_ else None), done
            elif worker.still is None:
                worker.still = now
        return max((now - worker.still for worker in self._workers if worker.still is not None), default=0.0)

    # Workers

    def _fill(self) -> None:
        while not self._stopping and sum(not worker.retiring for worker in self._workers) < self._wanted:
            self._fork()

    def _fork(self) -> None:
        ours, theirs = handoff.pair()
        tally = Tally()
        # A signal between the fork and the child's own handlers would be handled by ours, and be lost.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, tally, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        worker = _Worker(pid, ours, tally, time.monotonic())
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(
        self, ours: socket.socket, theirs: socket.socket, tally: Tally, mask: set[signal.Signals | int]
    ) -> None:
        status = 70
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # the channel's end tells it to end
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._selector.close()
            for each in (ours, *(worker.channel for worker in self._workers)):
                each.close()
            for listener in self._listeners:
                listener.socket.close()
            for descriptor in self._heeded:
                os.close(descriptor)
            self._serve(theirs, tally)
            status = 0
        finally:
            os._exit(status)

    def _hear(self, worker: _Worker) -> None:
        """Take in what a worker reports, or that it is gone."""
        try:
            became = handoff.next_report(worker.channel)
        except BlockingIOError:
            return
        except OSError:
            became = None
        if became is None:
            self._bury(worker)
            return
        worker.behind = None
        place = worker.places.get(became.number)
        if place is None:
            return
        if became.what == "associated":
            self.slots.associated(place)
        else:
            del worker.places[became.number]
            self.slots.left(place)
            if worker.retiring and not worker.places:
                worker.dismiss()

    def _bury(self, worker: _Worker) -> None:
        self._selector.unregister(worker.channel)
        worker.channel.close()
        _, status = os.waitpid(worker.pid, 0)
        self._workers.remove(worker)
        for place in worker.places.values():
            self.slots.left(place)
        counted = worker.tally.read()
        for name in NAMES:
            self._past[name] += counted[name] if name != "associations" else 0
        if status and not self._stopping:
            log(catalogue.PROGRAM_DIED, program="a receiving worker", detail=_describe(status), delay=_RESTART_DELAY)
            time.sleep(max(0.0, worker.started + _RESTART_DELAY - time.monotonic()))
        self._fill()

    # Connections

    def _accept(self, listener: Listener) -> None:
        try:
            connection, peer = listener.socket.accept()
        except OSError:
            return  # it was gone before we looked
        with connection:
            if _left(connection):
                return
            address = unmapped(ipaddress.ip_address(peer[0].partition("%")[0]))
            place = self.slots.take(address)
            if isinstance(place, Refusal):
                self._refuse(address, place)
                return
            self._number += 1
            place.number = self._number
            if place.instead_of:
                self._displace(place.instead_of)
                place.instead_of = None
            connected = handoff.Connected(self._number, str(address), peer[1], listener.tls)
            for worker in sorted(self._workers, key=_load):
                if worker.retiring:
                    continue
                try:
                    handoff.pass_connection(worker.channel, connected, connection)
                except OSError:
                    continue  # its queue is full, or it has just died: the next one
                worker.places[self._number] = place
                return
            self.slots.left(place)
            self._refuse(address, Refusal("no worker can take it", "Look for PROGRAM-DIED lines."))

    def _displace(self, place: Place) -> None:
        for worker in self._workers:
            if place.number in worker.places:
                handoff.displace(worker.channel, handoff.Displaced(place.number))

    def _refuse(self, address: Address, refusal: Refusal) -> None:
        passes, swallowed = self._throttle.passes((address, refusal.advice), time.monotonic())
        if passes:
            log(
                catalogue.CONNECTION_REFUSED,
                address=address,
                reason=refusal.reason + not_shown(swallowed),
                advice=refusal.advice,
            )


def _left(connection: socket.socket) -> bool:
    """Whether the peer closed before it said anything: port scans, health checks, floods. Nothing is taken off."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _load(worker: _Worker) -> int:
    return len(worker.places)


def _describe(status: int) -> str:
    """What waitpid says, in words."""
    code: Any = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def listen(host: str, port: int, tls: bool) -> Listener:
    """Open a listener; "::" takes IPv4 as well."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, port))
    sock.listen(1024)
    return Listener(sock, tls)
