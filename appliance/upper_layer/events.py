"""What the engine reports: one class an event, together the type `Event`.

None shows payload in its repr: it may be a patient's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.upper_layer.command import CommandSet
from appliance.upper_layer.negotiation import AssociateAccept, AssociateRequest


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """A peer wants to associate. Answer with `accept`, `reject` or `abort`."""

    request: AssociateRequest


@dataclass(frozen=True, slots=True)
class AssociationAccepted:
    """The peer accepted our request; `Association.accepted` holds the contexts that may be used."""

    accept: AssociateAccept


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """The peer rejected our request; numbers of PS3.8 table 9-21 as sent, in words by `words.rejection`. Close."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A whole command set. Where `command.data_set_follows`, `DataFragment`s of the same context come next."""

    context_id: int
    command: CommandSet


@dataclass(frozen=True, slots=True)
class DataFragment:
    """A piece of the data set under way. `data` is a view into the caller's buffer, valid until the next step of the
    iteration; it may be empty when `last`."""

    context_id: int
    data: memoryview = field(repr=False)
    last: bool


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """The peer is done. A message that is not whole now never will be."""


@dataclass(frozen=True, slots=True)
class Released:
    """The peer agreed to our release."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The peer aborted; numbers of PS3.8 table 9-26 as sent, in words by `words.abort`. Close."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The transport is gone, or has to go: close it. `orderly` when no association was open any more or yet."""

    orderly: bool


@dataclass(frozen=True, slots=True)
class PeerFault:
    """The peer broke the protocol, and the association is over. Send `reply`, then read on until the peer closes.

    `reason` is for our log and holds nothing that the peer sent but numbers. `reply` is an A-ABORT, or the
    A-ASSOCIATE-RJ for another protocol version.
    """

    reason: str
    reply: bytes


Event = (
    AssociationRequested
    | AssociationAccepted
    | AssociationRejected
    | CommandReceived
    | DataFragment
    | ReleaseRequested
    | Released
    | Aborted
    | ConnectionClosed
    | PeerFault
)
