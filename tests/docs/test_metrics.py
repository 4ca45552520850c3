"""The page of metrics tells people something of each."""

from __future__ import annotations

import pytest

from appliance.panel.metrics import METRICS, Metric


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_says_what_it_is_without_the_others(metric: Metric) -> None:
    assert metric.help.endswith(".") and len(metric.help.split()) >= 3
    assert not {"it", "it.", "then.", "those.", "there."} & {*metric.help.split()}
