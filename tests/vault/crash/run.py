"""make crash-states: every scenario in full, then every flush left out or late, and every step out of order.

    python -m tests.vault.crash.run                    all, on every core
    python -m tests.vault.crash.run "one instance"     the scenarios with these names

Prints how many states were looked at. Ends with 1 where a promise was broken, or a mutant of the vault was not noticed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from tests.vault.crash.explore import Effort, Found, Mutant, caught, explore
from tests.vault.crash.orders import ORDERS
from tests.vault.crash.restart import Machine
from tests.vault.crash.scenarios import SCENARIOS
from tests.vault.crash.syncs import NEEDED, NOT_NEEDED

FULL = Effort(most=400, seeds=24, kills=1)
FULL_FIRST_START = Effort(most=24, seeds=1, kills=1, every_cut=False)  # 256 directories: no end of subsets
THREADS_AND_KILLS = Effort(most=60, seeds=4, kills=1)
MUTANT = Effort(most=60, seeds=40, kills=0, every_cut=False)
SPARE = Effort(most=60, seeds=8, kills=0, every_cut=False)

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def efforts(name: str) -> list[Effort]:
    """Many orders of threads, and a few with a kill after each operation."""
    scenario = _BY_NAME[name]
    if not scenario.made:
        return [FULL_FIRST_START]
    if scenario.threads:
        return [Effort(FULL.most, FULL.seeds, 0), THREADS_AND_KILLS]
    return [FULL]


def one(name: str) -> tuple[str, Found, int, int, float]:
    """A scenario: what was found, the starts, those of them with a file too many, and the seconds."""
    began = time.monotonic()
    machine = Machine(twice=True)
    found = Found()
    try:
        for effort in efforts(name):
            found.add(explore(_BY_NAME[name], machine, effort))
        return name, found, machine.started, machine.surplus, time.monotonic() - began
    finally:
        machine.close()


def site(name: str) -> tuple[str, str]:
    """A flush: what happens without it, and how late it may come."""
    machine = Machine()
    try:
        scenario = _BY_NAME[NEEDED[name]]
        fault = caught(scenario, machine, MUTANT, Mutant(name, name))
        late = next((delay for delay in range(1, 5) if caught(scenario, machine, MUTANT, Mutant("", name, delay))), 0)
        return name, f"{'noticed' if fault else 'NOT NOTICED'}; {f'late by {late} too' if late else 'may be late'}"
    finally:
        machine.close()


def spare(asked: tuple[str, list[str]]) -> tuple[str, str]:
    """A flush on which no promise hangs, in the scenarios that have it."""
    name, scenarios = asked
    machine = Machine()
    try:
        for scenario in scenarios:
            if caught(_BY_NAME[scenario], machine, SPARE, Mutant(name, name)):
                return name, f"NEEDED after all, in: {scenario}"
        return name, NOT_NEEDED[name]
    finally:
        machine.close()


def order(number: int) -> tuple[str, str]:
    """A step out of order."""
    mutant, name = list(ORDERS.items())[number]
    machine = Machine()
    try:
        return mutant.name, "noticed" if caught(_BY_NAME[name], machine, MUTANT, mutant) else "NOT NOTICED"
    finally:
        machine.close()


def main(names: list[str]) -> int:
    """Everything, or the scenarios that are named."""
    unknown = set(names) - _BY_NAME.keys()
    if unknown:
        print(f"no such scenario: {', '.join(sorted(unknown))}; there are: {', '.join(_BY_NAME)}", file=sys.stderr)
        return 64
    bad = 0
    began = time.monotonic()
    total = Found()
    asked: dict[str, set[str]] = {}
    starts = surplus = 0
    print(f"{'scenario':40} {'operations':>10} {'moments':>8} {'states':>8} {'starts':>7} {'seconds':>8}")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=_hush) as pool:
        for name, found, started, too_many, seconds in pool.map(one, names or list(_BY_NAME)):
            print(
                f"{name:40} {found.operations:10} {found.moments:8} {found.states:8} {started:7} {seconds:8.1f}",
                flush=True,
            )
            for fault in found.faults[:3]:
                print(f"\n{fault}\n", flush=True)
            total.add(found)
            asked[name] = found.sites
            starts += started
            surplus += too_many
        bad += len(total.faults)
        if not names:
            bad += _verdicts(pool.map(site, NEEDED), "without this flush, or with it late")
            bad += _verdicts(pool.map(order, range(len(ORDERS))), "with this out of order")
            having = [(name, [each for each, sites in asked.items() if name in sites]) for name in NOT_NEEDED]
            bad += _verdicts(pool.map(spare, having), "without this flush no promise is broken, for")
    print(
        f"\n{total.states} states after {total.moments} moments explored, {starts} of them different and started; "
        f"{surplus} with a file that nobody was answered for, entered by the sweep; {len(total.faults)} faults; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if bad else 0


def _verdicts(results: Iterable[tuple[str, str]], title: str) -> int:
    print(f"\n{title}:")
    missed = 0
    for name, verdict in results:
        print(f"  {name}: {verdict}", flush=True)
        missed += "NOT NOTICED" in verdict or "NEEDED" in verdict
    return missed


def _hush() -> None:
    """The vault logs what it sets aside; thousands of times that tells nothing."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, as long as the process lives


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
