"""Which parts run."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from tests.bench.receive import PARTS, chosen, parts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, list(PARTS)),
        ({"part": ["idle", "cpu"]}, ["cpu", "idle"]),
        ({"only": "Orthanc"}, ["compare"]),
        ({"input": ["one of 420 MB"]}, ["compare"]),
        ({"only": "TLS", "part": ["compare", "nagle"]}, ["compare", "nagle"]),
    ],
)
def test_all_parts_run_unless_some_are_meant(given: dict[str, Any], expected: list[str]) -> None:
    arguments = argparse.Namespace(**{"part": None, "only": "", "input": None, "runs": 5, **given})
    assert chosen(arguments) == expected


def test_every_part_that_can_be_named_exists() -> None:
    assert tuple(parts(argparse.Namespace(runs=1, only="", input=None))) == PARTS
