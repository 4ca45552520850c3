"""Reads the hello of one side of a TLS connection, and nothing behind it."""

from __future__ import annotations

from collections.abc import Callable

from appliance.base import limits
from appliance.inspection.observations import Blind, Conflict, HelloSeen, Malformed
from appliance.inspection.stream import Reader, Stream
from appliance.inspection.tls_hello import CLIENT_HELLO, Hello, read_hello
from appliance.inspection.witness import Witness

_TLS_ALERT = 21


class TlsReader:
    """The reader of one stream that carries TLS: its hello, and nothing behind it."""

    __slots__ = ("_need", "_otherwise", "_pending", "_stream", "_witness")

    def __init__(self, stream: Stream, witness: Witness, otherwise: Callable[[Stream], Reader]) -> None:
        self._stream = stream
        self._witness = witness
        self._otherwise = otherwise  # makes the reader of a side that speaks no TLS
        self._pending = bytearray()
        self._need = 6

    def feed(self, data: memoryview, offset: int) -> None:
        """See `stream.Reader`."""
        stream = self._stream
        self._pending += data
        stream.keep(len(data))
        stream.remember(offset, data)
        if len(self._pending) < self._need:
            return
        if self._pending[0] != 22 and self._pending[0] != _TLS_ALERT:
            self._not_tls(offset + len(data))
            return
        hello = read_hello(bytes(self._pending), limits.SENSOR_HELLO.default)
        if hello is None and len(self._pending) <= 2 * limits.SENSOR_HELLO.default:
            record = 5 + int.from_bytes(self._pending[3:5], "big")
            self._need = max(record, len(self._pending) + 1)
            return
        self._done()
        if isinstance(hello, Hello) and (hello.kind == CLIENT_HELLO) == stream.from_client:
            self._witness.statistics.tls += stream.from_client
            self._witness.report(HelloSeen(stream.flow, hello))
        elif stream.from_client:
            self._witness.report(Malformed(stream.flow, True, "a ClientHello that cannot be read"))

    def _not_tls(self, end: int) -> None:
        """The other side does not speak TLS: judge it by itself."""
        data = self.take()
        self._stream.reader = self._otherwise(self._stream)
        self._stream.reader.feed(memoryview(data), end - len(data))

    def take(self) -> bytes:
        """The bytes of a hello that is not whole yet; they are the caller's now."""
        kept = bytes(self._pending)
        self._stream.release(len(kept))
        self._pending.clear()
        return kept

    def _done(self) -> None:
        self.take()
        self._stream.pass_by()

    def lost(self, count: int) -> None:
        """See `stream.Reader`."""
        self._done()
        self._witness.statistics.blind += 1
        self._witness.report(Blind(self._stream.flow, "segments were lost in a TLS hello"))

    def conflict(self, offset: int) -> None:
        """See `stream.Reader`."""
        flow = self._stream.flow
        if not flow.conflicted:
            flow.conflicted = True
            self._witness.report(Conflict(flow, self._stream.from_client))
