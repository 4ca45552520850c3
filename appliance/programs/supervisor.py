"""Runs all programs under one user, for a laptop, a container and the demo. On an appliance systemd does this, and
better: each program then has its own user, so that what faces the network cannot read keys.

A program that dies is started again, with growing delays; so is one that feeds its watchdog no more. One that says that
it cannot run here (exit status 77: a missing privilege) is left alone, and said so.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from appliance.base import catalogue
from appliance.base.errors import ConfigError
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.host import notify
from appliance.host.log import log
from appliance.host.signals import Signals
from appliance.host.watched_files import WatchedFiles
from appliance.programs.names import command, wanted

NO_PERMISSION = 77  # EX_NOPERM
_UCRED = struct.Struct("=iII")
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 30.0
_STEADY = 60.0  # seconds after which a program counts as well again
_GRACE = 20.0
_HANGS = 60.0  # seconds without a beat of the watchdog
_LAST_WORDS = 2.0  # seconds to say where it hangs


@dataclass(slots=True)
class _Program:
    name: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = _FIRST_DELAY
    start_at: float | None = 0.0  # monotonic; None: not to be started
    ready: bool = False
    beaten: float = 0.0  # monotonic; counts once it is ready
    aborted: float | None = None  # when it was told to say where it hangs, and end
    absent: bool = False
    unwanted: bool = False  # by the configuration of now


class Supervisor:
    """The programs of one configuration file."""

    def __init__(self, config: Config, path: Path) -> None:
        self._path = path
        runtime = config.appliance.runtime_dir
        runtime.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._programs = [_Program(name) for name in wanted(config)]
        self._signals = Signals()
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        self._notify_path = runtime / "notify.sock"
        self._notify_path.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._notify.bind(str(self._notify_path))
        self._announced = False
        self._watched = WatchedFiles([path])
        self._looked = time.monotonic()

    def run(self) -> int:
        """Run until told to stop. Returns the exit status."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals.socket, selectors.EVENT_READ)
            selector.register(self._notify, selectors.EVENT_READ)
            if self._watched.fileno() >= 0:
                selector.register(self._watched.fileno(), selectors.EVENT_READ)
            while not self._signals.stop:
                due = self._start_due()
                waits = (due, self._watched.wait(), self._end_the_hung())
                timeout = min(each for each in waits if each is not None)
                for key, _ in selector.select(timeout):
                    if key.fileobj is self._notify:
                        self._hear()
                    elif key.fileobj is self._signals.socket:
                        self._signals.drain()
                told = self._signals.take_reload()
                if told:
                    self._pass_on(signal.SIGHUP)
                if self._watched.due() or told:
                    self._adjust()
                self._reap()
                self._announce()
        notify.stopping()
        return self._stop()

    def _adjust(self) -> None:
        """Start what a changed file wants, and end what it wants no more. What is wrong with a file, the others say."""
        try:
            names = wanted(load_config(self._path))
        except ConfigError:
            return
        for program in self._programs:
            if program.name not in names and program.start_at is not None:
                program.start_at, program.unwanted = None, True
                if program.process:
                    program.process.terminate()
        known = {program.name: program for program in self._programs}
        for name in names:
            if name not in known:
                self._programs.append(_Program(name))
            elif known[name].unwanted:
                known[name].unwanted, known[name].start_at = False, 0.0

    def _start_due(self) -> float | None:
        """Start what is due, and the seconds until the next is."""
        now = time.monotonic()
        for program in self._programs:
            if program.process is None and program.start_at is not None and program.start_at <= now:
                self._start(program)
        waiting = [p.start_at for p in self._programs if p.process is None and p.start_at is not None]
        return max(0.0, min(waiting) - now) if waiting else None

    def _end_the_hung(self) -> float:
        """Kill who feeds its watchdog no more: nothing is lost by that. The seconds until the next could be."""
        now = time.monotonic()
        away, self._looked = now - self._looked > _HANGS * 0.75, now  # we stood still, and could not hear anybody
        left = _HANGS / 2
        for program in self._programs:
            if program.process is None or not program.ready:
                continue
            if away:
                program.beaten = now
            if now - program.beaten >= _HANGS:
                left = min(left, self._end(program, now))
            else:
                left = min(left, program.beaten + _HANGS - now)
        return left

    @staticmethod
    def _end(program: _Program, now: float) -> float:
        """A step in ending who hangs, and the seconds until the next."""
        assert program.process
        if program.aborted is None:
            program.aborted = now
            log(catalogue.PROGRAM_HANGS, program=program.name, span=f"{now - program.beaten:.0f} s")
            program.process.send_signal(signal.SIGABRT)
        elif now - program.aborted >= _LAST_WORDS:
            program.process.kill()  # it was stopped, or is deep in the kernel
        return _LAST_WORDS

    def _start(self, program: _Program) -> None:
        environment = {**os.environ, "NOTIFY_SOCKET": str(self._notify_path)}
        environment["WATCHDOG_USEC"] = f"{_HANGS * 1e6:.0f}"
        environment.pop("WATCHDOG_PID", None)
        program.process = subprocess.Popen(command(program.name, self._path), env=environment)
        program.started = time.monotonic()
        program.ready, program.aborted = False, None

    def _hear(self) -> None:
        data, ancillary, _, _ = self._notify.recvmsg(4096, socket.CMSG_SPACE(_UCRED.size))
        words = data.split(b"\n")
        pids = [_UCRED.unpack(p[: _UCRED.size])[0] for _, kind, p in ancillary if kind == socket.SCM_CREDENTIALS]
        for program in self._programs:
            if program.process and program.process.pid in pids:
                program.beaten = time.monotonic()
                program.ready |= b"READY=1" in words

    def _reap(self) -> None:
        now = time.monotonic()
        for program in self._programs:
            if program.process is None or (status := program.process.poll()) is None:
                continue
            program.process = None
            if program.unwanted:
                continue
            if status == NO_PERMISSION:
                program.absent, program.start_at = True, None
                log(catalogue.PROGRAM_ABSENT, program=program.name)
                continue
            if now - program.started > _STEADY:
                program.delay = _FIRST_DELAY
            program.start_at = now + program.delay
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            log(catalogue.PROGRAM_DIED, program=program.name, detail=how, delay=program.delay)
            program.delay = min(program.delay * 2, _LONGEST_DELAY)

    def _announce(self) -> None:
        if not self._announced and all(program.ready or program.absent for program in self._programs):
            self._announced = True
            running = ", ".join(program.name for program in self._programs if program.ready)
            notify.ready(f"running {running}")
            log(catalogue.STARTED, program="the appliance", detail=running)

    def _pass_on(self, number: signal.Signals) -> None:
        for program in self._programs:
            if program.process:
                program.process.send_signal(number)

    def _stop(self) -> int:
        """Stop all: the panel first, which would raise each end of another, then who talks before who listens. What
        does not end in time is killed: nothing is lost by that."""
        # First, for nobody reads it from here on: a program that has something to say would wait for us for ever.
        self._notify.close()
        self._notify_path.unlink(missing_ok=True)
        deadline = time.monotonic() + _GRACE
        panel = [each for each in self._programs if each.name == "panel"]
        for program in (*panel, *(each for each in reversed(self._programs) if each not in panel)):
            if program.process is None:
                continue
            program.process.terminate()
            try:
                program.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()
        return 0
