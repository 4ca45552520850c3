"""What the sensor missed lately, by kind."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.sensor import check
from tests.panel.health.given import NOW, ago, facts, said, summary


def test_a_sensor_that_saw_everything() -> None:
    (found,) = check(facts())
    assert (found.level, found.what) == (Level.OK, "watches eth1 without a gap")


def test_what_it_missed() -> None:
    rises = {"dropped_packets": ago(120, by=700), "blind": ago(3601), "suppressed_alerts": ago(1, by=1)}
    rises["evidence_unwritten"] = ago(5, by=3)
    found = list(check(facts(programs={"sensor": said(rises=rises)})))
    assert [each.subject for each in found] == ["sensor (packets)", "sensor (findings)", "sensor (evidence)"]
    assert all((each.level, each.lamps) == (Level.WARN, ("alarm:notice",)) for each in found)
    assert found[0].what == "lost 700 packets unseen, the last 2 min ago"
    assert found[0].since == NOW - 130


def test_an_interface_that_shows_nothing() -> None:
    (found,) = check(facts(programs={"sensor": said(interface="eth1", fault="has no link")}))
    assert (found.subject, found.level, found.lamps) == ("sensor (interface)", Level.ALARM, ("alarm:alarm",))
    assert (found.what, found.fix.endswith("ip link show eth1.")) == (
        "sees nothing: the interface eth1 has no link",
        True,
    )


def test_an_interface_that_is_not_there_may_have_another_name() -> None:
    given = said(interface="eth9", fault="is not there", there=["eth0", "lo"])
    (found,) = check(facts(programs={"sensor": given}))
    assert (found.what, found.level) == ("sees nothing: the interface eth9 is not there", Level.ALARM)
    assert found.fix.startswith(
        "There are eth0, lo. It is watched when it comes (ip link). If the name is wrong, correct"
    )


def test_a_capture_that_loses_packets_of_a_busy_link() -> None:
    how = "scapy's packet socket, since this kernel gives no ring: expect losses on a busy link"
    (found,) = check(facts(programs={"sensor": said(interface="eth1", how=how, lossy=True)}))
    assert (found.subject, found.level) == ("sensor (capture)", Level.WARN)
    assert found.what == f"watches eth1 through {how}"


def test_a_box_without_one_and_one_that_does_not_talk() -> None:
    well = facts()
    assert summary(list(check(facts(programs={"sensor": said("silent")})))) == []
    without = {name: each for name, each in well.programs.items() if name != "sensor"}
    from dataclasses import replace

    assert not list(check(replace(well, programs=without)))
