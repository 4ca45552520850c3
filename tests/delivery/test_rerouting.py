"""What matched no route is looked at when routes change: once, and who has something new is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.config.model import Route
from appliance.delivery.rerouting import Rerouting
from tests.vault.samples import NOW, Vault

ROUTES = (Route.model_validate({"to": ["archive"]}),)
OTHERS = (Route.model_validate({"to": ["archive"], "when": {"modality": ["MR"]}}),)


class Desk:
    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.vault.adoption.destinations_for = lambda _: ()
        self.told: list[set[str]] = []
        self.rerouting = Rerouting(vault.adoption, self.told.append, lambda: NOW)

    def look(self, routes: tuple[Route, ...]) -> None:
        self.rerouting.look(routes)
        self.rerouting.stop(10)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    made = Vault(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def desk(vault: Vault) -> Iterator[Desk]:
    desk = Desk(vault)
    for _ in range(3):
        vault.store()
    vault.adopt()
    yield desk
    desk.rerouting.stop(10)


def test_what_was_owed_to_nobody_is_owed_once(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    looked: list[str] = []

    def route(record: object) -> tuple[str, ...]:
        looked.append(str(record))
        return ("archive",)

    desk.vault.adoption.destinations_for = route
    desk.look(ROUTES)
    assert desk.told == [{"archive"}]
    assert desk.vault.ledger.counts()["archive"].waiting == 3
    assert "OBJECTS-ROUTED" in capfd.readouterr().err
    desk.look(ROUTES)
    desk.look(OTHERS)
    assert desk.told == [{"archive"}]
    assert len(looked) == 3


def test_routes_that_take_nothing_of_it_are_looked_at_once(desk: Desk) -> None:
    looked: list[str] = []

    def route(record: object) -> tuple[str, ...]:
        looked.append(str(record))
        return ()

    desk.vault.adoption.destinations_for = route
    desk.look(ROUTES)
    desk.look(ROUTES)
    assert len(looked) == 3
    desk.look(OTHERS)
    assert len(looked) == 6
    assert desk.told == []


def test_it_waits_for_nobody_and_is_waited_for(desk: Desk) -> None:
    go_on = threading.Event()

    def route(_: object) -> tuple[str, ...]:
        go_on.wait(10)
        return ("archive",)

    desk.vault.adoption.destinations_for = route
    desk.rerouting.look(ROUTES)
    assert desk.told == []
    go_on.set()
    desk.rerouting.stop(10)
    assert desk.told == [{"archive"}]


@pytest.mark.parametrize(
    ("error", "word"),
    [(DiskError("it is full", fix="Make room."), "ADOPTION-FAILED"), (ValueError(), "INTERNAL-ERROR")],
)
def test_what_goes_wrong_is_said_and_looked_at_again(
    desk: Desk, error: Exception, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> tuple[str, ...]:
        raise error

    desk.vault.adoption.destinations_for = fail
    desk.look(ROUTES)
    assert word in capfd.readouterr().err
    desk.vault.adoption.destinations_for = lambda _: ("archive",)
    desk.look(ROUTES)
    assert desk.told == [{"archive"}]


def test_a_program_that_never_looked_ends_at_once(vault: Vault) -> None:
    Rerouting(vault.adoption, lambda _: None).stop(0)
