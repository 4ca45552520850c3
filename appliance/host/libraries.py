"""Keeps other people's words out of our log: what libraries log, warn of, or fail with may hold what a peer sent.

Only who spoke, how loudly and where is passed on. Neither the message nor its arguments are ever looked at: a text may
have been made with the value already in it.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from pathlib import PurePath
from types import TracebackType

from appliance.base import catalogue
from appliance.base.throttle import Throttle
from appliance.host.log import log


class Silencer(logging.Handler):
    """Says that a library said something."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._throttle = Throttle(burst=3, period=3600.0)

    def emit(self, record: logging.LogRecord) -> None:
        """Names the logger, the level and the line of code."""
        place = f"{record.module}:{record.lineno}"
        if self._throttle.passes((record.name, place), time.monotonic())[0]:
            log(catalogue.LIBRARY_SPOKE, logger=record.name, severity=record.levelname.lower(), place=place)


def silence() -> None:
    """From here on `logging`, `warnings` and exceptions that nobody catches end in our log, without their words."""
    root = logging.getLogger()
    root.handlers[:] = [Silencer()]
    root.setLevel(logging.WARNING)
    logging.lastResort = None
    logging.captureWarnings(True)
    threading.excepthook = lambda args: _fell(args.exc_type, args.exc_traceback)
    sys.unraisablehook = lambda args: _fell(args.exc_type, args.exc_traceback)


def _fell(kind: type[BaseException] | None, trace: TracebackType | None) -> None:
    if kind is None or issubclass(kind, SystemExit):
        return
    frames = traceback.extract_tb(trace)
    where = f"{frames[-1].name}, {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "a thread"
    log(catalogue.INTERNAL_ERROR, kind=kind.__name__, where=where)
