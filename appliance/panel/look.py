"""Looks at what no program tells: the medium, the machine, the clock, the certificates. Reads, changes nothing, and
never waits for a network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from appliance.base.errors import ApplianceError, CryptoError
from appliance.config.model import Config
from appliance.host.certificate_facts import read_certificates
from appliance.host.clock import synchronised
from appliance.host.issued_register import Register
from appliance.host.revocation import read_revocations
from appliance.panel.health.facts import CertificateEnd, Facts, ListEnd, Machine
from appliance.panel.machine import look_at_machine
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.layout import StateLayout
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.space import Room, Space

_LONGEST = 4 << 20  # bytes of a file of certificates; Debian's bundle of public CAs has 0.2 MiB


class Look:
    """The surroundings of one configuration. Certificates are read again when their files change."""

    def __init__(self, config: Config, spool: Path) -> None:
        """`spool` is the directory below state_dir that we may write, if it is there: what a unit shows us read-only
        says nothing about the medium."""
        self._config = config
        self._spool = spool
        self._medium = Medium()
        self._mount = DeclaredMount(config.appliance.state_dir)
        self._stood = False
        self._read: dict[Path, tuple[tuple[int, int, int], float | None, str, bool]] = {}
        self.room: Room | None = None
        self.room_error = ""
        self.lost = self.lost_fix = ""
        self.machine = Machine()
        self.clock_set = True
        self.certificates: tuple[CertificateEnd, ...] = ()
        self.devices: tuple[CertificateEnd, ...] = ()
        self._devices_as_of: tuple[object, ...] | None = None
        self.lists: tuple[ListEnd, ...] = ()
        self._lists_as_of: tuple[int, int, int] | None = None

    @property
    def mounted(self) -> bool:
        """Whether the disk that the machine declares for the state directory is there."""
        return self._mount.objection() is None

    def again(self) -> None:
        """Look at everything anew."""
        where = self._spool if self._spool.is_dir() else self._config.appliance.state_dir
        try:
            self.room, self.room_error = Space(where, self._config.vault.min_free).room(), ""
        except ApplianceError as error:
            self.room, self.room_error = None, error.message
        self.lost = self._lost(where)
        self.machine = look_at_machine(self._config.appliance.state_dir)
        self.clock_set = synchronised()
        self.certificates = tuple(self._end(place, path) for place, path in named(self._config))
        self.lists = self._of_lists()
        self.devices = self._of_devices()

    def facts(
        self, status: Mapping[str, Any], now: float, *, own: Mapping[str, Any], exporter: Mapping[str, Any] | None
    ) -> Facts:
        """What was seen last, with what the programs say, and what the panel says of its `own` configuration."""
        return Facts(
            now=now,
            programs=status["programs"],
            alerts=status["alerts"]["latest"],
            room=self.room,
            room_error=self.room_error,
            lost=self.lost,
            lost_fix=self.lost_fix,
            machine=self.machine,
            clock_set=self.clock_set,
            certificates=self.certificates,
            lists=self.lists,
            devices=self.devices,
            own=own,
            exporter=exporter,
        )

    def _lost(self, where: Path) -> str:
        """Why the medium takes nothing, though it may tell its free space; "" where it is as it should be."""
        missing = self._mount.objection()
        self.lost_fix = (
            "Mount it; everything goes on by itself. Is the disk plugged in, and well (dmesg)?" if missing else ""
        )
        if missing:
            return missing.message
        incoming = StateLayout(self._config.appliance.state_dir).incoming
        try:
            self._medium.check_alive(where)
            there = self._medium.exists(incoming)
        except DiskRefused as refusal:
            return "" if refusal.condition is Condition.DENIED else refusal.message
        self._stood = self._stood or there  # who starts first sees an empty one
        return "" if there or not self._stood else "what was there is gone, as if it were not mounted"

    def _of_devices(self) -> tuple[CertificateEnd, ...]:
        """What the built-in CA gave out, where there is one: read again where something was added, or revoked."""
        authority, crl = self._config.receive.client_ca, self._config.receive.client_crl
        if authority is None:
            return ()
        register = Register(authority, crl)
        as_of = tuple(_signature(each) if each else None for each in (register.directory, authority, crl))
        if as_of != self._devices_as_of:
            try:
                self.devices = tuple(
                    CertificateEnd(device, str(register.directory), each.facts.not_after.timestamp())
                    for device, each in register.in_use().items()
                )
            except (OSError, ApplianceError):  # a list that cannot be read is a finding of its own
                self.devices = ()
            self._devices_as_of = as_of
        return self.devices

    def _of_lists(self) -> tuple[ListEnd, ...]:
        """Read where they changed: a hospital's may name many thousands."""
        path = self._config.receive.client_crl
        signature = _signature(path) if path else None
        if signature is None or signature != self._lists_as_of:
            self._lists_as_of, self.lists = signature, tuple(lists(self._config))
        return self.lists

    def _end(self, place: str, path: Path) -> CertificateEnd:
        if (signature := _signature(path)) is None:
            return CertificateEnd(place, str(path), *_ends(path))
        known = self._read.get(path)
        if known is None or known[0] != signature:
            known = self._read[path] = (signature, *_ends(path))
        return CertificateEnd(place, str(path), *known[1:])


def named(config: Config) -> Iterator[tuple[str, Path]]:
    """Where the configuration names certificates, ours and those of CAs."""
    receive = config.receive
    if receive.listen:
        yield from _some(("receive.certificate", receive.certificate), ("receive.client_ca", receive.client_ca))
    for each in config.destination:
        name = f'destination "{each.name}"'
        yield from _some((f"{name}.certificate", getattr(each, "certificate", None)), (f"{name}.ca", each.ca))
    for peer in config.peer:
        if report := peer.commitment:
            name = f'peer "{peer.name}".commitment'
            yield from _some((f"{name}.certificate", report.certificate), (f"{name}.ca", report.ca))
    if config.alerts:
        yield from _some(("alerts.certificate", config.alerts.certificate), ("alerts.ca", config.alerts.ca))


def lists(config: Config) -> Iterator[ListEnd]:
    """The revocation lists that `receive` asks: of each CA the newest, as OpenSSL takes it."""
    receive = config.receive
    if not receive.listen or receive.client_crl is None:
        return
    place, path = "receive.client_crl", receive.client_crl
    try:
        found = read_revocations(_content(path))
    except (OSError, CryptoError) as error:
        why = (error.strerror or "no answer") if isinstance(error, OSError) else error.message
        yield ListEnd(place, str(path), error=why)
        return
    for each in {each.issuer: each for each in sorted(found, key=lambda one: one.last_update)}.values():
        ends = each.next_update.timestamp() if each.next_update else None
        yield ListEnd(place, str(path), each.issuer, each.last_update.timestamp(), ends)


def _some(*pairs: tuple[str, Path | None]) -> Iterator[tuple[str, Path]]:
    yield from ((place, path) for place, path in pairs if path is not None)


def _ends(path: Path) -> tuple[float | None, str, bool]:
    """When the first certificate of a file ends; of a file of CAs, the last of them: one that is valid is enough. Where
    the built-in CA leads it, that one, for it signs; the third value says so."""
    try:
        certificates = read_certificates(_content(path))
    except (OSError, CryptoError) as error:
        return None, (error.strerror or "no answer") if isinstance(error, OSError) else error.message, False
    authorities = [each.not_after.timestamp() for each in certificates if each.authority]
    leads = certificates[0]
    alone = leads.built_in or not leads.authority
    return (leads.not_after.timestamp() if alone else max(authorities)), "", leads.built_in


def _signature(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _content(path: Path) -> bytes:
    """Never waits: opening a FIFO would."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LONGEST)
