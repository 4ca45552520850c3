"""Has instances transcoded, each in a process of its own (`transcoder.py`), a few of a destination at a time.

A process is started for the first instance that needs it, and ends with a session. What goes to it lies in sealed
memory, what comes back goes through a pipe: nothing is on a disk. One that does not do what it should is killed; the
instance that it had is then not transcoded, and no other notices.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import appliance
from appliance.base import limits
from appliance.delivery import transcodable
from appliance.delivery.source import Source
from appliance.delivery.transcodable import Failure, NotTranscoded
from appliance.host import processor

Pieces = Iterator[tuple[memoryview, bool]]

_MODULE = "appliance.delivery.transcoder"
_PIECE = 1 << 18
_END = 5.0  # seconds until a process that was told to end is killed
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_SIGNALS = {-signal.SIGXCPU: Failure.TIME}


class Transcoders:
    """Those of one destination. Thread-safe."""

    def __init__(
        self,
        most: int = limits.TRANSCODERS.default,
        *,
        size: int = limits.TRANSCODE_SIZE.default,
        memory: int = limits.TRANSCODE_MEMORY.default,
        cpu: int = limits.TRANSCODE_CPU.default,
        silence: float = limits.TRANSCODE_SILENCE.default,
    ) -> None:
        """`most` processes at a time; `size` bytes of an instance, `memory` of address space and `cpu` seconds for
        each; `silence` is how many seconds the next piece may take."""
        self._places = threading.BoundedSemaphore(most)
        self._size = size
        self._bounds = (memory, cpu)
        self._silence = silence
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._without_codec: set[str] = set()

    def why_not(self, syntax: str) -> str:
        """Why nothing in this syntax can be transcoded here, as far as that is known; "" where it may be."""
        if syntax in self._without_codec:
            return transcodable.no_codec(syntax)
        return transcodable.why_not(syntax)

    @contextmanager
    def transcoded(self, source: Source, target: str) -> Iterator[Pieces]:
        """The data set of `source` in the syntax `target`, in pieces, with whether each is the last. A piece is valid
        until the next is asked for.

        Raises NotTranscoded, mostly before the first piece, and what reading the object raises.
        """
        syntax = source.meta.transfer_syntax
        if source.size > self._size:
            raise NotTranscoded(Failure.TOO_LONG)
        with self._places, _in_memory(source) as instance:
            process = self._process()
            try:
                pieces = process.run(instance, (syntax, target, *self._bounds), self._silence)
                first = next(pieces)  # what is wrong is known by then, mostly
                yield _paced(chain((first,), pieces), source)
            except NotTranscoded as error:
                if error.failure is Failure.NO_CODEC:
                    self._without_codec.add(syntax)
                raise
            finally:
                self._give_back(process)

    def rest(self) -> None:
        """End the processes that have nothing to do. The next ones look for codecs anew."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._without_codec.clear()
        for process in idle:
            process.end()

    def _process(self) -> _Process:
        with self._lock:
            while self._idle:
                if (process := self._idle.pop()).alive:
                    return process
                process.kill()
        try:
            return _Process()
        except OSError:
            raise NotTranscoded(Failure.UNSTARTED) from None

    def _give_back(self, process: _Process) -> None:
        if process.busy:
            process.kill()
            return
        with self._lock:
            self._idle.append(process)


class _Process:
    """One process. Used by one thread at a time."""

    def __init__(self) -> None:
        """Start it. Raises OSError."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.busy = False
        try:
            with theirs:
                self._popen = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    # The same code as ours, and nothing else of ours: neither secrets nor the way to them.
                    env={"PYTHONPATH": str(Path(appliance.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"},
                    start_new_session=True,
                )
                processor.set_free(self._popen.pid)
        except BaseException:
            self._control.close()
            raise

    def run(self, instance: int, job: tuple[str, str, int, int], silence: float) -> Pieces:
        """Have it transcode what is in the descriptor `instance`. Busy until the last piece was taken."""
        self.busy = True
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        with open(ours, "rb", buffering=0) as pipe:  # noqa: PTH123, it is a descriptor
            try:
                socket.send_fds(self._control, [" ".join(map(str, job)).encode()], [instance, theirs])
            except OSError:
                raise NotTranscoded(Failure.ENDED) from None
            finally:
                os.close(theirs)
            before = b""
            while piece := self._read(pipe.fileno(), silence):
                if before:
                    yield memoryview(before), False
                before = piece
        self._finish(silence)
        self.busy = False
        yield memoryview(before), True

    @property
    def alive(self) -> bool:
        """Whether it may be given a job."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """End it, and what it has forked, at once."""
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended by itself
        self._popen.wait()
        self._control.close()

    def end(self) -> None:
        """End it in order: it does nothing now."""
        self._control.close()
        try:
            self._popen.wait(_END)
        except subprocess.TimeoutExpired:
            self.kill()

    def _read(self, pipe: int, silence: float) -> bytes:
        _await(pipe, silence)
        return os.read(pipe, _PIECE)

    def _finish(self, silence: float) -> None:
        """Its word on the job."""
        _await(self._control.fileno(), silence)
        try:
            answer = self._control.recv(64)
        except OSError:
            answer = b""
        if not answer:
            raise NotTranscoded(Failure.ENDED)
        if code := int(answer):
            self.busy = False  # the job has ended, and it waits for the next
            raise NotTranscoded(_failure(code))


def _failure(code: int) -> Failure:
    try:
        return _SIGNALS.get(code) or Failure(code)
    except ValueError:
        return Failure.CRASHED


def _await(descriptor: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(seconds * 1000):
        raise NotTranscoded(Failure.SILENT)


@contextmanager
def _in_memory(source: Source) -> Iterator[int]:
    """The data set of `source` in memory that nobody can change any more, as a descriptor."""
    with open(os.memfd_create("instance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:  # noqa: PTH123
        for piece, _ in source.data_set(paced=False):
            file.write(piece)
        file.flush()
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        yield file.fileno()


def _paced(pieces: Pieces, source: Source) -> Pieces:
    for piece, last in pieces:
        source.spend(len(piece))
        yield piece, last
