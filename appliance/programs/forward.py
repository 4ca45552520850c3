"""Delivery as a program: adopts, delivers, forgets, answers the command line. It alone owns the ledger."""

from __future__ import annotations

import os
import selectors
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import DiskError
from appliance.config.model import Commitment, Config, Vault
from appliance.delivery.adoption import Adopter, route
from appliance.delivery.commitment import Committer
from appliance.delivery.commitment_decision import Decision
from appliance.delivery.commitment_report import ReportSession
from appliance.delivery.control import Control, control_socket
from appliance.delivery.destinations import Destinations
from appliance.delivery.eviction import Evictor
from appliance.delivery.keyring import Keyring
from appliance.delivery.learned import Learned
from appliance.delivery.left import left
from appliance.delivery.open_associations import OpenAssociations
from appliance.delivery.provers import Provers
from appliance.delivery.proving import Instances
from appliance.delivery.queue_desk import QueueDesk
from appliance.delivery.report_ways import Ways
from appliance.delivery.rerouting import Rerouting
from appliance.delivery.unlocking import Unlocking
from appliance.delivery.vault_desk import VaultDesk
from appliance.host import notify, processor
from appliance.host.clock import SteadyClock
from appliance.host.credentials import read_secret, read_secrets
from appliance.host.links import Links
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.programs.waiting import wait_for_mount
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_identity
from appliance.vault.adoption import Adoption
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.commitments import Commitments
from appliance.vault.connection import LedgerDamaged
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.deliveries import Queue
from appliance.vault.footing import Footing, Turn
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from appliance.vault.objects import Objects
from appliance.vault.proof_reports import WaitingReports
from appliance.vault.proofs import Proofs
from appliance.vault.rebuild import Rebuild
from appliance.vault.recovery import open_ledger, recover, sweep, want_rebuild
from appliance.vault.refusals import Condition
from appliance.vault.space import Space
from appliance.vault.standing import standing

_HEARTBEAT = 5.0
_AT_MOST_EVERY = 1.0
_STEP = 300.0  # seconds that a step of the start may take
_GRACE = 10.0  # seconds for instances that are under way when we are told to stop


def main(config: Config, path: Path) -> int:
    """Run until told to stop. What is cut off by the end is taken up at the next start."""
    os.umask(0o077)
    processor.keep_to_one()
    try:
        return _run(config, path)
    except LedgerDamaged:
        # In the middle, where opening does not look. Whoever starts us again gets one that is made anew.
        with suppress(OSError):
            want_rebuild(StateLayout(config.appliance.state_dir))
        raise


def _run(config: Config, path: Path) -> int:
    signals = Signals()
    reloading = Reloading(config, path, "forward")
    if not wait_for_mount(reloading, signals):
        return 0
    forward = Forward(reloading)
    forward.start()
    with selectors.DefaultSelector() as selector:
        for each in (signals.socket, forward.bell, forward.reloading):
            if each.fileno() >= 0:
                selector.register(each, selectors.EVENT_READ)
        while not signals.stop:
            for key, _ in selector.select(forward.report()):
                if key.fileobj is signals.socket:
                    signals.drain()
            forward.attend(told=signals.take_reload())
    notify.stopping()
    forward.stop()
    log(catalogue.STOPPED, program="forward", detail="as told")
    return 0


class Forward:
    """The parts of the program, wired."""

    def __init__(self, reloading: Reloading) -> None:
        """Open the vault and take up what the last run left. Raises ApplianceError when that can't be done."""
        self.reloading = reloading
        self._config = config = reloading.config
        reloading.serve(self._put_in_force)
        layout = StateLayout(config.appliance.state_dir)
        layout.create()
        config.appliance.runtime_dir.mkdir(parents=True, exist_ok=True)
        self._reporter = Reporter(config.appliance.runtime_dir, "forward")
        self.bell, self._clapper = socket.socketpair()
        self.bell.setblocking(False)
        self._clapper.setblocking(False)
        self._reported = 0.0
        self._changed = True

        index_key = IndexKey.parse(read_secret(config.vault.index_key))
        keyring = _keyring(config.vault)
        self._ledger, damaged = open_ledger(layout)
        if damaged:
            log(catalogue.LEDGER_DAMAGED)
        objects = Objects(layout)
        self._journal = Journal(layout, index_key)
        self._ledger.mirror = self._journal.append
        rebuild = Rebuild(self._ledger, self._journal)
        rebuild.resume_marks()
        self._adoption = adoption = Adoption(objects, self._ledger, index_key, route(config.route))
        self._footing = Footing(layout, self._ledger, self._journal, adoption.is_ours, mount=DeclaredMount(layout.root))
        self._resuming = False
        self._lost_since = 0.0
        self._told: dict[str, Any] = {}
        self._stuck: list[str] = []
        self._links = Links()
        self._learned = Learned(self._ledger, [each.name for each in config.destination], config.appliance.runtime_dir)
        steady = SteadyClock()
        self._destinations = Destinations(
            self._ledger, objects, keyring, index_key, now=steady, on_change=self._ring, on_learned=self._learned.tell
        )
        self._destinations.configure(self._destinations.plan(config))
        self._provers = Provers(
            Proofs(self._ledger, index_key),
            WaitingReports(layout, index_key),
            Instances(objects, keyring),
            on_change=self._ring,
            now=steady,
        )
        self._rerouting = Rerouting(adoption, self._adopted, steady)
        self._steady = steady
        self._adopter = Adopter(adoption, self._adopted, now=steady, looked=self._looked, sweep=sweep(adoption, steady))
        commitments = Commitments(self._ledger, index_key)
        self._committer = Committer(
            WaitingRequests(layout, index_key),
            commitments,
            objects,
            Decision(adoption, commitments, self._adopter.tell),
            Ways(OpenAssociations(config.appliance.runtime_dir), self._report_to, self._takes_reports),
            on_change=self._ring,
        )
        self._starts("looks at what is stored")
        for step in recover(adoption, time.time(), rebuild=rebuild):
            self._adopter.tell(step.fates)
            notify.extend(_STEP)
            notify.beat()
            self._starts(f"{step.phase}, {step.done} of {step.total}")
        self._tell(rebuild)
        self._provers.configure(config.destination, self._destinations.queues, config.appliance.ae_title)
        self._keyring = keyring
        self._unlocking = Unlocking(keyring, config.vault.identity, self._destinations.with_plaintext)
        self._room = layout.objects
        space = Space(self._room, config.vault.min_free)
        self._evictor = Evictor(
            self._ledger, objects, space, config.vault.keep, on_change=self._ring, housekeeping=self._keep_journal
        )
        operations = QueueDesk(self._ledger, lambda: self._destinations.queues, self._state, now=steady).operations
        operations |= self._unlocking.operations
        operations |= VaultDesk(self._ledger, objects, index_key).operations
        self._control = Control(control_socket(config.appliance.runtime_dir), operations)

    def _starts(self, doing: str) -> None:
        """Say that we are not ready yet: a rebuilt ledger takes minutes, and silence is taken for hanging."""
        if time.monotonic() - self._reported >= _AT_MOST_EVERY:
            self._reported = time.monotonic()
            self._reporter.send({"starting": doing})
            notify.status(f"starts: {doing}")

    def start(self) -> None:
        """Begin."""
        self._reported = 0.0
        self._destinations.start()
        self._evictor.start()
        self._control.start()
        self._committer.start()
        self._provers.start()
        self._adopter.start()
        self._learned.tell()
        self._rerouting.look(self._config.route)
        to = ", ".join(self._destinations.queues) or "nowhere"
        notify.ready(f"delivering to {to}")
        log(catalogue.STARTED, program="forward", detail=f"delivering to {to}")

    def stop(self) -> None:
        """End in order: nothing new, then what is under way, for a while."""
        deadline = time.monotonic() + _GRACE
        self._control.stop()
        self._adopter.stop()
        self._destinations.stop()
        self._provers.stop()
        self._evictor.stop()
        committed = self._committer.stop(max(0.0, deadline - time.monotonic()))
        self._rerouting.stop(max(0.0, deadline - time.monotonic()))
        delivered = self._destinations.join(deadline)
        delivered = self._provers.join(max(0.0, deadline - time.monotonic())) and delivered
        self._reporter.send({**self._state(), "stopped": True})
        if committed and delivered:
            self._ledger.close()
            self._journal.close()

    def attend(self, *, told: bool) -> None:
        """See to the configuration: `told` to read it again, or it may have changed."""
        if told:
            self.reloading.reload()
        if told or self.reloading.attend():
            self._ring()

    def _put_in_force(self, config: Config, _: bool) -> None:
        """What is under way goes on under what it began with; the rest counts from here on. Certificates are read for
        each session anew."""
        plans = self._destinations.plan(config)
        self._config = config
        self._keyring.sealed_to(config.vault.recipients)
        self._destinations.configure(plans)
        self._provers.configure(config.destination, self._destinations.queues, config.appliance.ae_title)
        self._unlocking.serve(self._destinations.with_plaintext)
        self._adoption.destinations_for = route(config.route)
        self._rerouting.look(config.route)
        self._learned.configure([each.name for each in config.destination])
        self._evictor.configure(Space(self._room, config.vault.min_free), config.vault.keep)
        self._committer.reporting.readdress()
        self._committer.wake()
        self._destinations.wake(set(self._destinations.queues))

    def _tell(self, rebuild: Rebuild) -> None:
        """Say what a rebuild came to, and have the journal hold what stands now."""
        if not rebuild.needed:
            return
        if rebuild.objects and rebuild.complete:
            log(catalogue.LEDGER_REBUILT, objects=rebuild.objects)
        elif rebuild.again:
            again, rate = sum(rebuild.again.values()), limits.REDELIVERY.default
            log(catalogue.REDELIVERY_ANNOUNCED, deliveries=again, rate=rate, minutes=rebuild.minutes)
        self._keep_journal(now=True)

    def _keep_journal(self, *, now: bool = False) -> None:
        """Write the journal anew when that is due. It is no reason not to deliver where that fails."""
        if not (now or self._journal.due):
            return
        try:
            self._journal.write_anew(standing(self._ledger))
        except DiskError as error:
            log(catalogue.JOURNAL_FAILED, reason=error.message, advice=error.fix)

    def report(self) -> float:
        """Tell the panel if it is time, and the watchdog that all engines move. The seconds until the next time."""
        try:
            self.bell.recv(64)
        except BlockingIOError:
            pass
        since = time.monotonic() - self._reported
        due = _AT_MOST_EVERY if self._changed else _HEARTBEAT
        if since >= due:
            self._reported, self._changed, due, since = time.monotonic(), False, _HEARTBEAT, 0.0
            self._look_at_the_medium()
            self._look_at_the_engines()
            try:
                self._destinations.write_proofs()
                self._told = self._state()
                self._reporter.send(self._told)
            except DiskError as error:
                if self._told.get("medium") != error.message:
                    log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
                self._told = {**self._told, "medium": error.message, "stuck": self._stuck}
                self._reporter.send(self._told)
            if not self._stuck:
                notify.beat()
        return min(due - since, self.reloading.wait())

    def _look_at_the_engines(self) -> None:
        """Say which have ended, or come no further; the watchdog ends us for it."""
        engines = {
            "delivery": self._destinations.alive,
            "adoption": self._adopter.is_alive,
            "storage commitment": self._committer.is_alive,
            "proofs": self._provers.is_alive,
            "retention": self._evictor.is_alive,
        }
        before, self._stuck = self._stuck, [name for name, moves in engines.items() if not moves()]
        for name in self._stuck:
            if name not in before:
                log(catalogue.ENGINE_STUCK, program="forward", engine=name)

    def _look_at_the_medium(self) -> None:
        """Let go of a file system that failed or went; go on where it is back. Raises `LedgerDamaged`."""
        if self._ledger.damaged:
            raise LedgerDamaged("the ledger is damaged; the next start makes it anew", Condition.BROKEN)
        match self._footing.look():
            case Turn.LOST:
                assert self._footing.refusal
                self._lost_since = time.monotonic()
                log(catalogue.MEDIUM_LOST, reason=self._footing.refusal.message, advice=self._footing.refusal.fix)
            case Turn.REGAINED:
                self._resuming = True
                log(catalogue.MEDIUM_REGAINED, span=f"{time.monotonic() - self._lost_since:.0f} s")
        if self._resuming and not self._footing.refusal:
            try:
                self._adopter.resume(sweep(self._adoption, self._steady))
            except DiskError as error:
                log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
                return
            self._resuming = False
            self._rerouting.look(self._config.route)
            self._evictor.wake()
            self._destinations.wake(set(self._destinations.queues))

    def _target(self, peer: str) -> Commitment | None:
        return next((each.commitment for each in self._config.peer if each.name == peer), None)

    def _takes_reports(self, peer: str) -> bool:
        """Whether a peer has an address for reports."""
        return self._target(peer) is not None

    def _report_to(self, peer: str, calling_ae: str) -> ReportSession:
        """An association for the reports of storage commitment to a peer that has an address."""
        target = self._target(peer)
        assert target is not None
        return ReportSession(target, self._config.receive.client_ca, calling_ae)

    def _looked(self) -> None:
        """What lay in `incoming/` was seen to, but for requests and reports."""
        self._committer.wake()
        self._provers.look()

    def _adopted(self, destinations: set[str]) -> None:
        self._destinations.wake(destinations)
        self._ring()

    def _ring(self) -> None:
        """Something changed; the loop tells the panel soon. Rung once, it hears no second ring until it has told."""
        if self._changed:
            return
        self._changed = True
        try:
            self._clapper.send(b"\1")
        except BlockingIOError:
            pass

    def _state(self) -> dict[str, Any]:
        counts = self._ledger.counts()
        present = self._ledger.holdings().get("present")
        return {
            "objects": present.objects if present else 0,
            "bytes": present.bytes if present else 0,
            "commitments": self._committer.counts(),
            "identity": self._unlocking.snapshot(),
            "destinations": {
                name: queue.snapshot(counts.get(name, Queue())) | self._provers.snapshot(name)
                for name, queue in self._destinations.queues.items()
            },
            "left": left(counts, self._destinations.queues),
            "stuck": self._stuck,
            **self._links.snapshot(),
            **self.reloading.snapshot(),
        }


def _keyring(vault: Vault) -> Keyring:
    """What the identities of the configuration open, if they are not to come later."""
    lockable = vault.identity == "unlock"
    texts = read_secrets(vault.identity) if vault.identity and not lockable else []
    return Keyring(vault.recipients, [parse_identity(text) for text in texts], lockable=lockable)
