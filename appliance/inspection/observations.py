"""What inspection saw: the words in which flows speak to rules. Facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.config.values import Address
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import Command
from appliance.inspection.flow import Flow
from appliance.inspection.tls_hello import Hello


@dataclass(frozen=True, slots=True)
class DicomInClear:
    """A flow turned out to carry DICOM without TLS. `request` is its A-ASSOCIATE-RQ, None where that was not seen."""

    flow: Flow
    request: Associate | None


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """An A-ASSOCIATE-RQ in clear."""

    flow: Flow
    request: Associate


@dataclass(frozen=True, slots=True)
class AssociationAnswered:
    """An A-ASSOCIATE-AC in clear, or an A-ASSOCIATE-RJ with its result, source and reason (PS3.8 table 9-21)."""

    flow: Flow
    accept: Associate | None
    reject: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class CommandSeen:
    """A whole command set in clear."""

    flow: Flow
    from_client: bool
    command: Command


@dataclass(frozen=True, slots=True)
class HelloSeen:
    """A ClientHello or ServerHello."""

    flow: Flow
    hello: Hello


@dataclass(frozen=True, slots=True)
class Oversized:
    """A PDU that announces more than its receiver said it takes, or more than is ever inspected."""

    flow: Flow
    from_client: bool
    pdu_type: int
    length: int
    limit: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that the standard does not allow. `what` is ours, never the peer's."""

    flow: Flow
    from_client: bool
    what: str


@dataclass(frozen=True, slots=True)
class OutOfState:
    """A PDU that the state of its association does not allow (PS3.8 9.2)."""

    flow: Flow
    from_client: bool
    what: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same bytes of a stream came twice and were not the same: what the receiver took cannot be known."""

    flow: Flow
    from_client: bool


@dataclass(frozen=True, slots=True)
class Probing:
    """One source tried many addresses and ports, and nobody answered."""

    source: Address
    targets: int
    hosts: int
    ports: int


@dataclass(frozen=True, slots=True)
class Blind:
    """The sensor did not see what it needed. `flow` is None where that concerns the whole capture."""

    flow: Flow | None
    what: str
    count: int = 1


Observation = (
    DicomInClear
    | AssociationRequested
    | AssociationAnswered
    | CommandSeen
    | HelloSeen
    | Oversized
    | Malformed
    | OutOfState
    | Conflict
    | Probing
    | Blind
)
