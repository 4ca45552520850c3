"""The panel: hears what the programs say of themselves, looks at the box, and shows it: lamps, status, metrics, and
records for a collector. Holds no key but the client key of that, opens no object.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import selectors
import socket
import time
from pathlib import Path
from typing import Any

from appliance.base import catalogue
from appliance.base.errors import ApplianceError
from appliance.config.model import Config
from appliance.host import notify
from appliance.host.create import create_file
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.signals import Signals
from appliance.host.snapshot import Collector
from appliance.panel import lamps, leds
from appliance.panel.board import Board
from appliance.panel.desk import Desk
from appliance.panel.health import examine
from appliance.panel.health.finding import Finding
from appliance.panel.health.words import span
from appliance.panel.history import Change, History
from appliance.panel.lifelines import Lifeline, Lifelines
from appliance.panel.look import Look
from appliance.panel.metrics import View, exposition
from appliance.panel.scrape import Scrape, listen
from appliance.panel.senders import may_speak
from appliance.panel.syslog.collector import connect
from appliance.panel.syslog.export import Exporter
from appliance.panel.syslog.records import of_alert, of_finding
from appliance.programs.names import wanted

_LOOK_EVERY = 10.0  # seconds between two looks at the box, however quiet the programs are
# What other programs say in the log, or the alert itself says to the collector, is not said again.
_LOGGED_BY_OTHERS = frozenset({"alerts", "configuration", "destination", "held", "identity", "syslog"})
_METRICS_SOCKET = "metrics"
_STEP = (
    2.0  # seconds by which the clock may be off from how it ran before; a box without a battery is set after its start
)


def expected(config: Config) -> tuple[str, ...]:
    """The programs that this configuration wants."""
    return ("receive", "forward", *(name for name in ("sensor", "respond") if name in wanted(config)))


def main(config: Config, path: Path) -> int:
    """Run until told to stop. `path` is read again when it changes, and on SIGHUP."""
    config.appliance.runtime_dir.mkdir(parents=True, exist_ok=True)
    signals = Signals()
    panel = Panel(config, path)
    notify.ready("collecting")
    log(catalogue.STARTED, program="panel", detail="status is answered")
    panel.run(signals)
    notify.stopping()
    panel.stop()
    log(catalogue.STOPPED, program="panel", detail="as told")
    return 0


class Panel:
    """The parts of the program, wired."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._reloading = Reloading(config, path, "panel", self._put_in_force, files=_renewed)
        runtime = config.appliance.runtime_dir
        self._board = Board(time.time())
        self._clock = time.time() - time.monotonic()
        self._history = History()
        self._collector = Collector(runtime)
        self._desk = Desk(runtime)
        self._selector = selectors.DefaultSelector()
        self._lifelines = Lifelines(self._selector)
        self._spool = config.appliance.state_dir / "syslog"
        self._look = Look(config, self._spool)
        self._lamps = self._find_lamps(config)
        self._refused = ""  # why there is no place for the spool
        self._exporter = self._export(config)
        self._media: dict[str, tuple[Any, Any]] = {}
        self._looked = 0.0
        self._answer: dict[str, Any] = {}
        self._renew_lamps: float | None = None
        now = self._now()
        self._view = View(self._look.facts(self._status(now), now, own={}, exporter=None))
        self._scrape = self._serve_metrics(config)

    def run(self, signals: Signals) -> None:
        """Until `signals` says stop."""
        for source in (self._collector.socket, self._desk.socket, signals.socket):
            self._selector.register(source, selectors.EVENT_READ, source)
        if self._reloading.fileno() >= 0:
            self._selector.register(self._reloading.fileno(), selectors.EVENT_READ, self._reloading)
        self._judge()
        while not signals.stop:
            for key, _ in self._selector.select(self._rest()):
                if key.data is self._collector.socket:
                    self._hear()
                elif key.data is self._desk.socket:
                    self._judge()
                    self._desk.answer(self._answer)
                elif isinstance(key.data, Lifeline):
                    self._lifelines.release(key.data.program)
                    self._board.ended(key.data.program, key.data.pid, self._now())
                elif key.data is signals.socket:
                    signals.drain()
            self._reloading.attend()
            if signals.take_reload():
                self._reloading.reload()
            self._judge()
            notify.beat()

    def stop(self) -> None:
        """Go dark, and keep what the collector has not taken."""
        self._lamps.dark()
        if self._scrape:
            self._scrape.stop()
        if self._exporter:
            self._exporter.stop()
        self._lifelines.close()
        self._desk.close()
        self._collector.close()

    def _rest(self) -> float:
        """Seconds to the next thing that we do by ourselves."""
        due = [self._looked + _LOOK_EVERY - time.monotonic(), self._renew_lamps, notify.watchdog_period()]
        due.append(self._reloading.wait())
        return max(0.0, min(each for each in due if each is not None))

    def _now(self) -> float:
        """The time of day, which what we remember goes along with where it is set."""
        now, before = time.time(), self._clock
        self._clock = now - time.monotonic()
        if abs(step := self._clock - before) > _STEP:
            self._board.clock_was_set(step)
            self._history.clock_was_set(step)
        return now

    def _hear(self) -> None:
        received = self._collector.receive()
        if received is None or not may_speak(received[0], received[1]["program"]):
            return
        snapshot, now = received[1], self._now()
        program, pid = snapshot["program"], snapshot["pid"]
        self._board.post(snapshot, now)
        # Whoever was refused by the medium knows before we look at it, and when it is well again. With its first word a
        # program has made all that it makes at its start: from then on that may be missed.
        medium = (snapshot.get("medium"), snapshot.get("not_stored"))
        if self._media.get(program) != medium:
            self._media[program] = medium
            self._looked -= _LOOK_EVERY
        if isinstance(snapshot.get("alert"), dict):
            if self._exporter:
                self._exporter.offer(of_alert(program, pid, snapshot["alert"], now))
        elif not self._lifelines.hold(program, pid):
            self._board.ended(program, pid, now)

    def _status(self, now: float) -> dict[str, Any]:
        return self._board.status(expected(self._config), now)

    def _judge(self) -> None:
        """From what is known to findings, and from those to all that is shown."""
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            self._look.again()
            self._lamps.take_up(leds.find(self._config.panel.leds, again=True))
            self._look_for_a_spool()
        now = self._now()
        status = self._status(now)
        exporter = self._exporter.state() if self._exporter else None
        own = self._reloading.snapshot()
        facts = self._look.facts(status, now, own=own, exporter=exporter)
        findings, change = self._history.update(examine(facts), now)
        claims = [lamp for finding in findings for lamp in finding.lamps]
        shown = lamps.states(status["programs"], status["moving"], claims)
        self._renew_lamps = self._lamps.show(lamps.patterns(shown), time.monotonic())
        self._view = View(facts, tuple(findings), shown, tuple(map(tuple, status["alerts"]["rules"])))
        self._answer = {**status, "findings": [each.as_dict() for each in findings], "lamps": shown, "syslog": exporter}
        self._answer["panel"] = {"pid": os.getpid(), **own}
        self._tell(change, now)

    def _tell(self, change: Change, now: float) -> None:
        for finding, event in (
            *((each, catalogue.HEALTH_RAISED) for each in change.raised),
            *((each, catalogue.HEALTH_CLEARED) for each in change.cleared),
        ):
            if self._exporter and finding.question != "alerts":
                self._exporter.offer(of_finding(finding, now))
            if finding.question not in _LOGGED_BY_OTHERS:
                self._log(finding, event, now)

    def _log(self, finding: Finding, event: Any, now: float) -> None:
        log(
            event,
            question=finding.question,
            subject=finding.subject,
            what=finding.what,
            advice=finding.fix,
            span=span(now - finding.since) if finding.since else "a while",
        )

    def _find_lamps(self, config: Config) -> leds.Lamps:
        runtime, names = config.appliance.runtime_dir, config.panel.leds
        name_alarm_lamp(runtime, names.alarm if names else None)
        return leds.Lamps(leds.find(names), runtime / "lamps.lock")

    def _export(self, config: Config) -> Exporter | None:
        """The way to the collector, if there is one. Without a place for the spool what waits is in memory alone, and
        that is said; `_judge` looks for one again."""
        exporter = self._spooling(config) or self._exporter_to(config, None)
        if exporter:
            exporter.start()
        return exporter

    def _spooling(self, config: Config) -> Exporter | None:
        """One that keeps on the disk what waits, where that can be; nothing is made below a mount point."""
        if not self._look.mounted:
            return None
        try:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            pass  # the exporter says so; without one nobody needs it
        try:
            exporter = self._exporter_to(config, self._spool)
        except ApplianceError as error:
            if error.message != self._refused:
                self._refused = error.message
                log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
            return None
        self._refused = ""
        return exporter

    def _exporter_to(self, config: Config, spool: Path | None) -> Exporter | None:
        alerts = config.alerts
        authority = (alerts.ca or config.receive.client_ca) if alerts else None
        if alerts is None or authority is None:
            return None
        address, ca, certificate, key = alerts.syslog, authority, alerts.certificate, alerts.key
        return Exporter(
            address,
            spool,
            lambda: connect(address, ca, certificate, key, alerts.server_name),
            clock_set=lambda: self._look.clock_set,
        )

    def _look_for_a_spool(self) -> None:
        """Where there was no place for one, there may be now."""
        before = self._exporter
        if (before and before.spooled) or not (exporter := self._spooling(self._config)):
            return
        if before:
            before.stop()
            exporter.count_lost(before.state()["waiting"])
        self._exporter = exporter
        exporter.start()

    def _serve_metrics(self, config: Config) -> Scrape | None:
        """On the socket that the service manager opened for it, else on our own, if one is wanted."""
        inherited = [descriptor for name, descriptor in notify.listen_fds() if name == _METRICS_SOCKET]
        address = config.panel.metrics
        if not inherited and address is None:
            return None
        try:
            if importlib.util.find_spec("prometheus_client") is None:
                log(catalogue.METRICS_UNSERVED, address=address, reason="prometheus-client is not installed")
                return None
            listener = socket.socket(fileno=inherited[0]) if inherited or address is None else listen(address)
        except ApplianceError as error:
            log(catalogue.METRICS_UNSERVED, address=address, reason=error.message)
            return None
        listener.setblocking(True)
        scrape = Scrape(listener, lambda accept: exposition(self._view, accept))
        scrape.start()
        return scrape

    def _put_in_force(self, config: Config, renewed: bool) -> None:
        """Metrics keep their address."""
        before, self._config, self._looked = self._config, config, 0.0
        self._look = Look(config, self._spool)
        if config.panel.leds != before.panel.leds:
            self._lamps.dark()
            self._lamps = self._find_lamps(config)
        if renewed or (config.alerts, config.receive.client_ca) != (before.alerts, before.receive.client_ca):
            if self._exporter:
                self._exporter.stop()
            self._exporter = self._export(config)


def name_alarm_lamp(runtime: Path, name: str | None) -> None:
    """Leave the name of the alarm lamp to systemd's units, which light it when we are gone; none where it goes by its
    function. It is no error where that cannot be written: then the units go by the function."""
    path = runtime / "alarm-lamp"
    with contextlib.suppress(OSError, ApplianceError):
        path.unlink(missing_ok=True)
        if name:
            create_file(path, name + "\n", 0o644)  # root has no capability there


def _renewed(config: Config) -> list[Path]:
    """The files that the way to the collector uses, which other tools renew."""
    if config.alerts is None:
        return []
    alerts = config.alerts
    return [path for path in (alerts.ca or config.receive.client_ca, alerts.certificate, alerts.key) if path]
