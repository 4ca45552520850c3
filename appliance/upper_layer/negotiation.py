"""What is negotiated when an association is made (PS3.8 9.3.2 and 9.3.3, PS3.7 D.3.3), as values.

Owns the shapes and the checks of what our own side proposes or answers. Bytes are the matter of `associate.py`; whom
to admit and what to accept is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.base import implementation
from appliance.base.errors import LocalError

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
# For a peer that leaves out the mandatory Maximum Length sub-item: what toolkits took before it was negotiable.
UNSTATED_MAX_PDU = 16384
# A PDV header and one even fragment: below this a maximum lets no message through.
LEAST_MAX_PDU = 8

ACCEPTANCE = 0
USER_REJECTION = 1
NO_REASON = 2
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class PresentationContext:
    """A proposed presentation context. A peer's abstract syntax that is no UID is "", such a transfer syntax is left
    out: the first can only be answered with result 3, a context without any with result 4."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextResult:
    """The answer to a proposed context: `result` of PS3.8 table 9-18; the transfer syntax is "" unless it is 0."""

    context_id: int
    result: int
    transfer_syntax: str = ""


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context that messages may use."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class AsyncWindow:
    """Operations that may be outstanding (PS3.7 D.3.3.3); 0 is no limit. Without one it is 1 and 1."""

    invoked: int
    performed: int


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """Which roles the requestor has for a SOP class (PS3.7 D.3.3.4); without one it is SCU."""

    sop_class: str
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """Service-class specific bytes for a SOP class (PS3.7 D.3.3.5)."""

    sop_class: str
    information: bytes


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """PS3.7 D.3.3.7: type 1 user name, 2 with passcode, 3 Kerberos, 4 SAML, 5 JWT. Its repr shows neither."""

    identity_type: int
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)
    response_requested: bool = False


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ, received or to be sent.

    An AE title that was received is None where the field holds none; the 16 bytes stand in `…_raw` for the log and for
    the echo. `max_pdu` is the length of P-DATA-TF that the sender takes, 0 without limit; in a request that we send,
    the engine fills in its own. `application_context` is "" where it was missing or no UID.
    """

    called_ae: str | None
    calling_ae: str | None
    contexts: tuple[PresentationContext, ...]
    max_pdu: int = 0
    implementation_uid: str = implementation.CLASS_UID
    implementation_version: str = implementation.VERSION_NAME
    roles: tuple[RoleSelection, ...] = ()
    user_identity: UserIdentity | None = None
    async_window: AsyncWindow | None = None
    extended: tuple[ExtendedNegotiation, ...] = ()
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    called_ae_raw: bytes = b""
    calling_ae_raw: bytes = b""
    reserved: bytes = field(default=bytes(32), repr=False)


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """An A-ASSOCIATE-AC, received or to be sent: a result for every proposed context.

    In one that was received, a context which the peer left out has result 2 (no reason). In one that we send, the
    engine fills in its own `max_pdu`. `identity_response` is None where there is no such sub-item.
    """

    contexts: tuple[ContextResult, ...]
    max_pdu: int = 0
    implementation_uid: str = implementation.CLASS_UID
    implementation_version: str = implementation.VERSION_NAME
    roles: tuple[RoleSelection, ...] = ()
    async_window: AsyncWindow | None = None
    extended: tuple[ExtendedNegotiation, ...] = ()
    identity_response: bytes | None = field(default=None, repr=False)
    application_context: str = APPLICATION_CONTEXT


def check_request(request: AssociateRequest) -> None:
    """Raise LocalError unless `request` is one that we may send."""
    if not request.called_ae or not request.calling_ae:
        raise LocalError("an A-ASSOCIATE-RQ needs both AE titles")
    if not request.contexts:
        raise LocalError("an A-ASSOCIATE-RQ needs a presentation context")
    ids = [context.context_id for context in request.contexts]
    if len(set(ids)) < len(ids) or any(not (1 <= each <= 255 and each % 2) for each in ids):
        raise LocalError("presentation context ids are odd, 1 to 255, each used once")
    if any(not context.abstract_syntax or not context.transfer_syntaxes for context in request.contexts):
        raise LocalError("a presentation context needs an abstract syntax and a transfer syntax")


def check_accept(request: AssociateRequest, accept: AssociateAccept) -> None:
    """Raise LocalError unless `accept` answers each context of `request` once, with a syntax that it proposed."""
    proposed = {context.context_id: context for context in request.contexts}
    if sorted(result.context_id for result in accept.contexts) != sorted(proposed):
        raise LocalError("an A-ASSOCIATE-AC answers every proposed presentation context once")
    for result in accept.contexts:
        if not ACCEPTANCE <= result.result <= TRANSFER_SYNTAXES_NOT_SUPPORTED:
            raise LocalError(f"{result.result} is no result of PS3.8 table 9-18")
        context = proposed[result.context_id]
        if result.result == ACCEPTANCE and result.transfer_syntax not in context.transfer_syntaxes:
            raise LocalError("the transfer syntax of an accepted context is one that was proposed for it")


@dataclass(slots=True)
class Negotiated:
    """What an association may use: contexts by id, and the maximum length that the peer takes, 0 without limit.

    Empty until an A-ASSOCIATE-AC was sent or received.
    """

    contexts: dict[int, AcceptedContext] = field(default_factory=dict)
    peer_max_pdu: int = 0

    def settle(self, request: AssociateRequest, accept: AssociateAccept, peer_max_pdu: int) -> None:
        """`accept` answers `request`."""
        self.peer_max_pdu = peer_max_pdu
        abstract = {context.context_id: context.abstract_syntax for context in request.contexts}
        for result in accept.contexts:
            if result.result == ACCEPTANCE:
                each = result.context_id
                self.contexts[each] = AcceptedContext(each, abstract[each], result.transfer_syntax)
