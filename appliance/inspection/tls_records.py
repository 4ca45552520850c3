"""One side's TLS handshake in clear, as far as it is in clear: messages and alerts out of records (RFC 5246 6.2, 7).

Bounded, and it never raises. Everything behind the first encrypted record is none of its business.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ALERT, HANDSHAKE = 21, 22
_RECORD = struct.Struct("!BHH")
_MOST_EMPTY = 32  # records of no bytes that are borne, as OpenSSL bears them
TOO_LONG = "a handshake over the limit, behind the hello"


@dataclass(frozen=True, slots=True)
class Message:
    """A handshake message, without its header."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A TLS alert."""

    level: int
    code: int


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more will be read. `why` is empty where that is as it should be."""

    why: str = ""


Event = Message | AlertRecord | Over


class Handshake:
    """The records of one side. `kept` bytes of it are held, `limit` and a record at most."""

    __slots__ = ("_empty", "_limit", "_message", "_record", "first")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._record = bytearray()  # not whole yet
        self._message = bytearray()
        self._empty = 0
        self.first = True  # no message was whole yet

    @property
    def kept(self) -> int:
        """Bytes that are held."""
        return len(self._record) + len(self._message)

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes; the last event is `Over` when no more are wanted."""
        self._record += data
        events: list[Event] = []
        while len(self._record) >= 5:
            kind, version, length = _RECORD.unpack_from(self._record)
            if kind not in (ALERT, HANDSHAKE) or version >> 8 != 3:
                events.append(Over("no handshake record" if self.first else ""))
                break
            if kind == HANDSHAKE and len(self._message) + length > self._limit:
                events.append(self._over_the_limit())
                break
            body = bytes(self._record[5 : 5 + length])
            if len(body) < length:
                break
            del self._record[: 5 + length]
            if kind == ALERT:
                if length != 2:  # encrypted, or split so that nobody can tell
                    events.append(Over())
                    break
                events.append(AlertRecord(body[0], body[1]))
                continue
            self._empty += not length
            events += self._messages(body)
            if self._empty > _MOST_EMPTY or (self._message and self._too_long()):
                events.append(self._over_the_limit())
                break
        return events

    def _over_the_limit(self) -> Over:
        return Over("a hello over the limit" if self.first else TOO_LONG)

    def _too_long(self) -> bool:
        return len(self._message) >= 4 and int.from_bytes(self._message[1:4], "big") > self._limit

    def _messages(self, body: bytes) -> list[Event]:
        """The messages that are whole with a record's body."""
        self._message += body
        events: list[Event] = []
        while len(self._message) >= 4:
            size = int.from_bytes(self._message[1:4], "big")
            if len(self._message) < 4 + size:
                break
            events.append(Message(self._message[0], bytes(self._message[4 : 4 + size])))
            del self._message[: 4 + size]
            self.first = False
        return events
