"""Flushes of a receiver, counted and timed where it calls libc (flushes.c): is it durable, and what does that cost?"""

from __future__ import annotations

import dataclasses
import functools
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

_COUNTS = struct.Struct("=5Q")
_HERE = Path(__file__).parent


class NotDurable(RuntimeError):
    """A receiver that was to be durable did not flush what it stored: there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Flushes:
    """Flushes that succeeded, of files and of directories, and the seconds that callers waited; and how many failed."""

    files: int
    file_seconds: float
    directories: int
    directory_seconds: float
    failed: int

    @property
    def seconds(self) -> float:
        """That callers waited in all."""
        return self.file_seconds + self.directory_seconds

    def __sub__(self, before: Flushes) -> Flushes:
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(before)
        return Flushes(*(now - then for now, then in zip(mine, theirs, strict=True)))

    def as_json(self) -> dict[str, float]:
        """Counts, and milliseconds of each flush on average."""
        return {
            "files": self.files,
            "file_ms": self.file_seconds / max(1, self.files) * 1e3,
            "directories": self.directories,
            "directory_ms": self.directory_seconds / max(1, self.directories) * 1e3,
        }


def decode(data: bytes) -> Flushes:
    """What the watcher's file says; zeros while nothing was loaded."""
    files, file_time, directories, directory_time, failed = _COUNTS.unpack(data or bytes(_COUNTS.size))
    return Flushes(files, file_time / 1e9, directories, directory_time / 1e9, failed)


def read(path: Path) -> Flushes:
    """The counts so far; zeros where the watcher was never loaded."""
    return decode(path.read_bytes() if path.exists() else b"")


def demand(stored: int, seen: Flushes) -> None:
    """Raise NotDurable unless each stored file was flushed, and the directory after each."""
    if seen.failed or not stored or seen.files < stored or seen.directories < stored:
        raise NotDurable(
            f"of {stored} files stored, {seen.files} were flushed, their directory {seen.directories} times,"
            f" and {seen.failed} flushes failed: the shim (durable.c) does not make this receiver durable"
        )


@functools.cache
def library(source: str, into: Path) -> Path:
    """Compile one of the preloads beside this file. Raises CalledProcessError, or OSError without gcc."""
    into.mkdir(parents=True, exist_ok=True)
    made = into / f"{source}.so"
    command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(made), str(_HERE / f"{source}.c"), "-ldl"]
    subprocess.run(command, check=True)
    return made


def watching(log: Path, *before: Path, into: Path) -> dict[str, str]:
    """The environment that has a program watched, its counts in `log`, after the preloads `before`."""
    preloads = [*before, library("flushes", into)]
    return {"LD_PRELOAD": ":".join(str(each) for each in preloads), "FLUSHES": str(log)}
