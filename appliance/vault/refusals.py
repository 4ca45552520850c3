"""What the medium may refuse, in words that a technician can act on. Turns OSError into DiskError, nothing else."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from enum import Enum
from typing import ParamSpec, TypeVar

from appliance.base.errors import DiskError

P = ParamSpec("P")
R = TypeVar("R")


class Condition(Enum):
    """The state of the medium that a refusal tells of; the value is what a person can do about it."""

    FULL = "Free space or inodes on the file system of the state directory"
    READ_ONLY = "Look in the kernel log for file system errors, repair it, and mount it read-write again"
    BROKEN = "Look in the kernel log; check or replace the medium"
    MISSING = "Mount the file system of the state directory"
    DENIED = "Give the state directory, with all that is in it, to the user that the program runs as"
    EXHAUSTED = "Raise LimitNOFILE= of the unit"
    UNSUITABLE = "Put the state directory, as a whole, on one ext4, XFS, Btrfs, F2FS or tmpfs file system"
    OTHER = "Look in the kernel log"


_CONDITIONS = {
    Condition.FULL: (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    Condition.READ_ONLY: (errno.EROFS,),
    Condition.BROKEN: (
        errno.EIO,
        errno.ENXIO,
        errno.ENODEV,
        errno.EREMOTEIO,
        errno.EUCLEAN,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ESHUTDOWN,
    ),
    Condition.MISSING: (errno.ENOENT, errno.ENOTDIR, errno.ENOTCONN),
    Condition.DENIED: (errno.EACCES, errno.EPERM),
    Condition.EXHAUSTED: (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    Condition.UNSUITABLE: (errno.EOPNOTSUPP, errno.EISDIR, errno.EXDEV, errno.EMLINK, errno.ELOOP),
}
_BY_ERRNO = {number: condition for condition, numbers in _CONDITIONS.items() for number in numbers}


class DiskRefused(DiskError):
    """The medium refused an operation; `condition` says what is wrong with it."""

    def __init__(self, message: str, condition: Condition) -> None:
        super().__init__(message, fix=f"{condition.value}.")
        self.condition = condition

    def again(self) -> DiskRefused:
        """A fresh copy, for one more of those whom the same refusal concerns."""
        return type(self)(self.message, self.condition)


class NotThere(DiskRefused):
    """A file or directory that should exist does not."""


class AlreadyThere(DiskRefused):
    """A name that should be free is taken."""


class NotRegular(DiskRefused):
    """A link, a pipe or a directory where an object's file belongs."""


def refused(action: str, error: OSError) -> DiskRefused:
    """The refusal that an OSError stands for. `action` completes "cannot …"; it names no file."""
    number = error.errno or errno.EIO
    kind = {errno.ENOENT: NotThere, errno.EEXIST: AlreadyThere}.get(number, DiskRefused)
    return kind(f"cannot {action}: {os.strerror(number)}", _BY_ERRNO.get(number, Condition.OTHER))


def refusable(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate an operation on the medium: its OSErrors become refusals to do `action`."""

    def wrap(operation: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(operation)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return operation(*args, **kwargs)
            except OSError as error:
                raise refused(action, error) from error

        return guarded

    return wrap
