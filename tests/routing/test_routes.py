from __future__ import annotations

import pytest

from appliance.config.model import Route
from appliance.routing.routes import Facts, destinations_for, quiet_times
from tests.routing.configs import CT, MR

ROUTES = [
    Route.model_validate(each)
    for each in (
        {"to": ["pacs"]},
        {"to": ["research", "pacs"], "when": {"modality": ["MR", "PT"]}},
        {"to": ["dose"], "when": {"peer": ["CT suite 2"], "sop_class": [CT]}},
        {"to": ["teaching"], "when": {"ae_title": ["MR1"]}},
    )
]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts("x", "X", CT, "CT"), ("pacs",)),
        (Facts("x", "X", MR, "MR"), ("pacs", "research")),
        (Facts("x", "X", MR, "MR "), ("pacs", "research")),
        (Facts("x", "X", MR, ""), ("pacs",)),
        (Facts("x", "X", MR, None), ("pacs", "research")),
        (Facts("CT suite 2", "X", CT, "CT"), ("pacs", "dose")),
        (Facts("CT suite 2", "X", MR, "CT"), ("pacs",)),
        (Facts("x", "MR1", MR, "MR"), ("pacs", "research", "teaching")),
    ],
)
def test_all_matching_routes_count_and_each_destination_once(facts: Facts, expected: tuple[str, ...]) -> None:
    assert destinations_for(facts, ROUTES) == expected


def test_without_a_matching_route_there_is_no_destination() -> None:
    assert destinations_for(Facts("x", "X", CT, "CT"), ROUTES[1:]) == ()


def test_a_study_is_waited_for_where_no_route_wants_the_object_at_once() -> None:
    routes = [
        Route.model_validate(each)
        for each in (
            {"to": ["pacs", "archive"], "when": {"study": "complete", "quiet": 600.0}},
            {"to": ["archive"], "when": {"study": "complete", "quiet": 60.0}},
            {"to": ["pacs"], "when": {"modality": ["CR"]}},
            {"to": ["ai"], "when": {"modality": ["CT"], "study": "complete"}},
        )
    ]
    assert quiet_times(Facts("x", "X", CT, "CT"), routes) == {"pacs": 600.0, "archive": 60.0, "ai": 600.0}
    assert quiet_times(Facts("x", "X", CT, "CR"), routes) == {"pacs": 0.0, "archive": 60.0}
    assert destinations_for(Facts("x", "X", CT, "CT"), routes) == ("pacs", "archive", "ai")
    assert quiet_times(Facts("x", "X", CT, "CT"), []) == {}
