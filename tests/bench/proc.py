"""What the kernel says of a process: CPU, context switches, memory. Text of /proc in, numbers out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.demo.box import children

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds in a program and in the kernel for it."""

    user: float
    system: float

    @property
    def total(self) -> float:
        """Both."""
        return self.user + self.system

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu(self.user - before.user, self.system - before.system)

    def __truediv__(self, by: float) -> Cpu:
        return Cpu(self.user / by, self.system / by)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MB (10**6 bytes): resident now and at its peak, and its proportional share of that."""

    resident: float
    peak: float
    proportional: float


def cpu_of_stat(text: str, ticks: int = _TICKS) -> Cpu:
    """CPU of a process, its threads that ended included: /proc/PID/stat, proc(5)."""
    after_name = text.rpartition(")")[2].split()
    return Cpu(int(after_name[11]) / ticks, int(after_name[12]) / ticks)


def nanoseconds_of_schedstat(text: str) -> int:
    """Time on a CPU of a thread: /proc/PID/task/TID/schedstat."""
    return int(text.split()[0])


def kilobytes(text: str, name: str) -> int:
    """A "Name:  123 kB" of /proc/PID/status or smaps_rollup. Raises KeyError where it is missing."""
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


def switches_of_status(text: str) -> int:
    """Context switches of a thread, voluntary and not: /proc/PID/task/TID/status."""
    return sum(
        int(line.split()[1])
        for line in text.splitlines()
        if line.startswith(("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"))
    )


def cpu(pids: Iterable[int]) -> Cpu:
    """CPU of processes up to now, to a clock tick (10 ms)."""
    each = [cpu_of_stat(Path(f"/proc/{pid}/stat").read_text()) for pid in pids]
    return Cpu(sum(it.user for it in each), sum(it.system for it in each))


def fine_cpu(pids: Iterable[int]) -> float:
    """CPU seconds of the threads that live now, to a nanosecond; for spans in which no thread ends."""
    return sum(nanoseconds_of_schedstat(text) for pid in pids for text in _of_threads(pid, "schedstat")) / 1e9


def switches(pids: Iterable[int]) -> int:
    """Context switches of the threads that live now."""
    return sum(switches_of_status(text) for pid in pids for text in _of_threads(pid, "status"))


def threads(pids: Iterable[int]) -> int:
    """How many threads they have."""
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)


def memory(pid: int) -> Memory:
    """What a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return Memory(
        resident=kilobytes(status, "VmRSS") * 1024 / 1e6,
        peak=kilobytes(status, "VmHWM") * 1024 / 1e6,
        proportional=kilobytes(rollup, "Pss") * 1024 / 1e6,
    )


def workers(acceptor: int) -> list[int]:
    """The processes that receive for an acceptor."""
    return sorted(children(acceptor))


def _of_threads(pid: int, name: str) -> list[str]:
    return [path.read_text() for path in Path(f"/proc/{pid}/task").glob(f"*/{name}")]
