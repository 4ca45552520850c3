"""Differential tests: pynetdicom and pydicom encode what we decode, and decode what we encode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom import pdu as theirs
from pynetdicom import pdu_primitives as primitives
from pynetdicom.presentation import PresentationContext as TheirContext

from appliance.upper_layer import pdu as ours
from appliance.upper_layer.associate import decode_accept, decode_request, encode_accept, encode_request
from appliance.upper_layer.negotiation import (
    AssociateAccept,
    AssociateRequest,
    AsyncWindow,
    ContextResult,
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserIdentity,
)
from tests.upper_layer.wire import REQUEST

CHECKED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

components = st.integers(0, 10**9).map(str)
uids = (
    st.lists(components, min_size=2, max_size=6)
    .map(lambda parts: ".".join(("1", *parts)))
    .filter(lambda u: len(u) < 65)
)
titles = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), min_size=1, max_size=16
)
versions = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), min_size=1, max_size=16
)
words = st.integers(0, 0xFFFF)
roles = st.builds(RoleSelection, uids, st.booleans(), st.booleans()).filter(lambda role: role.scu or role.scp)
identities = st.one_of(
    st.builds(UserIdentity, st.just(1), st.binary(min_size=1, max_size=30), st.just(b""), st.booleans()),
    st.builds(
        UserIdentity, st.just(2), st.binary(min_size=1, max_size=30), st.binary(min_size=1, max_size=30), st.booleans()
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> AssociateRequest:
    ids = draw(st.lists(st.integers(0, 127).map(lambda n: 2 * n + 1), min_size=1, max_size=8, unique=True))
    return AssociateRequest(
        called_ae=draw(titles),
        calling_ae=draw(titles),
        contexts=tuple(
            PresentationContext(each, draw(uids), tuple(draw(st.lists(uids, min_size=1, max_size=5, unique=True))))
            for each in ids
        ),
        max_pdu=draw(st.one_of(st.just(0), st.integers(8, 0xFFFFFFFF))),
        implementation_uid=draw(uids),
        implementation_version=draw(versions),
        roles=tuple(draw(st.lists(roles, max_size=3, unique_by=lambda role: role.sop_class))),
        user_identity=draw(st.none() | identities),
        async_window=draw(st.none() | st.builds(AsyncWindow, words, words)),
        extended=tuple(
            draw(st.lists(st.builds(ExtendedNegotiation, uids, st.binary(min_size=1, max_size=8)), max_size=2))
        ),
    )


def user_information(value: AssociateRequest | AssociateAccept) -> list[Any]:
    """The same, as pynetdicom's primitives."""
    maximum = primitives.MaximumLengthNotification()
    maximum.maximum_length_received = value.max_pdu
    implementation = primitives.ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(value.implementation_uid)
    version = primitives.ImplementationVersionNameNotification()
    version.implementation_version_name = value.implementation_version
    items: list[Any] = [maximum, implementation, version]
    for role in value.roles:
        item = primitives.SCP_SCU_RoleSelectionNegotiation()
        item.sop_class_uid, item.scu_role, item.scp_role = UID(role.sop_class), role.scu, role.scp
        items.append(item)
    if value.async_window:
        window = primitives.AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked = value.async_window.invoked
        window.maximum_number_operations_performed = value.async_window.performed
        items.append(window)
    for extended in value.extended:
        negotiation = primitives.SOPClassExtendedNegotiation()
        negotiation.sop_class_uid = UID(extended.sop_class)
        negotiation.service_class_application_information = extended.information
        items.append(negotiation)
    if isinstance(value, AssociateRequest) and value.user_identity:
        identity = primitives.UserIdentityNegotiation()
        identity.user_identity_type = value.user_identity.identity_type
        identity.positive_response_requested = value.user_identity.response_requested
        identity.primary_field = value.user_identity.primary
        identity.secondary_field = value.user_identity.secondary
        items.append(identity)
    return items


def their_request(request: AssociateRequest) -> bytes:
    primitive = primitives.A_ASSOCIATE()
    primitive.application_context_name = request.application_context
    primitive.called_ae_title, primitive.calling_ae_title = request.called_ae, request.calling_ae
    contexts = []
    for each in request.contexts:
        context = TheirContext()
        context.context_id, context.abstract_syntax = each.context_id, each.abstract_syntax
        context.transfer_syntax = list(each.transfer_syntaxes)
        contexts.append(context)
    primitive.presentation_context_definition_list = contexts
    primitive.user_information = user_information(request)
    pdu = theirs.A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()


@CHECKED
@given(requests())
def test_we_decode_their_request(request: AssociateRequest) -> None:
    assert decode_request(their_request(request)[6:]) == replace(
        request,
        called_ae_raw=request.called_ae.ljust(16).encode(),
        calling_ae_raw=request.calling_ae.ljust(16).encode(),
    )


@CHECKED
@given(requests())
def test_they_decode_our_request(request: AssociateRequest) -> None:
    pdu = theirs.A_ASSOCIATE_RQ()
    pdu.decode(encode_request(request))
    assert pdu.called_ae_title.strip() == request.called_ae
    assert pdu.calling_ae_title.strip() == request.calling_ae
    assert pdu.application_context_name == request.application_context
    assert [
        (each.presentation_context_id, each.abstract_syntax, tuple(each.transfer_syntax))
        for each in pdu.presentation_context
    ] == [(each.context_id, each.abstract_syntax, each.transfer_syntaxes) for each in request.contexts]
    primitive = pdu.to_primitive()
    expected = {str(type(each)): each for each in user_information(request)}
    assert {str(type(each)) for each in primitive.user_information} == expected.keys()
    assert primitive.maximum_length_received == request.max_pdu
    assert len(encode_request(request)) == len(their_request(request))


@CHECKED
@given(requests(), st.data())
def test_accepts_both_ways(request: AssociateRequest, data: st.DataObject) -> None:
    results = tuple(
        ContextResult(each.context_id, 0, data.draw(st.sampled_from(each.transfer_syntaxes)))
        if data.draw(st.booleans())
        else ContextResult(each.context_id, data.draw(st.integers(1, 4)))
        for each in request.contexts
    )
    accept = AssociateAccept(
        results,
        max_pdu=request.max_pdu,
        implementation_uid=request.implementation_uid,
        implementation_version=request.implementation_version,
        roles=request.roles,
        async_window=request.async_window,
        extended=request.extended,
    )
    received = decode_request(encode_request(request)[6:])
    encoded = encode_accept(accept, received)
    pdu = theirs.A_ASSOCIATE_AC()
    pdu.decode(encoded)
    assert [
        (each.presentation_context_id, each.result, each.transfer_syntax if each.result == 0 else "")
        for each in pdu.presentation_context
    ] == [(each.context_id, each.result, each.transfer_syntax) for each in results]
    assert decode_accept(pdu.encode()[6:], request) == accept

    primitive = primitives.A_ASSOCIATE()
    primitive.application_context_name = accept.application_context
    primitive.called_ae_title, primitive.calling_ae_title = request.called_ae, request.calling_ae
    primitive.result, primitive.result_source = 0, 1
    contexts = []
    for each in results:
        context = TheirContext()
        context.context_id, context.result = each.context_id, each.result
        context.transfer_syntax = [each.transfer_syntax or "1.2.840.10008.1.2"]
        contexts.append(context)
    primitive.presentation_context_definition_results_list = contexts
    primitive.user_information = user_information(accept)
    answer = theirs.A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    assert decode_accept(answer.encode()[6:], request) == accept


def test_a_user_identity_response() -> None:
    accept = AssociateAccept(
        (ContextResult(1, 1), ContextResult(3, 1), ContextResult(5, 1)), 0, identity_response=b"it"
    )
    pdu = theirs.A_ASSOCIATE_AC()
    received = decode_request(encode_request(REQUEST)[6:])
    pdu.decode(encode_accept(accept, received))
    assert pdu.user_information.user_identity.server_response == b"it"
    assert decode_accept(pdu.encode()[6:], REQUEST).identity_response == b"it"


@pytest.mark.parametrize("triple", [(1, 1, 1), (1, 1, 3), (1, 1, 7), (2, 2, 1), (1, 2, 2), (2, 3, 1), (2, 3, 2)])
def test_rejects(triple: tuple[int, int, int]) -> None:
    pdu = theirs.A_ASSOCIATE_RJ()
    pdu.decode(ours.encode_reject(*triple))
    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == triple
    assert pdu.encode() == ours.encode_reject(*triple)
    assert ours.decode_reject(pdu.encode()[6:]) == triple


@pytest.mark.parametrize("pair_", [(0, 0), (2, 0), (2, 1), (2, 2), (2, 4), (2, 5), (2, 6)])
def test_aborts(pair_: tuple[int, int]) -> None:
    pdu = theirs.A_ABORT_RQ()
    pdu.decode(ours.encode_abort(*pair_))
    assert (pdu.source, pdu.reason_diagnostic) == pair_
    assert pdu.encode() == ours.encode_abort(*pair_)


def test_releases() -> None:
    assert theirs.A_RELEASE_RQ().encode() == ours.encode_release(ours.PduType.RELEASE_RQ)
    assert theirs.A_RELEASE_RP().encode() == ours.encode_release(ours.PduType.RELEASE_RP)
