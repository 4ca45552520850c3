"""Bandwidths, as they are written and as they are meant."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config.bandwidth import parse_bandwidth, rate_words

MONDAY_NOON = datetime.fromisoformat("2026-11-23 12:00")
MONDAY_NIGHT = datetime.fromisoformat("2026-11-23 23:00")
SATURDAY_NOON = datetime.fromisoformat("2026-11-28 12:00")


@pytest.mark.parametrize(
    ("text", "at_noon", "at_night", "on_saturday"),
    [
        ("20Mbit/s", 20_000_000, 20_000_000, 20_000_000),
        ("1.5 Gbit/s", 1_500_000_000, 1_500_000_000, 1_500_000_000),
        ("64kbit/s 07:00-19:00", 64_000, None, 64_000),
        ("20Mbit/s Mon-Fri 07:00-19:00, 200Mbit/s", 20_000_000, 200_000_000, 200_000_000),
        ("1Mbit/s 12:00-13:00, 2Mbit/s Sat, 3Mbit/s", 1_000_000, 3_000_000, 1_000_000),
    ],
)
def test_the_first_part_that_fits_counts(
    text: str, at_noon: int | None, at_night: int | None, on_saturday: int | None
) -> None:
    bandwidth = parse_bandwidth(text)
    assert [bandwidth.at(each) for each in (MONDAY_NOON, MONDAY_NIGHT, SATURDAY_NOON)] == [
        at_noon,
        at_night,
        on_saturday,
    ]
    assert parse_bandwidth(str(bandwidth)) == bandwidth


@pytest.mark.parametrize(
    "text", ["", "20", "20Mb", "20 MB/s", "20Mbit", "-1Mbit/s", "20Mbit/s noon", 20, None, "1Mbit/s,"]
)
def test_what_is_no_bandwidth_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="a bandwidth is written like"):
        parse_bandwidth(text)


def test_what_is_too_slow_or_too_fast_is_refused_with_the_bounds() -> None:
    for text in ("63kbit/s", "101Gbit/s"):
        with pytest.raises(ValueError, match="64kbit/s to 100Gbit/s are possible"):
            parse_bandwidth(text)


def test_a_part_that_hides_others_is_refused() -> None:
    with pytest.raises(ValueError, match="put it last"):
        parse_bandwidth("20Mbit/s, 10Mbit/s 07:00-19:00")


@given(st.integers(64_000, 10**11).map(lambda bits: bits // 1000 * 1000))
def test_rates_are_written_as_they_are_read(bits: int) -> None:
    assert abs(parse_bandwidth(rate_words(bits)).slowest - bits) <= bits / 1000
