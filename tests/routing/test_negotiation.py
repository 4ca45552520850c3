from __future__ import annotations

import pytest

from appliance.routing.negotiation import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Accepted,
    Answer,
    Proposed,
    negotiate,
)
from appliance.routing.sop_classes import STORAGE_COMMITMENT, VERIFICATION
from tests.routing.configs import CT, MR, config

J2K = "1.2.840.10008.1.2.4.90"
JPEG = "1.2.840.10008.1.2.4.70"
PRIVATE = "1.2.826.0.1.3680043.2.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PEERS = {peer.name: peer for peer in config().peer}


@pytest.mark.parametrize(
    ("peer", "abstract_syntax", "result"),
    [
        ("CT", VERIFICATION, 0),
        ("CT", CT, 0),
        ("CT", "1.3.46.670589.11.0.0.12.1", 0),
        ("CT", FIND, 3),
        ("old MR", VERIFICATION, 1),
        ("old MR", MR, 0),
        ("old MR", CT, 1),
        ("workstation", CT, 1),
        ("workstation", VERIFICATION, 0),
    ],
)
def test_what_a_peer_may_ask_for(peer: str, abstract_syntax: str, result: int) -> None:
    proposed = [Proposed(1, abstract_syntax, [IMPLICIT_VR_LITTLE_ENDIAN])]
    (answer,) = negotiate(config(), PEERS[peer], "X", proposed, {})
    assert answer == Answer(1, result, "" if result else IMPLICIT_VR_LITTLE_ENDIAN)


@pytest.mark.parametrize(
    ("services", "syntaxes", "answer"),
    [
        (("echo", "store"), [EXPLICIT_VR_LITTLE_ENDIAN], Answer(1, 1)),
        (("commit",), [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN], Answer(1, 0, EXPLICIT_VR_LITTLE_ENDIAN)),
        (("commit",), [J2K, IMPLICIT_VR_LITTLE_ENDIAN], Answer(1, 0, IMPLICIT_VR_LITTLE_ENDIAN)),
        (("commit",), [EXPLICIT_VR_BIG_ENDIAN, J2K], Answer(1, 4)),
        (("commit",), [], Answer(1, 4)),
    ],
)
def test_storage_commitment_is_for_those_who_have_the_service(
    services: tuple[str, ...], syntaxes: list[str], answer: Answer
) -> None:
    peer = PEERS["CT"].model_copy(update={"services": services, "sop_classes": (CT,)})
    assert negotiate(config(), peer, "CT1", [Proposed(1, STORAGE_COMMITMENT, syntaxes)], {}) == [answer]


def test_each_context_is_answered_by_itself_and_in_order() -> None:
    proposed = [
        Proposed(1, FIND, [IMPLICIT_VR_LITTLE_ENDIAN]),
        Proposed(3, CT, [PRIVATE]),
        Proposed(5, CT, []),
        Proposed(7, CT, [J2K, IMPLICIT_VR_LITTLE_ENDIAN]),
        Proposed(255, VERIFICATION, [IMPLICIT_VR_LITTLE_ENDIAN]),
    ]
    assert negotiate(config(), PEERS["CT"], "CT1", proposed, {}) == [
        Answer(1, 3),
        Answer(3, 0, PRIVATE),
        Answer(5, 4),
        Answer(7, 0, IMPLICIT_VR_LITTLE_ENDIAN),
        Answer(255, 0, IMPLICIT_VR_LITTLE_ENDIAN),
    ]


BOTH: Accepted = {"pacs": {(MR, J2K), (MR, JPEG)}, "research": {(MR, JPEG)}}


@pytest.mark.parametrize(
    ("proposed", "accepted", "listed", "expected"),
    [
        # Every destination took it lately.
        ([J2K, JPEG, EXPLICIT_VR_LITTLE_ENDIAN], BOTH, (), JPEG),
        # One took it for this class, nobody knows of the other.
        ([J2K, EXPLICIT_VR_LITTLE_ENDIAN], BOTH, (), EXPLICIT_VR_LITTLE_ENDIAN),
        # Nothing known: uncompressed, explicit first.
        ([J2K, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN], {}, (), EXPLICIT_VR_LITTLE_ENDIAN),
        ([J2K, EXPLICIT_VR_BIG_ENDIAN], {}, (), EXPLICIT_VR_BIG_ENDIAN),
        # Nothing known, nothing uncompressed: the peer's first.
        ([J2K, JPEG], {}, (), J2K),
        # The entries list what they take, and what was learned does not count.
        ([JPEG, J2K, EXPLICIT_VR_LITTLE_ENDIAN], BOTH, (J2K,), J2K),
    ],
)
def test_the_choice_looks_ahead_to_the_destinations(
    proposed: list[str], accepted: Accepted, listed: tuple[str, ...], expected: str
) -> None:
    plain = {"kind": "dimse", "tls": "never", "ae_title": "PACS", "transfer_syntaxes": listed}
    destinations = [
        {"name": "pacs", "address": "pacs.example:104", **plain},
        {"name": "research", "address": "10.0.0.9:104", **plain},
    ]
    (answer,) = negotiate(
        config(destination=destinations), PEERS["old MR"], "MR1", [Proposed(1, MR, proposed)], accepted
    )
    assert answer.transfer_syntax == expected


def test_a_syntax_accepted_for_another_class_says_nothing() -> None:
    accepted = {"pacs": {(MR, J2K)}, "research": {(MR, J2K)}}
    proposed = [Proposed(1, CT, [J2K, IMPLICIT_VR_LITTLE_ENDIAN])]
    (answer,) = negotiate(config(), PEERS["CT"], "CT1", proposed, accepted)
    assert answer.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN


def test_without_a_destination_the_choice_is_uncompressed() -> None:
    proposed = [Proposed(1, CT, [J2K, IMPLICIT_VR_LITTLE_ENDIAN])]
    (answer,) = negotiate(config(route=[]), PEERS["CT"], "CT1", proposed, BOTH)
    assert answer.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
