"""Runs a scenario on a simulated disk, and starts the vault on every state that a power cut may leave of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice

from tests.vault.crash.box import Box
from tests.vault.crash.disk import Killed
from tests.vault.crash.restart import Machine
from tests.vault.crash.scenarios import Scenario
from tests.vault.crash.states import State, states
from tests.vault.crash.trace import Change, Mark, Trace
from tests.vault.crash.turns import Turns


@dataclass(frozen=True)
class Effort:
    """How far to go. `most`: states of one moment of a long trace. `seeds`: orders of threads. `kills`: of how many
    operations one is that a process does not survive, before the power fails in its next life; 0 for none."""

    most: int
    seeds: int
    kills: int
    every_cut: bool = True


@dataclass(frozen=True)
class Mutant:
    """The vault with something wrong: a sync that is left out, or comes `delay` operations and promises too late, by
    its site; or another change of the code, while `patch` is entered."""

    name: str
    site: str | None = None
    delay: int = 0
    patch: Callable[[Box], AbstractContextManager[object]] = lambda _: nullcontext()


SOUND = Mutant("none")


@dataclass
class Found:
    """What came of a scenario."""

    operations: int = 0
    moments: int = 0
    states: int = 0
    faults: list[str] = field(default_factory=list)
    sites: set[str] = field(default_factory=set)

    def add(self, other: Found) -> None:
        """Put two together."""
        self.operations = max(self.operations, other.operations)
        self.moments += other.moments
        self.states += other.states
        self.faults += other.faults
        self.sites |= other.sites


def explore(scenario: Scenario, machine: Machine, effort: Effort) -> Found:
    """All that `effort` says of a scenario: orders of threads, kills before the power fails, states."""
    found = Found()
    for seed in range(effort.seeds if scenario.threads else 1):
        trace = _once(found, scenario, machine, effort, seed, None)
        for kill_at in _deaths(trace, effort):
            _once(found, scenario, machine, effort, seed, kill_at)
    return found


def caught(scenario: Scenario, machine: Machine, effort: Effort, mutant: Mutant) -> str | None:
    """The first fault that a mutant shows in this scenario, if it does. What is likely is tried first: of each moment
    all that was not synced, there and lost."""
    for few in (2, None):
        for seed in range(effort.seeds if scenario.threads else 1):
            box = play(scenario, seed, mutant=mutant)
            try:
                found = look(
                    box.disk.trace, machine, effort, seed=seed, few=few, until_fault=True, journal=scenario.journal
                )
            finally:
                box.close()
            if found.faults:
                return found.faults[0]
    return None


def play(scenario: Scenario, seed: int = 0, *, mutant: Mutant = SOUND, kill_at: int | None = None) -> Box:
    """Do what the scenario does, on a disk of its own; the caller closes it. With `kill_at`: die after so many
    operations, counted from its beginning, start again, and store one more."""
    box = Box(Turns(seed), seed=seed, made=scenario.made, journal=scenario.journal)
    disk = box.disk
    try:
        scenario.prepare(box)
        disk.settle()
        disk.sites.clear()
        disk.skipped, disk.delay, disk.kill_at = mutant.site, mutant.delay, kill_at
        try:
            with mutant.patch(box):
                scenario.act(box)
        except Killed:
            box.restart()
            box.store(b"in another life", "1.2.99")
            box.adopt()
    except BaseException:
        box.close()
        raise
    return box


def look(
    trace: Trace,
    machine: Machine,
    effort: Effort,
    *,
    seed: int = 0,
    few: int | None = None,
    until_fault: bool = False,
    journal: bool = False,
) -> Found:
    """Start the vault on the states of each moment, or on the first `few` of them."""
    found = Found(trace.operations)
    for cut in _cuts(trace, every=effort.every_cut):
        found.moments += 1
        marks = trace.marks(cut)
        for state in islice(states(trace, cut, most=effort.most, seed=seed), few):
            found.states += 1
            if fault := _fault(machine, state, marks, journal=journal):
                left = sorted(name for name, _ in state.contents)
                found.faults.append(f"a cut before {cut}: {fault}\nleft: {left}\n{trace.told()}")
                if until_fault:
                    return found
                break
    return found


def _fault(machine: Machine, state: State, marks: tuple[Mark, ...], *, journal: bool) -> str | None:
    fault = machine.fault(state, marks, journal=journal)
    if fault is None and journal:
        fault = machine.fault(replace(state, ledger=None), marks, journal=True)
        return f"with its ledger lost: {fault}" if fault else None
    return fault


def _once(found: Found, scenario: Scenario, machine: Machine, effort: Effort, seed: int, kill_at: int | None) -> Trace:
    box = play(scenario, seed, kill_at=kill_at)
    try:
        one = look(box.disk.trace, machine, effort, seed=seed, journal=scenario.journal)
        if kill_at is not None:
            one.faults = [f"killed after {kill_at} operations, then {fault}" for fault in one.faults]
        one.sites = box.disk.sites
        found.add(one)
        return box.disk.trace
    finally:
        box.close()


def _cuts(trace: Trace, *, every: bool) -> Iterator[int]:
    """Each moment; unless `every`, no moment between two new directories, of which there are hundreds."""
    events = trace.events
    before = next((at for at, event in enumerate(events) if not isinstance(event, Mark)), len(events))
    for cut in range(before, len(events) + 1):  # what comes before was promised when this trace began
        around = events[max(0, cut - 1) : cut + 1]
        if every or not all(isinstance(event, Change) and event.what.startswith("mkdir") for event in around):
            yield cut


def _deaths(trace: Trace, effort: Effort) -> list[int]:
    """After how many operations a process is killed, one run after another."""
    if not effort.kills:
        return []
    return trace.deaths(_cuts(trace, every=effort.every_cut))[: -1 : effort.kills]
