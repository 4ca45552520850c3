"""A worker process: takes connections from the acceptor and runs a thread for each. It opens nothing by itself."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from appliance.base import catalogue
from appliance.host.log import log
from appliance.scp import handoff
from appliance.scp.connection import Connection
from appliance.scp.deadlines import Reaper
from appliance.scp.origin import Origin
from appliance.scp.profiles import Profiles
from appliance.scp.service import Service
from appliance.scp.transport import Transport

_GRACE = 10.0  # seconds for the instances that are being received when we are told to stop
_STACK = 512 * 1024
_IDLE_THREADS = 16  # kept for the next connections: a new one costs more than a short connection


class Worker:
    """The process's connections. `serve` returns when the acceptor dismisses us: no signal does, for Python's handlers
    run only when a call returns, and one that came a moment before the call would be heard at the next connection."""

    def __init__(
        self, channel: socket.socket, service: Service, profiles: Profiles | None, doubt: Callable[[], None]
    ) -> None:
        """`doubt` is called, and must not wait, when the acceptor doubts the medium."""
        self._channel = channel
        self._service = service
        self._profiles = profiles
        self._doubt = doubt
        self._reaper = Reaper()
        self._connections: dict[int, Connection | None] = {}  # None: its thread has not come that far yet
        self._changed = threading.Condition()
        self._waiting: SimpleQueue[tuple[socket.socket, Origin, bool]] = SimpleQueue()
        self._idle = 0

    def serve(self) -> None:
        """Take connections until the channel ends, then let what is under way finish."""
        threading.stack_size(_STACK)
        while (taken := handoff.next_connection(self._channel)) is not None:
            if isinstance(taken, handoff.Displaced):
                self._displace(taken.number)
            elif isinstance(taken, handoff.Doubted):
                self._doubt()
            else:
                self._start(*taken)
        self._stop()

    def _start(self, connected: handoff.Connected, raw: socket.socket) -> None:
        origin = Origin(connected.number, ipaddress.ip_address(connected.address), connected.port)
        with self._changed:
            self._connections[origin.number] = None
            idle = self._idle > 0
            self._idle -= idle
        self._waiting.put((raw, origin, connected.tls))
        if not idle:
            threading.Thread(target=self._run_all, name="association", daemon=True).start()

    def _run_all(self) -> None:
        """A thread: connections one after another, until there are enough idle threads."""
        while True:
            self._run(*self._waiting.get())
            with self._changed:
                if self._idle >= _IDLE_THREADS:
                    return
                self._idle += 1

    def _displace(self, number: int) -> None:
        with self._changed:
            connection = self._connections.get(number)
        if connection is not None:
            connection.displace()

    def _run(self, raw: socket.socket, origin: Origin, tls: bool) -> None:
        try:
            try:
                transport = Transport(raw, self._profiles.choose(origin.address) if tls and self._profiles else None)
            except OSError:
                raw.close()
                return  # the peer was gone before a byte was read
            connection = Connection(transport, origin, self._reaper.watch(transport.socket), self._service)
            with self._changed:
                self._connections[origin.number] = connection
            connection.run()
        except Exception as error:  # noqa: BLE001 - a fault in one association never reaches its neighbour
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where=_where(error))
            raw.close()
        finally:
            with self._changed:
                self._connections.pop(origin.number, None)
                self._changed.notify_all()
            handoff.report(self._channel, handoff.Became(origin.number, "closed"))

    def _stop(self) -> None:
        """Let messages that are under way finish for a while; cut off the rest."""
        self._service.stopping.set()
        with self._changed:
            connections = list(self._connections.values())
        for connection in connections:
            if connection is not None:
                connection.stop()
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, _GRACE)


def _where(error: BaseException) -> str:
    """File and line of the innermost frame; never the text of the error, which may quote a peer."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else sys.argv[0]
