"""D44 and D45: the sensor about its own eyes and rules."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.base import limits
from appliance.inspection.engine import Inspection
from tests.inspection.scene import CT, OWN, engine, evidence, registry, rules
from tests.inspection.test_engine import Tape
from tests.inspection.test_link_watch import A, gratuitous
from tests.inspection.wire import SYN, Wire

LONG = limits.SENSOR_SILENCE.default
BEGAN = 1_700_000_000.0
ARP = bytes(gratuitous(A, CT))


def watch(mirrors: bool = True) -> Inspection:
    watching = Inspection(dataclasses.replace(registry(), mirrors=mirrors))
    watching.tick(BEGAN)
    return watching


@pytest.mark.parametrize(("mirrors", "spoke"), [(True, ["D44"]), (False, [])])
def test_d44_a_mirror_without_a_frame(mirrors: bool, spoke: list[str]) -> None:
    watching = watch(mirrors)
    watching.tick(BEGAN + LONG - 5)
    assert rules(watching) == []
    watching.tick(BEGAN + LONG + 1)
    assert rules(watching) == spoke


@pytest.mark.parametrize(("count", "spoke"), [(40, ["D44"]), (5, [])])
def test_d44_nothing_but_broadcasts(count: int, spoke: list[str]) -> None:
    watching = watch()
    watching.inspect([(BEGAN + 2, ARP, len(ARP), None)] * count)
    watching.tick(BEGAN + LONG + 1)
    assert rules(watching) == spoke


def test_d44_traffic_of_others_is_quiet() -> None:
    watching = watch()
    watching.inspect([(BEGAN + 2, ARP, len(ARP), None)] * 40)
    Wire(watching, CT, OWN, now=BEGAN + 3).association().close()
    watching.tick(BEGAN + LONG + 1)
    assert rules(watching) == []
    watching.tick(BEGAN + 2 * LONG + 2)
    assert evidence(watching.take_alerts(), "D44") == "no frame within 301 s"


@pytest.mark.parametrize(("ways", "spoke"), [((True,), ["D44"]), ((False,), ["D44"]), ((True, False), [])])
def test_d44_a_mirror_of_one_direction(ways: tuple[bool, ...], spoke: list[str]) -> None:
    """A switch that mirrors what comes into a port, and not what goes out of it, is a usual mistake."""
    watching, tape = watch(), Tape()
    for number in range(25):
        Wire(tape, CT, OWN, client_port=40000 + number, now=BEGAN + 3 + number).association().close()  # type: ignore[arg-type]
    watching.inspect(each for each in tape.packets if (each[1][34:36] != b"\0\x68") in ways)
    watching.tick(BEGAN + LONG + 1)
    assert [rule for rule in rules(watching) if rule == "D44"] == spoke


def test_d44_a_scan_alone_is_no_mirror_of_one_direction() -> None:
    watching = watch()
    for port in range(1000, 1100):
        Wire(watching, CT, OWN, port, now=BEGAN + port / 10 - 90).raw(True, 5, SYN)
    watching.tick(BEGAN + LONG + 1)
    assert rules(watching) == ["D40"]


def test_d45_what_is_judged_by_was_changed() -> None:
    watching = engine()
    watching.reconfigured("the configuration was changed", BEGAN)
    records = watching.take_alerts()
    assert evidence(records, "D45") == "the configuration was changed"
    assert records[0]["alert"]["severity"] == 3
