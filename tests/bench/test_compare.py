"""Which ratios are judged, and by what."""

from __future__ import annotations

from tests.bench import inputs
from tests.bench.compare import (
    DURABLE,
    DURABLE_TLS,
    MEMORY_ONLY,
    ORTHANC,
    OURS,
    OURS_MEMORY,
    PYNETDICOM,
    shares,
    table,
    verdicts,
)
from tests.bench.verdict import Section

TIMES = {
    OURS: [3.0, 1.0, 2.0],
    OURS_MEMORY: [1.4],
    DURABLE: [2.0],
    MEMORY_ONLY: [1.0],
    PYNETDICOM: [6.0],
    ORTHANC: [19.0],
}


def test_medians_are_judged_as_ratios() -> None:
    found = {(verdict.figure, verdict.limit, verdict.at_least, verdict.met) for verdict in verdicts(inputs.CT, TIMES)}
    assert found == {
        (1.0, 1.0, False, True),
        (1.4, 1.25, False, False),
        (3.0, 3.0, True, True),
        (9.5, 10.0, True, False),
    }


def test_small_instances_on_tmpfs_have_a_limit_of_their_own() -> None:
    assert [verdict.limit for verdict in verdicts(inputs.SMALL, TIMES)] == [1.0, 1.5, 3.0, 10.0]


def test_nothing_is_judged_against_who_was_not_measured() -> None:
    assert verdicts(inputs.CT, {OURS: [1.0]}) == []


def test_the_table_compares_with_the_first_receiver() -> None:
    section = Section("")
    table(section, inputs.CT, 100_000_000, {OURS: [2.0], DURABLE: [1.0]})
    assert "x   1.00        50 MB/s" in section.lines[1]
    assert "x   0.50       100 MB/s" in section.lines[2]


def test_what_is_tls_and_what_is_sealing_is_told_apart() -> None:
    times = {OURS: [3.0], DURABLE: [1.0], DURABLE_TLS: [2.0]}
    assert [ratio for _, ratio in shares(times)] == [2.0, 1.5]
    assert shares({OURS: [3.0], DURABLE: [1.0]}) == []
