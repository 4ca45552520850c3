from __future__ import annotations

import pytest

from appliance.vault.ledger import Ledger
from appliance.vault.studies import Cursor, Series, Studies
from tests.vault.samples import NOW, record


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """30 objects, by turns of study 0, 1 and 2; those of study 2 in two series."""
    for number in range(30):
        study = number % 3
        series = f"{study}.{number % 2 if study == 2 else 0}"
        tags = {"study_tag": b"%016d" % study, "series_tag": series.encode().ljust(16, b"\0")}
        ledger.adopt(record(number, **tags), ["pacs"], NOW)
    return ledger


def every(ledger: Ledger, limit: int) -> list[Series]:
    found: list[Series] = []
    after: Cursor | None = None
    while True:
        page, after = Studies(ledger).page(after, limit)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_pages_have_every_series_once(filled: Ledger, limit: int) -> None:
    found = every(filled, limit)
    assert [(each.objects, int(each.object_id, 16)) for each in found] == [(10, 0), (10, 1), (5, 2), (5, 5)]
    assert len({each.study for each in found}) == 3
    assert (found[3].received, found[3].latest) == (NOW + 5, NOW + 29)


def test_the_objects_of_a_study_by_any_of_them(filled: Ledger) -> None:
    studies, asked = Studies(filled), f"{5:032x}"
    first, after = studies.objects(asked, 0, 4)
    assert after is not None
    rest, end = studies.objects(asked, after, 100)
    assert [int(each, 16) for each in first + rest] == list(range(2, 30, 3))
    assert end is None
    assert studies.objects("f" * 32, 0, 10) == ([], None)


def test_a_study_goes_with_its_last_object(filled: Ledger) -> None:
    for number in range(0, 27, 3):
        filled.forget(f"{number:032x}")
    assert [each.objects for each in every(filled, 10)] == [1, 10, 5, 5]
    filled.delivered(f"{27:032x}", "pacs", 0, NOW)
    filled.leave([f"{27:032x}"])
    assert [each.objects for each in every(filled, 10)] == [10, 5, 5]


def test_what_is_lost_or_in_quarantine_is_not_here(filled: Ledger) -> None:
    filled.lost(f"{0:032x}")
    filled.quarantine(f"{3:032x}")
    assert [each.objects for each in every(filled, 10)] == [8, 10, 5, 5]
