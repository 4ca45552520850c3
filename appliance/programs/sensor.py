"""The sensor as a program: capture, inspection, alerts. It holds no key and sends nothing but alerts and snapshots."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.base import catalogue
from appliance.base.errors import ApplianceError, ConfigError, DiskError
from appliance.base.throttle import Throttle
from appliance.capture.block_channel import Asker
from appliance.capture.card import Card
from appliance.capture.certificate import read_certificate
from appliance.capture.healed import Healed, interfaces
from appliance.capture.inventory_file import NAME, InventoryFile, InventoryUnreadable, read_inventory
from appliance.capture.site_ca import read_site_ca
from appliance.capture.surroundings import look_around
from appliance.config.model import Config
from appliance.config.model import Sensor as SensorSection
from appliance.host import notify
from appliance.host.alerts import AlertLog
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.running_mark import RunningMark
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.inspection import link_decoders
from appliance.inspection.alert import parties
from appliance.inspection.engine import Inspection
from appliance.inspection.inventory import Inventory
from appliance.inspection.registry import Registry
from appliance.vault.layout import StateLayout
from appliance.vault.own_directory import OwnDirectory

if TYPE_CHECKING:
    from appliance.capture.evidence_store import EvidenceStore
    from appliance.host.site_authorities import SiteAuthorities
    from appliance.seal.keys import Recipient

_WAIT = 1.0  # seconds that a capture may sleep without packets
_ROUND = 1.0  # between two looks at losses, windows of alerts and the panel
_HEARTBEAT = 10.0
_LOOK_AROUND = 300.0  # between two looks at addresses and names, which may change
_ADDRESSED = 5.0  # until an interface that came has its addresses, mostly
_KEEP = 60.0  # between two writings of the inventory, if it changed
_STEP = 5.0  # seconds that the clock may be set by without a word
_BLIND_RULE = "D43"
_NO_LINK, _NOT_THERE = "has no link", "is not there"


def main(config: Config, path: Path) -> int:
    """Watch until told to stop. `path` is read again when it changes, and on SIGHUP."""
    os.umask(0o027)
    if config.sensor is None:
        raise ConfigError("the configuration has no [sensor]", fix="Add one, with the interface to watch.")
    sensor = Sensor(config, path, Healed(config.sensor.interface))
    signals = Signals()
    sensor.run(signals)
    return 0


class Sensor:
    """The parts of the program, wired."""

    def __init__(self, config: Config, path: Path, source: Healed) -> None:
        assert config.sensor is not None
        self._config = config
        self._reloading = Reloading(config, path, "sensor", self._put_in_force, files=_files, bell=False)
        self._interface = config.sensor.interface
        self._source = source
        self._card = Card(self._interface)
        layout = StateLayout(config.appliance.state_dir)
        self._place = OwnDirectory(layout.root, layout.alerts)
        self._inventory = InventoryFile(layout.alerts / NAME)
        there = self._place.there()
        known = _known(layout.alerts / NAME) if there else Inventory()
        registry = Registry.build(config, look_around(config, known.talks))
        self._inspection = Inspection(registry, self._interface, known, read_certificate)
        self._authorities: SiteAuthorities | None = None
        self._unsure = ""  # why the CAs of the site are not known, where they should be
        try:
            self._trust(_site_authorities(config))
        except ConfigError as error:
            self._unsure = f"nobody asks who signed certificates: {error.message}"
        self._alerts = AlertLog(layout.alerts / "sensor.jsonl", there=self._place.there)
        self._knows = there  # what an earlier run learned
        self._running: RunningMark | None = None
        self._reporter = Reporter(config.appliance.runtime_dir, "sensor")
        self._asker = Asker(config.appliance.runtime_dir)
        self._unheard = Throttle(burst=1)
        self._evidence: EvidenceStore | None = None
        _recipients(config)
        self._fault = ""
        self._began = self._looked = time.monotonic()
        self._rounded = 0.0
        self._reported = self._marked = 0.0
        self._kept = time.monotonic()
        self._clock = time.time() - time.monotonic()
        self._reloaded = False
        self._told: dict[str, int] = {}

    def run(self, signals: Signals) -> None:
        """Until `signals` says stop."""
        link_decoders.prepare()
        self._settle()
        where = self._watching()
        notify.ready(where)
        log(catalogue.STARTED, program="sensor", detail=where)
        self._tell_unsure()
        gc.collect()
        gc.freeze()
        # Flows are untied when they end, so there is nothing to collect. Few thousand objects are looked at each time:
        # in a flood of flows, all of them would be half a second.
        gc.set_threshold(20_000, 2, 1000)
        for batch in self._source.batches(signals.socket.fileno(), _WAIT):
            self._inspection.inspect(batch)
            self._tell()
            self._round()
            signals.drain()
            if signals.stop:
                break
            if signals.take_reload():
                self._reloading.reload()
                self._report()
        notify.stopping()
        self._inspection.finish()
        self._tell()
        self._keep(at_once=True)
        self._keep_evidence(last=True)
        self._report(stopped=True)
        self._source.close()
        if self._running:
            self._running.ended()
        log(catalogue.STOPPED, program="sensor", detail="as told")

    def _watching(self) -> str:
        if not self._source.how:
            return f"waiting for {self._interface}, which is not there"
        return f"watching {self._interface} through a {self._source.how}"

    def _settle(self) -> None:
        """Take up what an earlier run left on the disk, as soon as the disk is there."""
        if self._running is not None or not self._place.there():
            return
        self._running, self._marked = RunningMark(self._place.path / "sensor.running"), time.monotonic()
        if not self._knows:
            self._knows = True
            self._inspection.inventory.recall(_known(self._place.path / NAME))
            self._renew(self._config)
        self._want_evidence()
        if self._running.gap is not None:
            gap = max(0.0, self._running.gap - (time.monotonic() - self._began))
            words = f"the sensor ended without being told to, some {gap:.0f} s before it started again"
            self._inspection.lost(0, time.time(), words)

    def _want_evidence(self) -> None:
        """Keep evidence, if it is wanted and has a place: what is watched is watched without one, too."""
        if self._evidence is not None or self._running is None:
            return
        try:
            self._evidence = _evidence_store(self._config, self._place.path)
        except DiskError as error:
            log(catalogue.EVIDENCE_UNKEPT, reason=error.message, advice=error.fix)
        self._inspection.keep_evidence(self._evidence is not None)

    def _tell(self) -> None:
        for record in self._inspection.take_alerts():
            try:
                self._alerts.append(record)
            except ApplianceError as error:
                log(catalogue.SENSOR_BLIND, reason=error.message, advice=error.fix)
            self._reporter.tell(record)
            say(record)
        for request in self._inspection.take_requests():
            if not self._asker.send(request) and self._unheard.passes("", time.monotonic())[0]:
                advice = "Is it running (systemctl status appliance-respond)?"
                log(catalogue.BLOCK_UNASKED, rule=request.rule, address=request.source, advice=advice)

    def _round(self) -> None:
        """What is done about once a second, however busy or quiet the link is."""
        now = time.monotonic()
        if now - self._rounded < _ROUND:
            return
        self._rounded = now
        lost, down = self._source.losses()
        if lost:
            self._inspection.lost(lost, time.time())
        if missed := self._card.lost():
            self._inspection.lost(
                missed, time.time(), "frames lost or damaged before the network card's driver had them"
            )
        if down:
            self._inspection.lost(0, time.time(), f"the interface {self._interface} went down")
        for gap in self._source.take_gaps():
            self._inspection.lost(0, time.time(), gap)
        self._look_at_the_link()
        self._settle()
        try:
            self._alerts.catch_up()
            self._alerts.settle_beside()
        except ApplianceError:
            pass  # it was told when the alert came
        if self._reloading.attend():
            self._report()
        self._notice()
        self._inspection.tick(time.time())
        self._keep_evidence()
        if now - self._kept > _KEEP:
            self._kept = now
            self._keep()
            self._want_evidence()
        if now - self._looked > _LOOK_AROUND:
            self._looked = now
            for name in self._inspection.registry.unresolved:
                words = f"the host name of {name} does not resolve: any server at its port may pass for it"
                self._inspection.lost(0, time.time(), words)
            self._tell_unsure()
            self._renew(self._config)
        counted = self._inspection.snapshot()
        if counted["packets"] != self._told.get("packets") or now - self._reported > _HEARTBEAT:
            self._report()
        notify.beat()

    def _tell_unsure(self) -> None:
        if self._unsure:
            self._inspection.lost(0, time.time(), self._unsure)

    def _look_at_the_link(self) -> None:
        """Whether frames can come at all; that they do not is told when it begins, and again when it is over."""
        before, self._fault = self._fault, self._source.fault
        if self._fault == before:
            return
        if self._fault == _NO_LINK:
            self._inspection.lost(0, time.time(), f"the interface {self._interface} lost its link")
        elif before == _NO_LINK and not self._fault:
            self._inspection.lost(0, time.time(), f"the interface {self._interface} has its link again")
        if before and not self._fault:  # its addresses come a moment later
            self._looked = min(self._looked, time.monotonic() - _LOOK_AROUND + _ADDRESSED)
        notify.status(self._watching())
        self._report()

    def _keep_evidence(self, last: bool = False) -> None:
        """Seal and write what rules want kept, now or soon."""
        if self._evidence is None or not self._place.there():
            return
        try:
            self._evidence.add(self._inspection.take_evidence(), time.monotonic())
            if last:
                self._evidence.flush()
            else:
                self._evidence.tick(time.monotonic())
        except DiskError as error:
            log(catalogue.EVIDENCE_UNKEPT, reason=error.message, advice=error.fix)

    def _notice(self) -> None:
        """What judging rests on and was changed: the registry, the clock."""
        if self._reloaded:
            self._reloaded = False
            self._inspection.reconfigured("the configuration was changed", time.time())
        clock = time.time() - time.monotonic()
        step, self._clock = clock - self._clock, clock
        if abs(step) > _STEP:
            self._inspection.reconfigured(f"the clock was set by {step:.0f} s", time.time())

    def _keep(self, at_once: bool = False) -> None:
        """Write the inventory down, if it changed; not before what was known is in it, which lies on the disk."""
        if self._running is None or not self._place.there():
            return
        try:
            if at_once:
                self._inventory.save(self._inspection.inventory)
            else:
                self._inventory.save_beside(self._inspection.inventory)
        except DiskError as error:
            log(catalogue.INVENTORY_UNUSABLE, reason=error.message, advice=error.fix)

    def _renew(self, config: Config, *, before: Config | None = None) -> None:
        """Look around and put a registry in force, in a thread of its own, for a resolver may take its time. `before`:
        the configuration until now, where another was read; whether that judges otherwise is told, see `_notice`."""

        talks = list(self._inspection.inventory.talks)  # now: they change while the thread waits

        def renew() -> None:
            around = look_around(config, talks)
            registry = Registry.build(config, around)
            if config is self._config:  # else another one came into force meanwhile
                self._inspection.registry = registry
            self._reloaded |= before is not None and Registry.build(before, around) != registry

        threading.Thread(target=renew, daemon=True).start()

    def _report(self, **more: Any) -> None:
        self._reported = now = time.monotonic()
        if self._running and now - self._marked > _HEARTBEAT and self._place.there():
            self._marked = now  # no more often: each time is a write, and the disk may be a card
            self._running.alive()
        self._told = self._inspection.snapshot()
        if self._evidence:
            more |= {"evidence_files": self._evidence.files, "evidence_unwritten": self._evidence.missed}
        self._reporter.send(
            {
                "interface": self._interface,
                "how": self._source.how,
                "lossy": self._source.lossy,
                "fault": self._fault,
                "there": interfaces() if self._fault == _NOT_THERE else (),
                **self._told,
                **self._reloading.snapshot(),
                **more,
            }
        )

    def _trust(self, authorities: SiteAuthorities | None) -> None:
        """From now on certificates are to be of these CAs."""
        self._authorities, self._unsure = authorities, ""
        self._inspection.signed = authorities.signed if authorities else None

    def _put_in_force(self, config: Config, _: bool) -> None:
        before, after = self._config.sensor, config.sensor
        trusted, known = _site_authorities(config), self._authorities  # raises before anything changed
        if before and after and _evidence_keys(before) != _evidence_keys(after):
            _recipients(config)  # raises before anything changed
            self._keep_evidence(last=True)
            self._evidence = None
        self._trust(trusted)
        if (known and known.fingerprints) != (trusted and trusted.fingerprints):
            self._inspection.reconfigured("the CAs of the site were changed", time.time())
        earlier, self._config = self._config, config
        self._want_evidence()
        self._renew(config, before=earlier)


def _files(config: Config) -> list[Path]:
    return [config.sensor.ca] if config.sensor and config.sensor.ca else []


def _site_authorities(config: Config) -> SiteAuthorities | None:
    """The CAs of the site; None where the configuration names none. Raises ConfigError."""
    return read_site_ca(config.sensor.ca) if config.sensor and config.sensor.ca else None


def _evidence_keys(sensor: SensorSection) -> tuple[object, ...]:
    return sensor.evidence_recipients, sensor.evidence_quota


def _recipients(config: Config) -> list[Recipient]:
    """Who can open evidence; nobody where none is wanted. Raises ConfigError for recipients that are none."""
    if config.sensor is None or not config.sensor.evidence_recipients:
        return []
    from appliance.capture.evidence_store import evidence_recipients  # cryptography, which others need not load

    return evidence_recipients(config.sensor.evidence_recipients)


def _evidence_store(config: Config, alerts: Path) -> EvidenceStore | None:
    """Where evidence goes, if it is wanted. Raises DiskError."""
    if config.sensor is None or not (recipients := _recipients(config)):
        return None
    from appliance.capture.evidence_store import NAME as DIRECTORY
    from appliance.capture.evidence_store import EvidenceStore

    try:
        total = shutil.disk_usage(alerts).total
    except OSError as error:
        raise DiskError(f"cannot keep evidence in {alerts}: {error.strerror}", fix="Is the disk there?") from None
    return EvidenceStore(
        alerts / DIRECTORY, recipients, config.sensor.evidence_quota.of(total), config.sensor.interface
    )


def _known(path: Path) -> Inventory:
    """What was known when the sensor stopped."""
    try:
        return read_inventory(path)
    except InventoryUnreadable as error:
        advice = "A new inventory begins; changes are told in a day."
        log(catalogue.INVENTORY_UNUSABLE, reason=error.message, advice=advice)
        return Inventory()


def _parties(record: dict[str, Any]) -> str:
    """Who and to whom; what the sensor says of itself has neither."""
    source, target = parties(record)
    return f"{source or 'several'} to {target or 'several'}" if source or target else "on this box"


def say(record: dict[str, Any]) -> None:
    """One log line for an alert."""
    alert = record["alert"]
    about = alert["metadata"]
    if alert["signature_id"] == _BLIND_RULE:
        log(catalogue.SENSOR_BLIND, reason=about["evidence"], advice=about["advice"])
        return
    log(
        catalogue.ALERT,
        rule=alert["signature_id"],
        title=alert["signature"],
        parties=_parties(record),
        evidence=about["evidence"] if about["count"] == 1 else f"{about['evidence']} ({about['count']} times)",
        advice=about["advice"],
    )
