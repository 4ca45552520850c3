from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.negotiation import (
    AcceptedContext,
    AssociateAccept,
    AssociateRequest,
    ContextResult,
    Negotiated,
    PresentationContext,
    check_accept,
    check_request,
)
from tests.upper_layer.wire import ACCEPT, CT, EXPLICIT, IMPLICIT, REQUEST, VERIFICATION


def context(context_id: int) -> PresentationContext:
    return PresentationContext(context_id, CT, (IMPLICIT,))


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, called_ae=None),
        replace(REQUEST, calling_ae=""),
        replace(REQUEST, contexts=()),
        replace(REQUEST, contexts=(context(2),)),
        replace(REQUEST, contexts=(context(257),)),
        replace(REQUEST, contexts=(context(-1),)),
        replace(REQUEST, contexts=(context(1), context(1))),
        replace(REQUEST, contexts=(PresentationContext(1, "", (IMPLICIT,)),)),
        replace(REQUEST, contexts=(PresentationContext(1, CT, ()),)),
    ],
)
def test_requests_that_we_must_not_send(request_: AssociateRequest) -> None:
    with pytest.raises(LocalError):
        check_request(request_)


def test_a_request_with_every_id_may_be_sent() -> None:
    check_request(replace(REQUEST, contexts=tuple(context(each) for each in range(1, 256, 2))))


@pytest.mark.parametrize(
    "results",
    [
        (),
        ACCEPT.contexts[:2],
        (*ACCEPT.contexts, ContextResult(7, 3)),
        (*ACCEPT.contexts[:2], ContextResult(1, 3)),
        (*ACCEPT.contexts[:2], ContextResult(5, 5)),
        (*ACCEPT.contexts[:2], ContextResult(5, -1)),
        (*ACCEPT.contexts[:2], ContextResult(5, 0)),
        (*ACCEPT.contexts[:2], ContextResult(5, 0, IMPLICIT)),
    ],
)
def test_answers_that_we_must_not_send(results: tuple[ContextResult, ...]) -> None:
    with pytest.raises(LocalError):
        check_accept(REQUEST, AssociateAccept(results))


def test_the_accepted_contexts_may_be_used() -> None:
    check_accept(REQUEST, ACCEPT)
    negotiated = Negotiated()
    negotiated.settle(REQUEST, ACCEPT, 32768)
    assert negotiated == Negotiated(
        {1: AcceptedContext(1, CT, EXPLICIT), 3: AcceptedContext(3, VERIFICATION, IMPLICIT)}, 32768
    )
