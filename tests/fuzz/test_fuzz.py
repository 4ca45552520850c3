"""A second or so of each fuzz target, the same inputs every time; `make fuzz` goes on for longer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.upper_layer.data_head import HeadParser
from tests.fuzz.run import mutate
from tests.fuzz.targets import TARGETS, Target
from tests.upper_layer import wire


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_invariant_holds_for_mutated_inputs(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed)
    assert mutate(target.name, 0.6, seed=104) > 10


@pytest.mark.parametrize("name", ["acceptor", "associate", "command_set", "data_head"])
def test_the_coverage_guided_fuzzer_finds_nothing(name: str) -> None:
    """PDUs, items, command sets and heads of data sets; two seconds each, the rest is the start."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it has no wheel for this Python and machine")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, "2"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stat::number_of_executed_units" in done.stdout + done.stderr


def test_a_deflated_head_that_breaks_does_not_depend_on_where_it_was_cut() -> None:
    """What stands before the break is known or not known by the cutting of TCP alone."""
    (good, *_), broken = next(target.seeds for target in TARGETS if target.name == "deflated_head"), b"\xff" * 40
    data = good[1:20] + broken
    whole, in_parts = HeadParser(wire.DEFLATED), HeadParser(wire.DEFLATED)
    whole.feed(data)
    for at in range(len(data)):
        in_parts.feed(data[at : at + 1])
    assert in_parts.result() == whole.result()
