"""Says events: to journald with their MESSAGE_ID where it listens, else as plain lines on stderr.

Only catalogued events can be said, only their named fields are passed on, and every field is washed. Nothing else in
the appliance writes to a log, so no exception text or peer byte can find its way there by accident.
"""

from __future__ import annotations

import os
import string
import sys
import threading
import time
from collections.abc import Callable

from appliance.base.events import Event, Level
from appliance.base.text import wash

try:
    from systemd import journal
except ImportError:  # systemd-python builds only where libsystemd is
    journal = None

_FIELD_LIMIT = 300
_FORMATTER = string.Formatter()
_lock = threading.Lock()
_program = "appliance"


def configure(program: str) -> None:
    """Name the program whose lines follow."""
    global _program
    _program = program


def _fields_of(event: Event) -> set[str]:
    parts = (*_FORMATTER.parse(event.line), *_FORMATTER.parse(event.fix))
    return {name for _, name, _, _ in parts if name}


def render(event: Event, fields: dict[str, object]) -> tuple[str, dict[str, str]]:
    """The line of an event, and its washed fields. Fields that the event does not name are dropped."""
    names = _fields_of(event)
    clean = {name: wash(str(fields.get(name, "")), _FIELD_LIMIT) for name in names}
    line = event.line.format_map(clean)
    fix = event.fix.format_map(clean)
    return (f"{line}. {fix}" if fix else line), clean


def _under_journald() -> bool:
    """Whether stderr is journald's stream (sd-daemon(3), JOURNAL_STREAM)."""
    try:
        device, _, inode = os.environ["JOURNAL_STREAM"].partition(":")
        stat = os.fstat(sys.stderr.fileno())
        return (stat.st_dev, stat.st_ino) == (int(device), int(inode))
    except (KeyError, ValueError, OSError):
        return False


def _to_journal(event: Event, line: str, fields: dict[str, str]) -> None:
    try:
        journal.send(
            f"{event.code}: {line}",  # journalctl shows no field; whoever reads it looks the code up
            MESSAGE_ID=event.message_id,
            PRIORITY=int(event.level),
            SYSLOG_IDENTIFIER=f"appliance-{_program}",
            APPLIANCE_EVENT=event.code,
            CODE_FILE="",
            **{f"APPLIANCE_{name.upper()}": value for name, value in fields.items()},
        )
    except OSError:  # it is being restarted, or its disk is full: a log that cannot be written must not stop images
        _to_stderr(event, line, fields)


def _to_stderr(event: Event, line: str, _: dict[str, str]) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    text = f"{stamp}.{int(now % 1 * 1000):03d}Z {_program} {event.level.name.lower()} {event.code}: {line}\n"
    with _lock:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            pass  # a log that cannot be written must not stop images


_sink: Callable[[Event, str, dict[str, str]], None] = _to_journal if journal and _under_journald() else _to_stderr
threshold = Level[os.environ.get("APPLIANCE_LOG_LEVEL", "INFO").upper()]


def log(event: Event, **fields: object) -> None:
    """Say an event. `fields` that the event does not name are dropped."""
    if event.level <= threshold:
        _sink(event, *render(event, fields))
