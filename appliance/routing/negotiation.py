"""Answers proposed presentation contexts, each by itself (PS3.8 9.3.3.2). Pure.

We store what we get byte for byte, so any transfer syntax can be taken; the choice among those that are proposed looks
ahead to the destinations, which must take it too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from appliance.config.destinations import Destination, DimseDestination
from appliance.config.model import Config, Peer
from appliance.routing.routes import Facts, destinations_for
from appliance.routing.sop_classes import STORAGE_COMMITMENT, VERIFICATION, is_storage

ACCEPTANCE = 0
USER_REJECTION = 1
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
# In the order of preference: Explicit VR keeps the VR of private attributes.
UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)

# (SOP class, transfer syntax) pairs that a destination accepted lately, by its name.
Accepted = Mapping[str, Collection[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposed presentation context."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """Our answer to one: `result` of PS3.8 table 9-18, and the transfer syntax ("" where it is not accepted)."""

    context_id: int
    result: int
    transfer_syntax: str = ""


def negotiate(
    config: Config,
    peer: Peer,
    calling_ae: str,
    proposed: Sequence[Proposed],
    accepted: Accepted,
    *,
    reports: bool = False,
) -> list[Answer]:
    """An answer to every proposed context, in order, for an admitted peer; `reports`: it may report on commitment."""
    return [_answer(config, peer, calling_ae, context, accepted, reports) for context in proposed]


def _answer(
    config: Config, peer: Peer, calling_ae: str, context: Proposed, accepted: Accepted, reports: bool
) -> Answer:
    refusal = _refusal(peer, context.abstract_syntax, reports)
    if refusal:
        return Answer(context.context_id, refusal)
    if not context.transfer_syntaxes:
        return Answer(context.context_id, TRANSFER_SYNTAXES_NOT_SUPPORTED)
    if context.abstract_syntax == STORAGE_COMMITMENT:
        syntax = next((each for each in UNCOMPRESSED[:2] if each in context.transfer_syntaxes), "")
        return Answer(context.context_id, ACCEPTANCE if syntax else TRANSFER_SYNTAXES_NOT_SUPPORTED, syntax)
    facts = Facts(peer.name, calling_ae, context.abstract_syntax, modality=None)
    targets = destinations_for(facts, config.route) if context.abstract_syntax != VERIFICATION else ()
    takers = [destination for destination in config.destination if destination.name in targets]
    syntax = choose_syntax(context.abstract_syntax, context.transfer_syntaxes, takers, accepted)
    return Answer(context.context_id, ACCEPTANCE, syntax)


def _refusal(peer: Peer, abstract_syntax: str, reports: bool) -> int:
    if abstract_syntax == VERIFICATION:
        return 0 if "echo" in peer.services else USER_REJECTION
    if abstract_syntax == STORAGE_COMMITMENT:
        return 0 if reports or "commit" in peer.services else USER_REJECTION
    if not is_storage(abstract_syntax):
        return ABSTRACT_SYNTAX_NOT_SUPPORTED
    if "store" not in peer.services or (peer.sop_classes and abstract_syntax not in peer.sop_classes):
        return USER_REJECTION
    return 0


def choose_syntax(
    sop_class: str, proposed: Sequence[str], destinations: Sequence[Destination], accepted: Accepted
) -> str:
    """The first proposed syntax that every destination takes (listed in its entry, or accepted lately); else an
    uncompressed one, which the most take; else the first proposed. `proposed` is not empty."""
    if destinations:
        for syntax in proposed:
            if all(_takes(destination, sop_class, syntax, accepted) for destination in destinations):
                return syntax
    return next((syntax for syntax in UNCOMPRESSED if syntax in proposed), proposed[0])


def _takes(destination: Destination, sop_class: str, syntax: str, accepted: Accepted) -> bool:
    if destination.transfer_syntaxes:
        return syntax in destination.transfer_syntaxes
    if not isinstance(destination, DimseDestination):
        return True  # there is nothing to negotiate: it takes the object as it is
    return (sop_class, syntax) in accepted.get(destination.name, ())
