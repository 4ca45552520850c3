"""Who tries in vain."""

from __future__ import annotations

import pytest

from appliance.base import limits
from appliance.inspection.flow import reverse
from appliance.inspection.probes import Probes, impossible
from tests.inspection.test_community_id import key

LIMIT = limits.SENSOR_SCAN.default


def test_many_ports_without_an_answer_are_a_scan() -> None:
    probes = Probes()
    seen = [probes.tried(key("10.0.0.9", 40000, "10.0.0.1", port), 1.0) for port in range(1, 2 * LIMIT + 3)]
    assert seen[: LIMIT - 1] == [None] * (LIMIT - 1)
    said = [(each.targets, each.hosts, each.ports) for each in seen if each]
    assert said == [(LIMIT, 1, LIMIT), (2 * LIMIT, 1, 2 * LIMIT)]


def test_one_port_of_many_hosts_is_a_scan() -> None:
    probes = Probes()
    seen = [probes.tried(key("10.0.0.9", 40000, f"10.0.1.{host}", 104), 1.0) for host in range(LIMIT)]
    assert seen[-1] is not None
    assert (seen[-1].hosts, seen[-1].ports) == (LIMIT, 1)


def test_targets_that_answer_do_not_count() -> None:
    """A gateway that sends to fifty archives is no scan."""
    probes = Probes()
    for host in range(50):
        there = key("10.0.0.9", 40000, f"10.0.1.{host}", 104)
        assert probes.tried(there, 1.0) is None
        probes.answered(reverse(there))


def test_trying_one_dead_server_for_ever_is_no_scan() -> None:
    probes = Probes()
    assert not any(probes.tried(key("10.0.0.9", port, "10.0.1.1", 104), port / 100) for port in range(1, 5000))


def test_a_slow_walk_is_no_scan() -> None:
    probes = Probes()
    assert not any(probes.tried(key("10.0.0.9", 4, "10.0.1.1", port), 10.0 * port) for port in range(1, 500))


def test_sources_and_targets_are_bounded() -> None:
    probes = Probes()
    for source in range(6000):
        probes.tried(key(f"10.{source >> 8 & 255}.{source & 255}.1", 1, "10.0.0.1", 1), 1.0)
    assert len(probes) == limits.SENSOR_SOURCES.default
    said = [probes.tried(key("10.0.0.9", 1, "10.0.0.1", port), 1.0) for port in range(1, 65521)]
    assert len(probes._sources[bytes((10, 0, 0, 9))].tried) <= 1000 + LIMIT
    assert said[-1] is not None
    assert said[-1].targets == 65520


@pytest.mark.parametrize(("flags", "never"), [(0, True), (1, True), (41, True), (3, True), (2, False), (17, False)])
def test_flags_that_no_tcp_sends(flags: int, never: bool) -> None:
    assert impossible(flags) is never
