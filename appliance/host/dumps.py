"""Keeps the memory of this process out of core dumps, and from debuggers of the same user; has it say where it was when
it is ended for hanging.
"""

from __future__ import annotations

import ctypes
import faulthandler
import resource

from appliance.base.errors import LocalError

_PR_SET_DUMPABLE = 4  # prctl(2)


def forbid_dumps() -> None:
    """From here on no core of this process is written, not even by a handler that `core_pattern` names (which the limit
    on core files does not stop, core(5)), and only root may trace it or read its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise LocalError("the kernel does not let this process forbid core dumps", fix="Report it with your kernel.")


def tell_where() -> None:
    """On SIGABRT, which a watchdog sends, and on faults of the interpreter: files, lines and functions of all threads
    on stderr. No values, so nothing of what was being handled."""
    faulthandler.enable()
