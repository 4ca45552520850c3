"""Brings records to the collector: one thread keeps them on the disk, another sends what is there. Nobody waits for
either.

A record counts as taken when the connection that carried it lived on for a while and all of it was acknowledged; after
a break everything younger is sent again, under its old number. So each record arrives at least once, in order.
"""

from __future__ import annotations

import queue
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, DiskError
from appliance.base.throttle import Throttle
from appliance.config.values import HostPort
from appliance.host.log import log
from appliance.panel.syslog.collector import Collector
from appliance.panel.syslog.message import Message, render
from appliance.panel.syslog.records import of_loss
from appliance.panel.syslog.spool import Spool
from appliance.routing.retry import Backoff

_random = random.SystemRandom()

Connect = Callable[[], Collector]
_SYNC_EVERY = 1.0
_GOODBYE = 2.0
_BACKOFF = Backoff(1.0, limits.SYSLOG_RETRY.default)


class Exporter:
    """The way of one box to one collector."""

    def __init__(
        self,
        address: HostPort,
        directory: Path | None,
        connect: Connect,
        clock_set: Callable[[], bool] = lambda: True,
        settle: float = limits.SYSLOG_SETTLE.default,
        backoff: Backoff = _BACKOFF,
    ) -> None:
        """`directory` holds the spool; without one, what waits is in memory alone. Raises `DiskError`."""
        self._address = str(address)
        self.spooled = directory is not None
        self._connect = connect
        self._clock_set = clock_set
        self._settle = settle
        self._backoff = backoff
        self._host = socket.gethostname()
        self._spool = Spool(directory)
        self._lock = threading.Lock()  # of the spool
        self._inbox: queue.Queue[Message | None] = queue.Queue(limits.SYSLOG_PENDING.default)
        self._overflow = 0
        self._told = 0  # losses that were said
        self._seen_lost, self._lost_at = 0, 0.0  # as of the last `state`
        self._stopping = threading.Event()
        self._bell, self._clapper = socket.socketpair()
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        self._throttle = Throttle(burst=1, period=600.0)
        self._state: dict[str, Any] = {"connected": False, "error": "", "since": time.time(), "sent": 0}
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._keep, "syslog-spool"), (self._send, "syslog-send"))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def offer(self, message: Message) -> None:
        """Take a record. Never waits: where even the memory for them is full, it is counted as lost."""
        try:
            self._inbox.put_nowait(message)
        except queue.Full:
            self._overflow += 1

    def count_lost(self, records: int) -> None:
        """So many were lost before they came here."""
        self._overflow += records

    def state(self) -> dict[str, Any]:
        """JSON values for `status` and metrics."""
        lost = self._spool.lost + self._overflow
        if lost > self._seen_lost:
            self._seen_lost, self._lost_at = lost, time.time()
        return {
            "collector": self._address,
            **self._state,
            "waiting": self._spool.waiting,
            "bytes": self._spool.size,
            "lost": lost,
            "lost_at": self._lost_at,
        }

    def stop(self, seconds: float = 3.0) -> None:
        """Keep what is there, send what can be sent in time."""
        deadline = time.monotonic() + seconds
        try:
            self._inbox.put(None, timeout=seconds)
        except queue.Full:
            pass
        self._threads[0].join(max(0.0, deadline - time.monotonic()))
        self._stopping.set()
        self._ring()
        self._threads[1].join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._spool.close()
            self._bell.close()
            self._clapper.close()

    # The disk

    def _keep(self) -> None:
        dirty_since: float | None = None
        while True:
            wait = None if dirty_since is None else max(0.0, dirty_since + _SYNC_EVERY - time.monotonic())
            try:
                message = self._inbox.get(timeout=wait)
            except queue.Empty:
                dirty_since = None
                with self._lock:
                    self._spool.sync()
                continue
            if message is None:
                return
            try:
                self._append(message)
                self._say_losses()
            except Exception as error:  # noqa: BLE001, this thread must not end
                self._overflow += 1
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="keeping a record for the collector")
            if self._inbox.empty():
                self._ring()
            if dirty_since is None:
                dirty_since = time.monotonic()

    def _append(self, message: Message) -> None:
        try:
            with self._lock:
                self._spool.append(lambda number: render(message, number, self._host, self._clock_set()))
        except DiskError:
            pass  # counted; said with the other losses

    def _say_losses(self) -> None:
        lost = self._spool.lost + self._overflow
        if lost <= self._told or not self._throttle.passes("lost", time.monotonic())[0]:
            return
        reason = "the spool was full, or the disk refused"
        log(catalogue.SYSLOG_LOST, count=lost - self._told, collector=self._address, reason=reason)
        count, self._told = lost - self._told, lost
        self._append(of_loss(count, reason, time.time()))

    # The network

    def _send(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                collector = self._connect()
                with self._lock:
                    waiting = self._spool.waiting
                self._state |= {"connected": True, "error": "", "since": time.time()}
                log(catalogue.SYSLOG_CONNECTED, collector=self._address, waiting=waiting)
                began = time.monotonic()
                try:
                    self._serve(collector)
                finally:
                    collector.close()
                    if time.monotonic() - began > self._settle:
                        failures = 0
            except ApplianceError as error:
                failures += 1
                self._failed(error.message)
            except Exception as error:  # noqa: BLE001, this thread must not end
                failures += 1
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="the export to the collector")
                self._failed("an error of ours")
            if not self._stopping.is_set():
                self._stopping.wait(self._backoff.delay(failures, _random.random()))

    def _failed(self, reason: str) -> None:
        since = self._state["since"] if self._state["error"] else time.time()
        self._state |= {"connected": False, "error": reason, "since": since}
        if self._throttle.passes("unreachable", time.monotonic())[0]:
            waiting = self._spool.waiting
            log(catalogue.SYSLOG_UNREACHABLE, collector=self._address, reason=reason, waiting=waiting)

    def _serve(self, collector: Collector) -> None:
        """Send until the connection breaks or we are told to stop."""
        with self._lock:
            at = self._spool.settled
        sent: deque[tuple[float, int]] = deque()  # when, and the number after the last record
        ending = 0.0
        while True:
            now = time.monotonic()
            while sent and now - sent[0][0] >= self._settle and collector.acknowledged():
                self._taken(sent.popleft()[1])
            if not collector.busy:
                with self._lock:
                    data, following = self._spool.read(at)
                if data:
                    collector.send(data)
                    at = following
                    sent.append((time.monotonic(), at))
                    continue
            if self._stopping.is_set():
                ending = ending or now + _GOODBYE
                if not collector.busy or now >= ending:
                    break
            due = [sent[0][0] + self._settle - now] if sent else []
            due += [ending - now] if ending else []
            # Acknowledgements wake nobody: where only they are missing, we look again a little later.
            collector.wait(self._bell, max(0.05, min(due)) if due else None)
            self._hush()
            collector.push()
        if not collector.busy and collector.finish(_GOODBYE):
            self._taken(at)

    def _taken(self, number: int) -> None:
        with self._lock:
            before = self._spool.settled
            self._spool.settle(number)
            self._state["sent"] += self._spool.settled - before
            self._spool.tidy()

    def _ring(self) -> None:
        try:
            self._clapper.send(b"\1")
        except (BlockingIOError, OSError):
            pass  # it rings already, or nobody is there

    def _hush(self) -> None:
        try:
            self._bell.recv(4096)
        except BlockingIOError:
            pass
