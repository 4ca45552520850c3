"""A day of 10,000 associations of devices that behave: not one alert above "info", and everything was understood."""

from __future__ import annotations

from appliance.inspection.engine import Inspection
from tests.sensor_lab.busy_day import day

ASSOCIATIONS = 10_000
INFO = 3


def test_a_busy_day_is_quiet() -> None:
    known, hours = day(ASSOCIATIONS, seed=7)
    watching = Inspection(known, "eth1")
    alerts = []
    watching.inspect(next(hours))  # the sensor has watched for two days when the day begins
    for packets in hours:
        watching.inspect(packets)
        alerts += watching.take_alerts()
    watching.finish()
    alerts += watching.take_alerts()
    said = watching.snapshot()
    loud = [each["alert"] for each in alerts if each["alert"]["severity"] < INFO]
    assert loud == []
    assert said["associations"] + said["tls"] >= ASSOCIATIONS
    assert (said["blind"], said["faults"], said["suppressed_alerts"]) == (0, 0, 0)
    assert said["commands"] > said["associations"] * 2
