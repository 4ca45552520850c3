"""The storage SCP as a program: listeners, acceptor, workers. It holds TLS and index key, and no identity."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ConfigError
from appliance.config.model import Config
from appliance.config.values import Network
from appliance.host import notify
from appliance.host.credentials import read_secret
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.routing.upstreams import reporters
from appliance.scp import handoff
from appliance.scp.acceptor import Acceptor, Listener, listen
from appliance.scp.gate import Gate
from appliance.scp.ingest import Ingest
from appliance.scp.places import Places
from appliance.scp.profiles import read_profiles
from appliance.scp.service import Service
from appliance.scp.slots import Slots
from appliance.scp.tally import Tally
from appliance.scp.user_identities import UserIdentities
from appliance.scp.worker import Worker
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import check_recipients, parse_recipient
from appliance.vault.accepted import Published
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from appliance.vault.medium_watch import MediumWatch
from appliance.vault.segments import Segments
from appliance.vault.space import Space

_HEARTBEAT = 10.0
_AT_MOST_EVERY = 1.0
_HANGS = 15.0  # seconds without a sign of a worker that was handed something
_WORKER = "a receiving worker"


def main(config: Config, path: Path) -> int:
    """Serve until told to stop. `path` is read again when it changes, and on SIGHUP."""
    os.umask(0o007)  # forward, of the same group, links what we create
    places = Places()
    if DeclaredMount(config.appliance.state_dir).objection() is None:  # else 0xA700 is what we have to say
        StateLayout(config.appliance.state_dir).create()  # not at a reload: what is missing then is not mounted
    serve = _serve(config, places)
    report = _Report(config)
    acceptor = Acceptor(_listeners(config), _slots(config), _workers(config), serve, report.tick)
    report.acceptor = acceptor
    in_force = _InForce(places, acceptor)
    report.reloading = reloading = Reloading(config, path, "receive", in_force.change, files=_renewed)
    if reloading.fileno() >= 0:
        acceptor.heed(reloading.fileno(), report.attend)
    signals = Signals()

    def told() -> None:
        signals.drain()
        if signals.take_reload():
            report.reload()
        if signals.stop:
            acceptor.stop()

    acceptor.heed(signals.socket.fileno(), told)
    where = ", ".join(str(each) for each in (*config.receive.listen, *config.receive.listen_plain))
    notify.ready(f"listening on {where}")
    log(catalogue.STARTED, program="receive", detail=f"listening on {where}")
    gc.collect()
    gc.freeze()  # the pages that workers share stay shared
    acceptor.run()
    notify.stopping()
    report.send(stopped=True)
    log(catalogue.STOPPED, program="receive", detail="as told")
    return 0


def _listeners(config: Config) -> list[Listener]:
    """Sockets that the service manager opened for us, by their names; else our own."""
    inherited = notify.listen_fds()
    if inherited:
        return [Listener(socket.socket(fileno=fd), tls=not name.startswith("dicom-plain")) for name, fd in inherited]
    opened = []
    for wanted, with_tls in ((config.receive.listen, True), (config.receive.listen_plain, False)):
        for endpoint in wanted:
            try:
                opened.append(listen(endpoint.host, endpoint.port, with_tls))
            except OSError as error:
                raise ConfigError(
                    f"cannot listen on {endpoint}: {error.strerror}",
                    fix="Is another program on this port (ss -ltnp), and may this user open it?",
                ) from None
    return opened


def _slots(config: Config) -> Slots:
    return Slots(config.receive.max_associations, _networks(config))


def _networks(config: Config) -> tuple[Network, ...]:
    known = (*(peer for peer in config.peer if peer.accept), *reporters(config))
    return tuple(network for peer in known for network in peer.addresses)


def _workers(config: Config) -> int:
    return config.receive.workers or os.cpu_count() or 1


def _serve(config: Config, places: Places) -> Callable[[socket.socket, Tally], None]:
    """Everything that workers need, made before the fork; what it returns runs in the worker."""
    profiles = read_profiles(config)
    gate = Gate(config, UserIdentities(config), places)
    layout = StateLayout(config.appliance.state_dir)
    recipients = [parse_recipient(text) for text in config.vault.recipients]
    check_recipients(recipients)
    index_key = IndexKey.parse(read_secret(config.vault.index_key))
    mount = DeclaredMount(layout.root)
    space = Space(layout.incoming, config.vault.min_free, mount=mount)

    def serve(channel: socket.socket, tally: Tally) -> None:
        segments = Segments(layout, room=space.allows)
        segments.prepare()
        intake = Intake(Incoming(layout, segments=segments, mount=mount), recipients, index_key)
        intake.envelopes.fill()
        ingest = Ingest(intake, space, index_key, config.appliance.ae_title)
        reporter = Reporter(config.appliance.runtime_dir, "receive")

        def alert(record: dict[str, Any]) -> None:
            reporter.tell(record)

        def associated(number: int) -> None:
            handoff.report(channel, handoff.Became(number, "associated"))

        accepted = Published(config.appliance.runtime_dir)
        Worker(
            channel, Service(config, ingest, tally, gate, accepted, alert, associated), profiles, segments.doubt
        ).serve()

    return serve


def _renewed(config: Config) -> list[Path]:
    """The files that other tools renew while we run."""
    receive = config.receive
    tls = [receive.certificate, receive.key, receive.client_ca, receive.client_crl] if receive.listen else []
    keys = [peer.user_identity.key for peer in config.peer if peer.accept and peer.user_identity]
    return [path for path in (*tls, *keys) if path]


# What new associations do not depend on: a change of these alone needs no new generation of workers.
_NOT_OURS = ("alerts", "panel", "sensor")


class _InForce:
    """What new associations get. Each change is a new generation of workers; those that are open end with the old."""

    def __init__(self, places: Places, acceptor: Acceptor) -> None:
        self._places = places
        self._acceptor = acceptor
        self._config: Config | None = None

    def change(self, config: Config, renewed: bool) -> None:
        """Put a configuration in force, or raise before anything is changed."""
        ours = config.model_copy(update=dict.fromkeys(_NOT_OURS))
        if ours == self._config and not renewed:
            return
        serve = _serve(config, self._places)
        self._config = ours
        self._acceptor.slots.configure(config.receive.max_associations, _networks(config))
        self._acceptor.renew(serve, _workers(config))


class _Report:
    """Tells the panel, when something changed and every ten seconds; feeds the watchdog; looks at the medium then."""

    def __init__(self, config: Config) -> None:
        self._reporter = Reporter(config.appliance.runtime_dir, "receive")
        self._medium = MediumWatch(StateLayout(config.appliance.state_dir).incoming)
        self._listens = [str(each) for each in (*config.receive.listen, *config.receive.listen_plain)]
        self._sent: dict[str, int] = {}
        self._looked = 0.0
        self._changed = False
        self._stuck: list[str] = []
        self.acceptor: Acceptor | None = None
        self.reloading: Reloading | None = None

    def tick(self) -> float:
        """Called by the acceptor's loop before it waits; gives the seconds that it may wait.

        While counters move they are looked at every second; when they rest, every ten.
        """
        assert self.acceptor is not None and self.reloading is not None
        self.attend()
        since = time.monotonic() - self._looked  # not since the last snapshot: a reload sends one too
        moved = self.acceptor.counts() != self._sent
        rest = _AT_MOST_EVERY if moved else _HEARTBEAT
        if since >= rest or self._changed:
            self._looked = time.monotonic()
            self.send()
            if self._medium.doubtful():
                self.acceptor.doubt()
            self._beat()
            since = 0.0
        return min(rest - since, self.reloading.wait())

    def _beat(self) -> None:
        """Feed the watchdog, unless a worker hangs: it takes its associations along, and is handed more of them."""
        assert self.acceptor is not None
        now, stuck = time.monotonic(), self._stuck
        lags, stands = self.acceptor.behind(now) >= _HANGS, self.acceptor.stuck(now) >= limits.STORE_STEP.default
        self._stuck = [_WORKER] if lags or stands else []
        if not self._stuck:
            notify.beat()
        elif not stuck:
            log(catalogue.ENGINE_STUCK, program="receive", engine=_WORKER)
        if self._stuck != stuck:
            self.send()

    def attend(self) -> None:
        """Something may have happened to the files that we read."""
        assert self.reloading is not None
        self._changed |= self.reloading.attend()

    def reload(self) -> None:
        """We were told to read them again."""
        assert self.reloading is not None
        self.reloading.reload()
        self.send()

    def send(self, **more: bool) -> None:
        """Send a snapshot now."""
        assert self.acceptor is not None and self.reloading is not None
        self._sent = self.acceptor.counts()
        self._changed = False
        self._reporter.send(
            {"listens": self._listens, "stuck": self._stuck, **self._sent, **self.reloading.snapshot(), **more}
        )
