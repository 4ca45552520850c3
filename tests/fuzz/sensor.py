"""Targets of the sensor: what anybody may send past the interface that it listens to."""

from __future__ import annotations

import json
from functools import cache

from appliance.base import limits
from appliance.inspection.engine import Inspection
from appliance.inspection.frames import Fragment, Segment, Unread, parse
from appliance.inspection.registry import Registry
from appliance.inspection.tls_hello import Hello, looks_like_tls, parse_hello
from appliance.inspection.tls_records import Event, Handshake, Message, Over
from tests.fuzz.target import Target, cut
from tests.inspection import scene, wire


def tls_hello(data: bytes) -> None:
    """A side's handshake gives the same messages in whatever pieces it comes, each hello is a value or a reason, what
    is held is bounded, and nothing is raised."""
    limit = limits.SENSOR_HANDSHAKE.default
    pieces, whole = Handshake(limit), Handshake(limit)
    seen, found = b"", list[Event]()
    for piece in cut(data):
        seen += piece
        found += pieces.feed(piece)
        assert pieces.kept <= limit + 5 + 0xFFFF
        if found and isinstance(found[-1], Over):
            break
    assert found == whole.feed(seen)
    for event in found:
        if isinstance(event, Message):
            hello = parse_hello(event.kind, event.body)
            assert isinstance(hello, str | Hello)
            if isinstance(hello, Hello):
                assert hello.version and len(hello.ciphers) <= len(seen) and len(hello.extensions) <= len(seen)
    if len(seen) >= 6:
        looks_like_tls(seen)


def frame(data: bytes) -> None:
    """The headers of a frame give a segment within the frame, a fragment, or nothing, and nothing is raised."""
    more = data[0] if data else 0  # bytes on the wire that were not captured
    found = parse(data[1:], len(data) - 1 + more)
    if isinstance(found, Segment):
        assert len(found.key) in (12, 36)
        assert 54 <= found.start <= found.start + found.length <= len(data) - 1 + more
    else:
        assert found is None or isinstance(found, Fragment | Unread)


def frames(data: bytes) -> None:
    """Frames of any bytes cause no fault of the sensor's own, and it keeps no more than it may."""
    engine = Inspection(_registry(), "eth1")
    for at, piece in enumerate(data.split(b"||")):
        engine.inspect([(1e9 + at, memoryview(piece), len(piece), None)])
    _over(engine)


def conversation(data: bytes) -> None:
    """Whatever two hosts say, with segments lost, late, twice or changed, causes no fault of the sensor's own, and
    nothing is kept of a flow that is over."""
    engine = Inspection(_registry(), "eth1")
    said = wire.Wire(engine)
    if data[:1] != b"\1":
        said.open()
    for part in data[1:].split(b"||"):
        _play(said, part[:1], part[1:])
    _over(engine)


def _play(said: wire.Wire, how: bytes, data: bytes) -> None:
    """One move of the conversation, by its first byte."""
    from_client = how.islower()
    match how.lower():
        case b"a":  # in order, in segments of 7 bytes
            said.say(from_client, data, 7)
        case b"l":  # lost
            said.lose(from_client, len(data))
        case b"g":  # a gap of as many bytes as the first byte says; then data
            said.lose(from_client, data[0] if data else 0).say(from_client, data[1:])
        case b"b":  # from so many bytes back, again, and perhaps changed
            said.raw(from_client, said.next[from_client] - (data[0] if data else 0), wire.ACK, data[1:])
        case b"c":  # cut short by the capture
            said.raw(from_client, said.next[from_client], wire.ACK, data, cut=60)
            said.lose(from_client, len(data))
        case b"f":
            said.raw(from_client, said.next[from_client], wire.FIN | wire.ACK, data)
        case b"t":  # time passes
            said.now += 0.3 * len(data)
            said.engine.tick(said.now)
        case _:
            said.say(from_client, data)


def _over(engine: Inspection) -> None:
    """It is over: nothing is kept, and every alert can be written down."""
    assert engine.snapshot()["memory"] <= limits.SENSOR_MEMORY.default
    engine.finish()
    for hours in range(1, 200):
        engine.tick(2e9 + 3600 * hours)
        if not engine.flows:
            break
    said = engine.snapshot()
    assert (said["faults"], said["flows"], said["memory"]) == (0, 0, 0), said
    json.dumps(engine.take_alerts())


@cache
def _registry() -> Registry:
    return scene.registry()


_RQ, _AC = wire.associate(), wire.associate(2)
_STORED = wire.store(600)
_FRAME = wire.frame(wire.CT, 50000, wire.PACS, 104, 1, 1, wire.ACK, _RQ)
_FRAME_6 = wire.frame("2001:db8::11", 50000, "2001:db8::2", 104, 1, 1, wire.ACK, b"data", (7,), b"\0\6\0" + bytes(6))


def _record(kind: int, body: bytes) -> bytes:
    """A handshake message in a TLS record."""
    message = bytes((kind,)) + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(message).to_bytes(2, "big") + message


_HELLO = _record(1, b"\3\3" + bytes(33) + b"\0\4\x13\1\x0a\x0a" + b"\1\0" + b"\0\x09" + b"\0\x2b\0\5\4\3\4\3\3")
_ANSWER = _record(2, b"\3\3" + bytes(33) + b"\x13\1\0" + b"\0\6" + b"\0\x2b\0\2\3\4")

TARGETS = (
    Target(tls_hello, (b"\0" + _HELLO, b"\7" + _ANSWER, b"\1" + _HELLO)),
    Target(frame, (b"\0" + _FRAME, b"\5" + _FRAME_6)),
    Target(frames, (_FRAME + b"||" + _FRAME_6, _FRAME_6 + b"||" + _FRAME_6)),
    Target(
        conversation,
        (
            b"\0s" + _RQ + b"||S" + _AC + b"||a" + _STORED + b"||f",
            b"\0s" + _RQ + b"||S" + _AC + b"||g\x40" + _STORED + b"||b\x20" + _STORED + b"||t  ||s" + _STORED,
            b"\1s" + _STORED + b"||S" + _AC + b"||c" + _STORED + b"||F" + wire.RELEASE_RP + b"||f",
            b"\0s" + _HELLO + b"||S" + _ANSWER + b"||l" + bytes(30) + b"||s" + _RQ,
        ),
    ),
)
