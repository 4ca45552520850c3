"""What inspection saw: the words in which flows speak to rules. Facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.config.posture.facts import CertificateFacts
from appliance.config.values import Address
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import Command
from appliance.inspection.data_head import Head
from appliance.inspection.flow import Flow
from appliance.inspection.tls_hello import Hello

if TYPE_CHECKING:
    from appliance.inspection.stream import Stream


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
    request: Associate | None = None  # None where it was not seen


@dataclass(frozen=True, slots=True)
class CommandSeen:
    """A whole command set in clear. `request` is that of its association, None where that was not seen."""

    flow: Flow
    from_client: bool
    command: Command
    request: Associate | None = None


@dataclass(frozen=True, slots=True)
class DataSetBegan:
    """The head of the data set that belongs to a command."""

    flow: Flow
    from_client: bool
    command: Command
    head: Head
    request: Associate | None = None


@dataclass(frozen=True, slots=True)
class ManyMatches:
    """A query was answered with so many matches."""

    flow: Flow
    count: int


@dataclass(frozen=True, slots=True)
class Aborted:
    """An A-ABORT. `source` is 0 for the user, 2 for the provider (PS3.8 9.3.8)."""

    flow: Flow
    from_client: bool
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Smuggled:
    """A flow that is neither DICOM nor TLS begins with what belongs in neither of them. `what` is ours."""

    flow: Flow
    from_client: bool
    what: str


@dataclass(frozen=True, slots=True)
class Slow:
    """A connection to a DICOM server on which no whole request came in time."""

    flow: Flow
    seconds: float


@dataclass(frozen=True, slots=True)
class HelloSeen:
    """A ClientHello or ServerHello. `random` is the server's, `offered` what its client had said."""

    flow: Flow
    hello: Hello
    offered: Hello | None = None


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """The end-entity certificate of one side in a TLS handshake up to 1.2. `facts`: None where it cannot be read.
    `signed`: whether a CA of the site signed it, where one should have; None where that is not asked."""

    flow: Flow
    from_client: bool
    facts: CertificateFacts | None
    signed: bool | None = None


@dataclass(frozen=True, slots=True)
class TlsAlertSeen:
    """A TLS alert in clear (RFC 5246 7.2)."""

    flow: Flow
    from_client: bool
    code: int


@dataclass(frozen=True, slots=True)
class ControlPdu:
    """A whole PDU other than P-DATA-TF, and where it begins in its stream: for evidence, judged by nobody."""

    flow: Flow
    stream: Stream
    offset: int
    pdu: bytes


@dataclass(frozen=True, slots=True)
class Touched:
    """Somebody tried the decoy port."""

    source: Address
    target: Address
    port: int


@dataclass(frozen=True, slots=True)
class Listening:
    """A host answered at a port that is DICOM's by custom; what it speaks there was not seen."""

    server: Address
    port: int
    client: Address


@dataclass(frozen=True, slots=True)
class FragmentAbuse:
    """Fragments of an IP packet that no honest sender makes. `what` is ours."""

    source: Address
    target: Address
    what: str


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
    """The same bytes of a stream came twice and were not the same: what the receiver took cannot be known. `how` is
    another reason why it cannot.
    """

    flow: Flow
    from_client: bool
    how: str = ""


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


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """What the sensor judges by is not what it was. `what` is ours."""

    what: str


Observation = object
"""Any of these, of `link_observations.py` and of `developments.py`; `rules.BY_OBSERVATION` has them all."""
