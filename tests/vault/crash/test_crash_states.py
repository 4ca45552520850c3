"""Whatever a power cut leaves of the vault, a start on it finds all that was promised; and a vault that lacks one
flush, or takes one step too early, is found out. Bounded here; `make crash-states` goes further."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.crash.explore import Effort, Mutant, caught, explore, play
from tests.vault.crash.orders import ORDERS
from tests.vault.crash.restart import Machine
from tests.vault.crash.scenarios import SCENARIOS, Scenario
from tests.vault.crash.syncs import ELSEWHERE, NEEDED, NOT_NEEDED

REPOSITORY = Path(__file__).parents[3]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
MUTANT = Effort(most=20, seeds=30, kills=0, every_cut=False)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.close()


def effort(scenario: Scenario) -> Effort:
    if not scenario.made:
        return Effort(most=4, seeds=1, kills=0, every_cut=False)
    return Effort(most=8, seeds=2, kills=0 if scenario.threads else 13)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_was_promised_survives(scenario: Scenario, machine: Machine) -> None:
    before = machine.started
    found = explore(scenario, machine, effort(scenario))
    print(f"{found.states} states after {found.moments} moments, {machine.started - before} of them new")
    assert not found.faults, found.faults[0]
    assert found.states > found.moments
    assert found.sites <= NEEDED.keys() | NOT_NEEDED.keys(), "a flush that tests/vault/crash/syncs.py does not know"


@pytest.mark.parametrize("site", NEEDED)
def test_without_this_flush_a_promise_is_broken(site: str, machine: Machine) -> None:
    assert caught(BY_NAME[NEEDED[site]], machine, MUTANT, Mutant(site, site)), "nobody noticed that it was left out"


@pytest.mark.parametrize("mutant", ORDERS, ids=lambda mutant: mutant.name)
def test_in_this_order_a_promise_is_broken(mutant: Mutant, machine: Machine) -> None:
    assert caught(BY_NAME[ORDERS[mutant]], machine, MUTANT, mutant), "nobody noticed it"


def test_each_flush_of_the_vault_is_looked_at() -> None:
    """In which functions the code asks for one, against those that are left out above."""
    known = {site.split(" < ")[0].split(":")[0] for site in NEEDED | NOT_NEEDED | ELSEWHERE}
    known.add("incoming.Incoming.__init__")  # of whom the flusher's leader flushes: Part.commit and keep
    assert set(_flushing_functions()) == known


def test_the_same_seed_plays_the_same_way() -> None:
    for scenario in (BY_NAME["instances that share a flush"], BY_NAME["adoption while a segment is written"]):
        told = []
        for _ in range(2):
            box = play(scenario, 5)
            told.append(box.disk.trace.told())
            box.close()
        assert told[0] == told[1]


def _flushing_functions() -> Iterator[str]:
    for path in (REPOSITORY / "appliance").rglob("*.py"):
        yield from _calls(ast.parse(path.read_text()), path.stem)


def _calls(node: ast.AST, name: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _calls(child, f"{name}.{child.name}")
            continue
        if isinstance(child, ast.Call) and getattr(child.func, "attr", "") in ("sync_data", "sync_directory"):
            yield name
        yield from _calls(child, name)
