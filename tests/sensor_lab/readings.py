"""What a reader of a capture reads in it, in one shape for all readers; and the reading of our sensor.

A direction of a connection is told by its capture and its addresses and ports, as they stand in its frames.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from appliance.capture.pcap_file import PcapFile
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import Command
from appliance.inspection.engine import Inspection
from appliance.inspection.flow import endpoints
from appliance.inspection.observations import (
    Aborted,
    AssociationAnswered,
    AssociationRequested,
    CommandSeen,
    ControlPdu,
    Malformed,
)
from appliance.inspection.pdu_walk import PduWalk
from appliance.inspection.stream import Stream
from tests.inspection.scene import registry

P_DATA = 4


class Way(NamedTuple):
    """One direction of the connections between two ports, in a capture."""

    capture: str
    source: str
    source_port: int
    target: str
    target_port: int


class Context(NamedTuple):
    """A presentation context: proposed (`result` is None) or answered."""

    number: int
    abstract: str
    transfers: tuple[str, ...]
    result: int | None


@dataclass
class Association:
    """An A-ASSOCIATE-RQ or -AC."""

    kind: int
    version: int = 0
    called: str = ""
    calling: str = ""
    application: str = ""
    contexts: list[Context] = field(default_factory=list)
    max_length: int | None = None
    implementation: str = ""
    version_name: str = ""
    identity: int | None = None  # the type of a user identity


@dataclass
class Said:
    """A command set. `name` is like "C-STORE-RQ"; None for what an element that is missing says."""

    context: int
    name: str
    sop_class: str = ""
    status: int | None = None
    data_set: bool = False
    destination: str = ""


@dataclass
class Pdu:
    """A PDU by its header, and the PDVs in it: (length, presentation context, flags). `data`: its bytes, zero where
    nobody looked.
    """

    kind: int
    length: int
    pdvs: list[tuple[int, int, int]] = field(default_factory=list)
    data: bytes = field(default=b"", compare=False, repr=False)


@dataclass
class Reading:
    """What stands in one direction, in its order. `ends`: reasons of A-ASSOCIATE-RJ and A-ABORT."""

    pdus: list[Pdu] = field(default_factory=list)
    associations: list[Association] = field(default_factory=list)
    commands: list[Said] = field(default_factory=list)
    ends: list[tuple[int, ...]] = field(default_factory=list)


Readings = dict[Way, Reading]


def text(value: bytes) -> str:
    """A UID, a title or a name without its padding."""
    return value.decode("latin-1").strip("\0 ")


def association(said: Associate) -> Association:
    """One as our parser took it."""
    contexts = [
        Context(c.context_id, text(c.abstract_syntax), tuple(map(text, c.transfer_syntaxes)), c.result)
        for c in said.contexts
    ]
    return Association(
        said.pdu_type,
        said.version,
        text(said.called),
        text(said.calling),
        text(said.application_context),
        contexts,
        said.max_length,
        text(said.implementation_class),
        text(said.implementation_version),
        said.user_identity,
    )


def command(said: Command) -> Said:
    """One as our parser took it."""
    return Said(
        said.context_id,
        said.name,
        text(said.sop_class),
        said.status,
        said.data_set,
        text(said.move_destination),
    )


class Listening(Inspection):
    """An engine that remembers what its readers told, and which bytes they looked at."""

    def __init__(self, capture: str) -> None:
        super().__init__(registry(own=False), capture)
        self.capture = capture
        self.read: Readings = defaultdict(Reading)
        self.looked_at: dict[Stream, list[tuple[int, bytes]]] = defaultdict(list)
        self.ways: dict[Stream, Way] = {}  # of those, while their flow was there
        self.control: dict[Stream, dict[int, bytes]] = defaultdict(dict)  # whole PDUs, by their offset
        self.faults: list[str] = []

    def way(self, flow: Any, from_client: bool) -> Way:
        """The direction of a flow in which something was said."""
        source, port, target, target_port = endpoints(flow.key)
        if not from_client:
            source, port, target, target_port = target, target_port, source, port
        return Way(self.capture, str(source), port, str(target), target_port)

    def report(self, observation: Any) -> None:
        seen = observation
        if isinstance(seen, AssociationRequested):
            self.read[self.way(seen.flow, True)].associations.append(association(seen.request))
        elif isinstance(seen, AssociationAnswered):
            answer = self.read[self.way(seen.flow, False)]
            if seen.accept is not None:
                answer.associations.append(association(seen.accept))
            elif seen.reject is not None:
                answer.ends.append(seen.reject)
        elif isinstance(seen, CommandSeen):
            self.read[self.way(seen.flow, seen.from_client)].commands.append(command(seen.command))
        elif isinstance(seen, Aborted):
            self.read[self.way(seen.flow, seen.from_client)].ends.append((seen.source, seen.reason))
        elif isinstance(seen, ControlPdu):
            self.control[seen.stream][seen.offset] = seen.pdu
        elif isinstance(seen, Malformed):
            self.faults.append(seen.what)
        super().report(observation)

    def follow_headers(self) -> None:
        """Read the headers of each stream off the bytes that the walk looked at. Each must be among them: a walk that
        went elsewhere has not looked there. A PDU that is no P-DATA-TF must have been told as a whole.
        """
        for stream, pieces in self.looked_at.items():
            way = self.ways[stream]
            self.read[way].pdus += _headers(way, pieces, self.control[stream])


def _headers(way: Way, pieces: list[tuple[int, bytes]], control: dict[int, bytes]) -> list[Pdu]:
    end = max(at + len(piece) for at, piece in pieces)
    known, data = bytearray(end), bytearray(end)
    for at, piece in pieces:
        data[at : at + len(piece)] = piece
        known[at : at + len(piece)] = b"\1" * len(piece)
    found, at = [], 0
    while at + 6 <= end:
        assert all(known[at : at + 6]), (way, at, "a header was passed over")
        kind, length = struct.unpack_from("!BxI", data, at)
        after = at + 6 + length
        pdu = Pdu(kind, length, data=bytes(data[at:after]).ljust(6 + length, b"\0"))
        if kind != P_DATA:
            if after > end:
                break  # it never ended
            assert control[at] == pdu.data, (way, at, "a PDU was not told")
        inner = at + 6
        while kind == P_DATA and inner < min(after, end - 5):
            assert all(known[inner : inner + 6]), (way, inner, "a PDV's header was passed over")
            pdu.pdvs.append(struct.unpack_from("!IBB", data, inner))
            inner += 4 + pdu.pdvs[-1][0]
        found.append(pdu)
        at = after
    return found


@contextmanager
def watched_walks() -> Iterator[list[Listening]]:
    """For the length of a block, engines in the list are told which bytes their walks look at."""
    engines: list[Listening] = []
    look_at = PduWalk._look_at

    def recording(walk: PduWalk, piece: memoryview, offset: int) -> None:
        if engines:
            engine, stream = engines[-1], walk.stream
            engine.looked_at[stream].append((offset, bytes(piece)))
            engine.ways[stream] = engine.way(stream.flow, stream.from_client)
        look_at(walk, piece, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PduWalk, "_look_at", recording)
        yield engines


def ours(path: Path, name: str, engines: list[Listening]) -> Listening:
    """Our sensor's reading of a capture, called within `watched_walks`."""
    engine = Listening(name)
    engines.append(engine)
    file = PcapFile(path)
    engine.inspect(file)
    file.close()
    engine.finish()
    return engine
