"""D44 and D45: the sensor about its own eyes and rules."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.base import limits
from appliance.inspection.engine import Inspection
from tests.inspection.scene import CT, OWN, engine, evidence, registry, rules
from tests.inspection.test_link_watch import A, gratuitous
from tests.inspection.wire import Wire

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


def test_d45_what_is_judged_by_was_changed() -> None:
    watching = engine()
    watching.reconfigured("the configuration was changed", BEGAN)
    records = watching.take_alerts()
    assert evidence(records, "D45") == "the configuration was changed"
    assert records[0]["alert"]["severity"] == 3
