"""The page of metrics is the code's, and tells people something of each."""

from __future__ import annotations

import subprocess
import sys

import pytest

from appliance.panel.metrics import METRICS, Metric
from tests.units.machine import REPOSITORY


def test_it_is_made_from_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "docs/metrics.py", "--check"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_says_what_it_is_without_the_others(metric: Metric) -> None:
    assert metric.help.endswith(".") and len(metric.help.split()) >= 3
    assert not {"it", "it.", "then.", "those.", "there."} & {*metric.help.split()}
