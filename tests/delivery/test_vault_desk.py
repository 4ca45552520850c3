from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ApplianceError
from appliance.delivery.vault_desk import VaultDesk
from appliance.seal.header import read_header
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening
from appliance.seal.rewrap import rewrap
from appliance.vault.adoption import Adoption
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.vaults import ROOT, State

NOW = 4e9


class Site:
    """A desk over some objects, the first of them delivered."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        self.ids = [self.state.put(pixels=10) for _ in range(3)]
        adoption = Adoption(self.objects, self.ledger, self.state.index_key, lambda _: ("pacs",))
        adoption.adopt(self.ids, NOW)
        self.ledger.delivered(self.ids[0], "pacs", 0, NOW)
        self.desk = VaultDesk(self.ledger, self.objects, self.state.index_key, now=lambda: NOW)

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.desk.operations[operation](request)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    made.ledger.close()


def test_pages_tell_what_became_of_objects_and_nothing_of_a_patient(site: Site) -> None:
    first = site.ask("objects", limit=2)
    rest = site.ask("objects", limit=2, after=first["after"])
    assert {each["object"] for each in first["objects"] + rest["objects"]} == set(site.ids)
    assert rest["after"] is None
    assert [each["object"] for each in site.ask("objects", state="delivered")["objects"]] == [site.ids[0]]
    assert site.ask("object", object=site.ids[0])["object"]["deliveries"][0]["state"] == "delivered"
    assert site.ask("object", object="f" * 32) == {"object": None}
    assert ROOT not in str(first) + str(rest)
    prefixes = {each[:2] for each in site.ids}
    assert {found for prefix in prefixes for found in site.ask("ids", prefix=prefix)["ids"]} == set(site.ids)


def test_holds_by_name_and_by_description(site: Site) -> None:
    assert site.ask("hold", objects=[site.ids[0], "f" * 32])["missing"] == ["f" * 32]
    assert site.ledger.evictable(NOW, 0, 9) == []
    assert len(site.ask("hold", peer="CT suite")["changed"]) == 3
    assert site.ask("release", since=NOW)["changed"] == []
    assert len(site.ask("release", since=0)["changed"]) == 3
    assert site.ledger.evictable(NOW, 0, 9) == [site.ids[0]]


def test_a_header_is_taken_if_it_is_the_objects_own(site: Site) -> None:
    new = generate_identity("classical")
    first, second = site.ids[:2]
    with site.objects.open(first) as file:
        header = rewrap(read_header(file), [site.state.identity], [new.recipient])
    text = base64.b64encode(header).decode()
    with pytest.raises(ApplianceError):
        site.ask("rewrap", headers={second: text})
    assert site.ask(
        "rewrap",
        headers={
            first: text,
        },
    ) == {"rewrapped": {first: True}}
    with site.objects.open(first) as file:
        assert b"".join(bytes(chunk) for chunk in Opening(file, [new]))


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("objects", {"state": "lots"}),
        ("objects", {"since": "yesterday"}),
        ("objects", {"peer": 5}),
        ("objects", {"after": -1}),
        ("objects", {"limit": "x"}),
        ("object", {}),
        ("object", {"object": "../../etc/passwd"}),
        ("ids", {"prefix": "0"}),
        ("ids", {"prefix": "zz"}),
        ("hold", {}),
        ("hold", {"objects": []}),
        ("hold", {"objects": "x"}),
        ("hold", {"objects": ["../x"]}),
        ("hold", {"objects": ["f" * 32] * 501}),
        ("release", {}),
        ("rewrap", {}),
        ("rewrap", {"headers": {"f" * 32: "not base64!"}}),
        ("rewrap", {"headers": {"../x": ""}}),
        ("rewrap", {"headers": {"f" * 32: ""}}),
    ],
)
def test_what_makes_no_sense_is_refused(site: Site, operation: str, request_: dict[str, Any]) -> None:
    with pytest.raises(ApplianceError):
        site.ask(operation, **request_)
    assert site.objects.holds(site.ids[0])
