from __future__ import annotations

import pytest

from appliance.config.model import Route
from appliance.routing.routes import Facts, destinations_for
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
