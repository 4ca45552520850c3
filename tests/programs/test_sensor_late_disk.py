"""The sensor before its disk is there, and what it takes up when it comes. The frames and the mount are played."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.capture.card import Card
from appliance.capture.healed import Healed
from appliance.capture.inventory_file import InventoryFile, read_inventory
from appliance.capture.source import Source
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.host.alerts import read_alerts
from appliance.host.running_mark import RunningMark
from appliance.host.signals import Signals
from appliance.inspection.engine import Packet
from appliance.inspection.inventory import Inventory
from appliance.inspection.inventory_entries import Host
from appliance.inspection.registry import Surroundings
from appliance.programs import sensor
from appliance.programs.sensor import Sensor
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.refusals import Condition, DiskRefused
from tests.inspection.scene import CONFIG
from tests.inspection.wire import ACK, PSH, associate, frame

MISSING = DiskRefused("/srv is not mounted, though /etc/fstab names it", Condition.MISSING)
STRANGE = frame("10.20.0.99", 40000, "10.20.0.2", 104, 1, 1, ACK | PSH, associate(calling=b"ROGUE"))


class Played:
    """A source that does a step after each batch, and then has the sensor stop."""

    how, lossy = "a play", False

    def __init__(self, steps: list[Callable[[], object]], frames: list[bytes]) -> None:
        self._steps, self._frames = steps, frames

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        yield [(1_700_000_000.0, each, len(each), None) for each in self._frames]
        for step in self._steps:
            step()
            yield []
        os.kill(os.getpid(), 15)
        yield []

    def losses(self) -> tuple[int, bool]:
        return 0, False

    def close(self) -> None:
        pass


@pytest.fixture
def signals() -> Iterator[Signals]:
    made = Signals()
    yield made
    made.close()


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    there = {"there": False}
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: None if there["there"] else MISSING)
    monkeypatch.setattr(sensor, "_ROUND", 0.0)
    return there


def configuration(root: Path, more: str = "") -> Config:
    (root / "run").mkdir(exist_ok=True)
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58).replace('"eth1"', '"lo"') + more
    places = f'ae_title = "EDGE01"\nstate_dir = "{root / "state"}"\nruntime_dir = "{root / "run"}"'
    return parse_config(text.replace('ae_title = "EDGE01"', places, 1).encode())


def watch(config: Config, signals: Signals, steps: list[Callable[[], object]], frames: list[bytes]) -> None:
    source: Source = Played(steps, frames)
    made = Sensor(config, Path("appliance.toml"), Healed("lo", lambda _: source))
    made.run(signals)
    end(made)


def end(made: Sensor) -> None:
    """What the end of its process does."""
    made._reporter.close()
    made._asker.close()


def known(alerts: Path) -> None:
    """What an earlier run left on the disk."""
    inventory = Inventory()
    inventory.began = 1_600_000_000.0
    inventory.hosts.put(Host("02:00:00:00:00:01", 1_600_000_000.0), proven=False)
    InventoryFile(alerts / "inventory.json").save(inventory)


def test_a_disk_that_comes_late_gets_alerts_evidence_and_the_inventory(
    tmp_path: Path, signals: Signals, mount: dict[str, bool]
) -> None:
    alerts = tmp_path / "state" / "alerts"

    def come() -> None:
        assert not alerts.exists()  # nothing was made below the mount point
        alerts.mkdir(parents=True)
        known(alerts)
        mount["there"] = True

    recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    config = configuration(tmp_path, f'evidence_recipients = ["{recipient}"]\n')
    watch(config, signals, [come, lambda: None], [STRANGE])
    kept = read_inventory(alerts / "inventory.json")
    assert kept.began == 1_600_000_000.0
    assert [each.mac for each in kept.hosts] == ["02:00:00:00:00:01"]
    assert [each.calling for each in kept.talks] == ["ROGUE"]
    assert "D01" in [record["alert"]["signature_id"] for record in read_alerts(alerts / "sensor.jsonl")]
    assert (alerts / "evidence").is_dir()
    assert not (alerts / "sensor.running").exists()


def test_without_its_disk_it_watches_and_leaves_nothing(
    tmp_path: Path, signals: Signals, mount: dict[str, bool], capfd: pytest.CaptureFixture[str]
) -> None:
    watch(configuration(tmp_path), signals, [lambda: None], [STRANGE])
    assert not (tmp_path / "state").exists()
    assert "D01 unknown calling AE title" in capfd.readouterr().err


def test_a_disk_that_goes_meanwhile_is_not_written_below(
    tmp_path: Path, signals: Signals, mount: dict[str, bool]
) -> None:
    mount["there"] = True
    alerts = tmp_path / "state" / "alerts"

    def go() -> None:
        alerts.rename(tmp_path / "disk")
        mount["there"] = False

    watch(configuration(tmp_path), signals, [go, lambda: None], [STRANGE])
    assert not alerts.exists()
    assert (tmp_path / "disk" / "sensor.jsonl").exists()
    assert (tmp_path / "disk" / "sensor.running").exists()  # the next start says that nobody ended it


def test_names_that_resolve_late_put_no_older_registry_in_force(
    tmp_path: Path, signals: Signals, mount: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, around = threading.Event(), Surroundings(frozenset(), {})
    old = configuration(tmp_path)
    new = old.model_copy(update={"peer": ()})
    waited: list[Any] = []

    def look(config: Config, talks: Iterable[object] = ()) -> Surroundings:
        if waited and config is old:
            waited.append(slow.wait(10))
        waited.append(config)
        return around

    monkeypatch.setattr(sensor, "look_around", look)
    made = Sensor(old, Path("appliance.toml"), Healed("lo", lambda _: Played([], [])))
    first, before = made._inspection.registry, set(threading.enumerate())
    made._renew(old)
    (renewing,) = set(threading.enumerate()) - before
    made._put_in_force(new, False)
    for _ in range(1000):
        if (second := made._inspection.registry) is not first:
            break
        slow.wait(0.01)
    slow.set()
    renewing.join(10)
    assert waited == [old, new, True, old]
    assert made._inspection.registry is second is not first
    end(made)


def test_what_the_network_card_lost_is_told(
    tmp_path: Path, signals: Signals, mount: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    mount["there"] = True
    statistics = tmp_path / "lo" / "statistics"
    statistics.mkdir(parents=True)
    monkeypatch.setattr(sensor, "Card", lambda interface: Card(interface, tmp_path))
    watch(configuration(tmp_path), signals, [lambda: (statistics / "rx_missed_errors").write_text("12\n")], [])
    records = list(read_alerts(tmp_path / "state" / "alerts" / "sensor.jsonl"))
    said = [each["alert"]["metadata"]["evidence"] for each in records if each["alert"]["signature_id"] == "D43"]
    assert said == ["frames lost or damaged before the network card's driver had them: 12"]


def test_that_it_runs_is_written_seldom(
    tmp_path: Path, signals: Signals, mount: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    mount["there"] = True
    written: list[float] = []
    monkeypatch.setattr(RunningMark, "alive", lambda _: written.append(time.monotonic()))
    watch(configuration(tmp_path), signals, [lambda: time.sleep(0.001)] * 50, [STRANGE])
    assert len(written) <= 1 + (written[-1] - written[0]) / 10


def test_alerts_outlive_a_power_cut(
    tmp_path: Path, signals: Signals, mount: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    mount["there"] = True
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    alerts = tmp_path / "state" / "alerts"

    def wait() -> None:
        for _ in range(1000):
            if str(alerts) in flushed:
                break
            time.sleep(0.01)

    watch(configuration(tmp_path), signals, [lambda: None, wait], [STRANGE])
    assert flushed[:2] == [str(alerts / "sensor.jsonl"), str(alerts)]
