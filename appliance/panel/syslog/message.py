"""A syslog record: RFC 5424 text, framed as RFC 5425 wants it. Pure.

Everything that stands in one is washed and cut to a length here, so that no byte of a peer can end a record or begin
another.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from appliance import __version__
from appliance.base import limits
from appliance.base.text import wash

FACILITY = 10  # security/authorization messages, RFC 5424 6.2.1 and DICOM PS3.15 A.6
# An SD-ID of one's own has the maker's enterprise number behind it (RFC 5424 7.2.2). We have none: this one is kept for
# examples (RFC 5612), and belongs to nobody.
SD_ID = "appliance@32473"
_VALUE = 96  # characters of one value
_HIGHEST = 2147483647  # sequenceId, RFC 5424 7.3.1


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told. `severity` as in RFC 5424 6.2.1, `time` seconds since the epoch, `kind` the MSGID, `data`
    the structured data, without patients in it."""

    severity: int
    time: float
    program: str
    kind: str
    data: tuple[tuple[str, str], ...]
    text: str
    pid: int | None = None


def render(
    message: Message, number: int, host: str, clock_set: bool, limit: int = limits.SYSLOG_RECORD.default
) -> bytes:
    """The record as one line of ASCII, `limit` bytes at most; `number` counts records, so that a collector can tell
    repetitions and gaps."""
    when = datetime.datetime.fromtimestamp(message.time, datetime.UTC)
    head = (
        f"<{FACILITY * 8 + message.severity}>1 {when:%Y-%m-%dT%H:%M:%S.%f}Z {_word(host, 255)} "
        f"{_word('appliance-' + message.program, 48)} {message.pid or '-'} {_word(message.kind, 32)} "
        f'[timeQuality tzKnown="1" isSynced="{int(clock_set)}"]'
        f'[meta sequenceId="{(number - 1) % _HIGHEST + 1}"]'
        f'[origin software="pacs-appliance" swVersion="{_value(__version__)}"]'
    )
    data = "".join(f' {name}="{_value(value)}"' for name, value in message.data if value)
    record = f"{head}[{SD_ID}{data}] {wash(message.text, limit)}".encode("ascii", "replace")
    return record if len(record) <= limit else record[: limit - 3] + b"..."


def frame(record: bytes) -> bytes:
    """The record with its length in front (RFC 5425 4.3)."""
    return b"%d %b" % (len(record), record)


def _word(text: str, limit: int) -> str:
    """PRINTUSASCII without a space; "-" where nothing is left."""
    return wash(text, limit).replace(" ", "_").replace("…", ".") or "-"


def _value(text: str) -> str:
    """PARAM-VALUE: `"`, `\\` and `]` are escaped (RFC 5424 6.3.3)."""
    shown = wash(text, _VALUE).replace("…", "...")
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
