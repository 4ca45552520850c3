"""Amounts as people say them."""

from __future__ import annotations

import pytest

from appliance.panel.health.words import amount, count, span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (0, "0 s"), (59.4, "59 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (3 * 86400, "3 d")],
)
def test_span(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("octets", "said"), [(0, "0 B"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (5 << 29, "2.5 GiB"), (20 << 40, "20 TiB")]
)
def test_amount(octets: float, said: str) -> None:
    assert amount(octets) == said


def test_count() -> None:
    assert (count(1, "frame"), count(0, "frame"), count(2, "entry", "entries")) == ("1 frame", "0 frames", "2 entries")
