"""Reads what one side of a TLS connection says in clear: its hello, its certificate up to TLS 1.2, alerts. No more."""

from __future__ import annotations

from collections.abc import Callable

from appliance.base import limits
from appliance.inspection.observations import Blind, Conflict, HelloSeen, Malformed, TlsAlertSeen
from appliance.inspection.stream import Reader, Stream
from appliance.inspection.tls_hello import CLIENT_HELLO, SERVER_HELLO, Hello, parse_hello
from appliance.inspection.tls_records import TOO_LONG, AlertRecord, Handshake, Message, Over
from appliance.inspection.witness import Witness

_TLS_ALERT = 21
_CERTIFICATE = 11
_TLS_1_3 = 0x0304


class TlsReader:
    """The reader of one stream that carries TLS. It passes by everything behind the handshake."""

    __slots__ = ("_handshake", "_kept", "_otherwise", "_pending", "_stream", "_witness")

    def __init__(self, stream: Stream, witness: Witness, otherwise: Callable[[Stream], Reader]) -> None:
        self._stream = stream
        self._witness = witness
        self._otherwise = otherwise  # makes the reader of a side that speaks no TLS
        self._pending = bytearray()  # until it is sure that this side speaks TLS
        self._handshake: Handshake | None = None
        self._kept = 0  # by the handshake, as the stream knows it

    def feed(self, data: memoryview, offset: int) -> None:
        """See `stream.Reader`."""
        stream = self._stream
        if self._handshake is None or self._handshake.first:
            stream.remember(offset, data)
        if self._handshake is None:
            self._pending += data
            stream.keep(len(data))
            if len(self._pending) < 6:
                return
            if self._pending[0] != 22 and self._pending[0] != _TLS_ALERT:
                self._not_tls(offset + len(data))
                return
            self._handshake = Handshake(limits.SENSOR_HANDSHAKE.default)
            data = memoryview(self.take())
        for event in self._handshake.feed(bytes(data)):
            if isinstance(event, Message):
                over = self._message(event)
            elif isinstance(event, AlertRecord):
                over = False
                self._witness.report(TlsAlertSeen(stream.flow, stream.from_client, event.code))
            else:
                over = True
                self._ended(event)
            if over:
                self._done()
                return
        self._account()

    def _message(self, message: Message) -> bool:
        """Take a handshake message. Says whether nothing behind it is wanted."""
        stream, flow = self._stream, self._stream.flow
        if message.kind in (CLIENT_HELLO, SERVER_HELLO):
            hello = parse_hello(message.kind, message.body)
            right = isinstance(hello, Hello) and (hello.kind == CLIENT_HELLO) == stream.from_client
            if isinstance(hello, Hello) and right:
                return self._hello(hello)
            if stream.from_client:
                self._witness.report(Malformed(flow, True, "a ClientHello that cannot be read"))
            return True
        if message.kind == _CERTIFICATE:
            chain = _certificates(message.body)
            if chain:
                self._witness.certificate(flow, stream.from_client, chain)
        return False  # an alert about a certificate comes behind it, in clear up to the change of the cipher

    def _hello(self, hello: Hello) -> bool:
        flow = self._stream.flow
        flow.asked = True
        if hello.kind == CLIENT_HELLO:
            if flow.hello is None:
                self._witness.statistics.tls += 1
            self._remember(hello)
            self._witness.report(HelloSeen(flow, hello))
            return False
        self._witness.report(HelloSeen(flow, hello, flow.hello))
        if not hello.retry:
            self._remember(None)
            flow.client.forget()  # its server took it: no other version of it counts
            flow.server.forget()
        return hello.versions[0] == _TLS_1_3 and not hello.retry

    def _remember(self, hello: Hello | None) -> None:
        """Keep the client's hello until it is answered."""
        flow = self._stream.flow
        if flow.hello is not None:
            flow.client.release(flow.hello.weight)
        if hello is not None:
            flow.client.keep(hello.weight)
        flow.hello = hello

    def _ended(self, event: Over) -> None:
        if event.why == TOO_LONG:
            self._witness.statistics.blind += 1
            self._witness.report(Blind(self._stream.flow, event.why))
        elif event.why and self._stream.from_client:
            self._witness.report(Malformed(self._stream.flow, True, "a ClientHello that cannot be read"))

    def _not_tls(self, end: int) -> None:
        """The other side does not speak TLS: judge it by itself."""
        data = self.take()
        self._stream.reader = self._otherwise(self._stream)
        self._stream.reader.feed(memoryview(data), end - len(data))

    def take(self) -> bytes:
        """The bytes that are not judged yet; they are the caller's now."""
        kept = bytes(self._pending)
        self._stream.release(len(kept))
        self._pending.clear()
        return kept

    def _account(self) -> None:
        kept = self._handshake.kept if self._handshake else 0
        self._stream.keep(kept - self._kept)
        self._kept = kept

    def _done(self) -> None:
        self.take()
        first = self._handshake is None or self._handshake.first
        self._handshake = Handshake(0)
        self._handshake.first = first
        self._account()
        self._stream.pass_by()

    def lost(self, count: int) -> None:
        """See `stream.Reader`."""
        before_hello = self._handshake is None or self._handshake.first
        self._done()
        if before_hello:
            self._witness.statistics.blind += 1
            self._witness.report(Blind(self._stream.flow, "segments were lost in a TLS hello"))

    def conflict(self, offset: int) -> None:
        """See `stream.Reader`."""
        flow = self._stream.flow
        if not flow.conflicted:
            flow.conflicted = True
            self._witness.report(Conflict(flow, self._stream.from_client))

    def end(self) -> None:
        """See `stream.Reader`."""

    def forgot(self) -> None:
        """See `stream.Reader`: never of a hello, which is shorter than what is kept."""


def _certificates(body: bytes) -> list[bytes]:
    """What a Certificate message up to TLS 1.2 shows: the end-entity certificate and some of those behind it, as far
    as they are whole; none where none was shown."""
    found: list[bytes] = []
    at = 3
    while len(found) <= limits.SENSOR_CHAIN.default and len(body) >= at + 3:
        size = int.from_bytes(body[at : at + 3], "big")
        at += 3 + size
        if not size or len(body) < at:
            break
        found.append(body[at - size : at])
    return found
