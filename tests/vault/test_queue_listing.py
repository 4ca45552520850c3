"""Single deliveries, as a person sees them."""

from __future__ import annotations

import pytest

from appliance.vault.ledger import Ledger
from appliance.vault.queue_listing import NEXT, OF_OBJECT, of_object, upcoming
from tests.vault.samples import NOW, record

SOON = NOW + 1000


def test_what_goes_next_comes_in_the_order_in_which_it_goes(ledger: Ledger) -> None:
    for number in (3, 1, 2):
        ledger.adopt(record(number), ["pacs"], SOON)
    ledger.lease("pacs", SOON, 60, 1)
    ledger.retry(f"{1:032x}", "pacs", SOON + 30, "connection refused")
    rows = upcoming(ledger, "pacs", 2)
    assert [row.object_id for row in rows] == [f"{2:032x}", f"{3:032x}"]
    (*_, last) = upcoming(ledger, "pacs", 9)
    assert (last.object_id, last.due, last.attempts, last.error) == (f"{1:032x}", SOON + 30, 1, "connection refused")
    assert upcoming(ledger, "cloud", 9) == []


def test_the_deliveries_of_one_object(ledger: Ledger) -> None:
    ledger.adopt(record(1), ["pacs", "cloud"], SOON)
    ledger.delivered(f"{1:032x}", "pacs", 0xB000, SOON)
    cloud, pacs = of_object(ledger, f"{1:032x}")
    assert (cloud.destination, cloud.state, cloud.status) == ("cloud", "waiting", None)
    assert (pacs.destination, pacs.state, pacs.status, pacs.done) == ("pacs", "delivered", 0xB000, SOON)
    assert of_object(ledger, "f" * 32) == []


@pytest.mark.parametrize(("sql", "values"), [(NEXT, ("pacs", 20)), (OF_OBJECT, ("f" * 32,))])
def test_neither_scans_nor_sorts(ledger: Ledger, sql: str, values: tuple[object, ...]) -> None:
    with ledger.reading() as sqlite:
        plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert plan
    assert not [step for step in plan if "SCAN" in step or "B-TREE" in step]
