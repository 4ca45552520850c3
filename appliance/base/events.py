"""What the appliance says in its log: few events, each known before it happens.

An event has a code that people search for, a MESSAGE_ID for journald, a line with named fields, and what to do about
it. Only the named fields ever reach the log, and each is washed on the way (`host/log.py`). No event names a patient, a
study or an instance: objects are named by their random object id.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import IntEnum

_NAMESPACE = uuid.UUID("5b6c4a3e-8a53-4d0c-9d43-0f6c1c1f7f11")


class Level(IntEnum):
    """syslog severities (RFC 5424 6.2.1) that we use."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line. `line` and `fix` are templates whose `{fields}` are all that may be logged."""

    code: str
    level: Level
    line: str
    fix: str = ""
    lamp: str = ""

    @property
    def message_id(self) -> str:
        """The 128-bit id under which journald's catalogue knows this event: derived from the code, hence stable."""
        return uuid.uuid5(_NAMESPACE, self.code).hex
