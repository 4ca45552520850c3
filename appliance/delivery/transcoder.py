"""The process in which instances are transcoded: `python -m appliance.delivery.transcoder DESCRIPTOR`.

It stays, with pydicom loaded, and forks for each instance a process of its own, which gets the instance in sealed
memory, writes what it makes of it into a pipe, and ends. Memory and CPU of that are bounded; it may write no file. It
says nothing in words, for they could hold what is in an instance: its exit status is a `Failure`, or the signal that
it died of.
"""

from __future__ import annotations

import errno
import io
import mmap
import os
import resource
import select
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from appliance.delivery.elements import NotADataSet
from appliance.delivery.pixels import FrameTooLong, NoCodec, Undecodable
from appliance.delivery.reencoding import PixelOrder, TooLong, reencode
from appliance.delivery.transcodable import Failure
from appliance.host.dumps import forbid_dumps

MESSAGE = 256  # bytes of a job at most

_BUFFER = 1 << 18
_FAILURES: tuple[tuple[type[BaseException], Failure], ...] = (
    (NotADataSet, Failure.DAMAGED),
    (NoCodec, Failure.NO_CODEC),
    (Undecodable, Failure.UNDECODABLE),
    (PixelOrder, Failure.PIXEL_ORDER),
    (TooLong, Failure.TOO_LONG),
    (FrameTooLong, Failure.MEMORY),
    (MemoryError, Failure.MEMORY),
)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, beside the instance itself. `memory` in bytes of address space, `cpu` in seconds."""

    source: str
    target: str
    memory: int
    cpu: int

    def encoded(self) -> bytes:
        """As a message."""
        return f"{self.source} {self.target} {self.memory} {self.cpu}".encode()

    @classmethod
    def decoded(cls, message: bytes) -> Job:
        """From a message."""
        source, target, memory, cpu = message.decode().split(" ")
        return cls(source, target, int(memory), int(cpu))


def serve(control: socket.socket) -> None:
    """Do one job after another, until the other side closes."""
    while True:
        message, (*descriptors,), _, _ = socket.recv_fds(control, MESSAGE, 2)
        if not message:
            return
        job = os.fork()
        if not job:
            os._exit(_run(Job.decoded(message), *descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        status = _wait(job, control)
        if status is None:
            return
        control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _wait(job: int, control: socket.socket) -> int | None:
    """How a job ended. None where the other side is gone, and so is the job then."""
    waiting = select.poll()
    ended = os.pidfd_open(job)
    try:
        waiting.register(ended, select.POLLIN)
        waiting.register(control, 0)  # a hangup is told all the same
        gone = ended not in (descriptor for descriptor, _ in waiting.poll())
        if gone:
            os.kill(job, signal.SIGKILL)
        _, status = os.waitpid(job, 0)
    finally:
        os.close(ended)
    return None if gone else status


def _run(job: Job, instance: int, out: int) -> int:
    """In the process of its own: the exit status."""
    try:
        _bound(job)
        size = os.fstat(instance).st_size
        # Private, since before Linux 6.7 no sealed memory can be mapped as shared, not even to read it.
        mapped = mmap.mmap(instance, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) if size else b""
        with io.BufferedWriter(io.FileIO(out, "w"), _BUFFER) as pipe:
            reencode(memoryview(mapped), job.source, job.target, pipe.write)
    except BaseException as error:  # noqa: BLE001, of what is wrong nothing is told but its kind
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:  # from mmap
            return Failure.MEMORY
        return next((failure for kind, failure in _FAILURES if isinstance(error, kind)), Failure.CRASHED)
    return 0


def _bound(job: Job) -> None:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + job.memory, now + job.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (job.cpu, job.cpu + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """Serve on the socket that the one argument names."""
    # systemd tells all processes of a unit that it stops; this one goes on for as long as somebody takes what it gives.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        # Where memory is short, the kernel ends this and not who delivers.
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass
    forbid_dumps()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)


if __name__ == "__main__":
    main()
