"""The inventory: who speaks DICOM to whom, how, and since when; and what changed in that. Bounded; no patient data.

It learns from the same observations that rules judge. What is new counts as a change only when the inventory, or the
device, is known long enough (`SENSOR_LEARN`). Entries that never led to an accepted association make room first, so
that nobody pushes the real ones out with invented names.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

from appliance.base import limits
from appliance.base.text import wash
from appliance.config.values import Address
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import C_STORE
from appliance.inspection.developments import Change, Changed
from appliance.inspection.flow import DICOM_PORTS, Flow, endpoints
from appliance.inspection.inventory_entries import Device, Host, Talk, TlsServer, note
from appliance.inspection.inventory_table import Table
from appliance.inspection.ja4 import ja4
from appliance.inspection.link_observations import (
    ConfigurationOffered,
    HostAppeared,
    OfferedAnew,
    SwitchAppeared,
    SwitchPresent,
)
from appliance.inspection.observations import (
    AssociationAnswered,
    AssociationRequested,
    CertificateSeen,
    CommandSeen,
    HelloSeen,
)
from appliance.inspection.registry import Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.roles import service
from appliance.inspection.tcp_stack import described
from appliance.inspection.tls_hello import CLIENT_HELLO, Hello

FORMAT = 1
_TLS_1_3 = 0x0304
_PASSING = frozenset((21, 41, 42, 44))  # padding, pre_shared_key, early_data, cookie
_UNCOMPRESSED = frozenset((b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2"))
_SURGE = 4  # times the busiest hour
_RENEWED = 45 * 86400.0  # seconds before its end in which a certificate is renewed
_IN_USE = 3600.0  # seconds for which a title counts as in use where it called
_DAYS = 14  # on which a device associated, before its hours are known
_HOURS = 24  # in which something was stored, before a surge is told


class Inventory:
    """See the head of this file. `revision` grows with what is worth storing."""

    def __init__(self) -> None:
        self.began = 0.0  # when it learned its first thing
        self.revision = 0
        self.talks: Table[Talk] = Table()
        self.devices: Table[Device] = Table()
        self.servers: Table[TlsServer] = Table()
        self.hosts: Table[Host] = Table()
        self._places: OrderedDict[str, tuple[str, float]] = OrderedDict()  # where a title called from last, and when
        self._pairs: OrderedDict[tuple[str, str, int], None] = OrderedDict()  # of which an association was accepted
        self._takers: dict[type, Callable[[Any, Registry, float], Iterator[object]]] = {
            AssociationRequested: self._requested,
            AssociationAnswered: self._answered,
            CommandSeen: self._command,
            HelloSeen: self._hello,
            CertificateSeen: self._certificate,
            ConfigurationOffered: self._offered,
            SwitchPresent: self._present,
        }
        self.sees = frozenset(self._takers)

    def take(self, seen: object, registry: Registry, now: float) -> Iterator[object]:
        """Learn from an observation. Gives what is not as it was."""
        taker = self._takers.get(type(seen))
        if taker is not None:
            self.began = self.began or now
            yield from taker(seen, registry, now)

    # Learning.

    def _requested(self, seen: AssociationRequested, registry: Registry, now: float) -> Iterator[object]:
        talk = self._talk(seen.flow, seen.request, now)
        talk.associations += 1
        talk.implementation = wash(seen.request.implementation_version.strip(b"\0 "), 16)
        self.talks.put(talk, proven=False)
        return iter(())

    def _answered(self, seen: AssociationAnswered, registry: Registry, now: float) -> Iterator[object]:
        if seen.request is None:
            return
        talk = self._talk(seen.flow, seen.request, now)
        if seen.accept is None:
            talk.rejected += 1
            return
        talk.accepted += 1
        self.revision += talk.accepted == 1
        if self._new_pair(talk) and self._learned(now):
            yield Changed(Change.PAIR, seen.flow, "", f"{talk.client} to {talk.server} port {talk.port}")
        self.talks.put(talk, proven=True)
        yield from self._second_place(talk, seen.flow, now)
        device = self._device(talk.client, talk.calling, now)
        mark, shown_as = _fingerprint(seen.request), talk.implementation
        yield from self._compare(device, device.prints, mark, Change.SOFTWARE, seen.flow, now, shown_as)
        yield from self._system(device, seen.flow, now)
        yield from self._hour(device, seen.flow, now)
        yield from self._mac(device, seen.flow, now)
        for context in seen.accept.contexts:
            for syntax in context.transfer_syntaxes if context.result == 0 else ():
                syntax = syntax.rstrip(b"\0 ")
                named = shown.sop_class(syntax)
                if syntax not in _UNCOMPRESSED and named != "private" and note(device.syntaxes, named):
                    self.revision += 1
                    if now - device.first > limits.SENSOR_LEARN.default:
                        yield Changed(Change.SYNTAX, seen.flow, "", named)

    def _command(self, seen: CommandSeen, registry: Registry, now: float) -> Iterator[object]:
        if seen.request is None or seen.command.is_response or seen.command.command_field is None:
            return
        memo = seen.flow.memo
        if memo is None:
            talk = self._talk(seen.flow, seen.request, now)
            memo = seen.flow.memo = talk, self._device(talk.client, talk.calling, now), [0]
        talk, device, _ = memo
        talk.last = device.last = now
        who = "" if seen.from_client else " of the server"
        new = note(talk.services, seen.command.name.removesuffix("-RQ") + who)
        if seen.from_client:
            new |= note(talk.asks, service(seen.command))
        sop_class = shown.sop_class(seen.command.sop_class)
        if sop_class != "private" and seen.from_client:
            new |= note(talk.sop_classes, sop_class, 64)
        self.revision += new
        if seen.command.command_field == C_STORE and seen.from_client:
            talk.stored += 1
            yield from self._count(device, seen.flow, now)

    def _second_place(self, talk: Talk, flow: Flow, now: float) -> Iterator[object]:
        """A title that is in use calls from an address that is new to it."""
        client, last = self._places.get(talk.calling, (talk.client, 0.0))
        self._placed(talk.calling, talk.client, now)
        elsewhere = client != talk.client and 0 <= now - last < _IN_USE
        if elsewhere and self._learned(now) and self.devices.get((talk.client, talk.calling)) is None:
            yield Changed(Change.PLACE, flow, client, talk.client, talk.calling)

    def _placed(self, calling: str, client: str, now: float) -> None:
        if now < self._places.get(calling, ("", 0.0))[1]:
            return
        self._places[calling] = client, now
        self._places.move_to_end(calling)
        if len(self._places) > limits.SENSOR_INVENTORY.default:
            self._places.popitem(last=False)

    def _hour(self, device: Device, flow: Flow, now: float) -> Iterator[object]:
        """The hours of the day at which a device works, once it was seen on so many days."""
        day, hour = int(now // 86400), int(now // 3600) % 24
        if day != device.day:
            device.day, device.days = day, device.days + 1
            self.revision += 1
        near = 1 << hour | 1 << (hour + 1) % 24 | 1 << (hour - 1) % 24
        if device.days > _DAYS and not device.at_work & near:
            yield Changed(Change.HOUR, flow, f"{device.days - 1} days", f"{hour:02}:00 UTC", device.calling)
        device.at_work |= 1 << hour

    def _mac(self, device: Device, flow: Flow, now: float) -> Iterator[object]:
        """A device of this link calls from an Ethernet address that never announced its address, while another does."""
        mac = flow.macs[6:12].hex(":")
        if not note(device.macs, mac, 8):
            return
        self.revision += 1
        host = self.hosts.get(mac)
        if (host is not None and device.client in host.addresses) or now - device.first <= limits.SENSOR_LEARN.default:
            return
        owners = [each.mac for each in self.hosts if device.client in each.addresses]
        if owners:
            yield Changed(Change.MAC, flow, owners[-1], mac)

    def _count(self, device: Device, flow: Flow, now: float) -> Iterator[object]:
        """Instances and bytes in an hour, beside the busiest hour before."""
        hour = int(now // 3600)
        if hour != device.hour:
            device.busiest = max(device.busiest, device.in_hour)
            device.most_bytes = max(device.most_bytes, device.bytes_in_hour)
            device.hours += bool(device.in_hour)
            device.hour, device.in_hour, device.bytes_in_hour = hour, 0, 0
        device.in_hour += 1
        if flow.memo is not None:
            (sent,), position = flow.memo[2], flow.client.position
            flow.memo[2][0] = position
            before, device.bytes_in_hour = device.bytes_in_hour, device.bytes_in_hour + max(0, position - sent)
            most = max(_SURGE * device.most_bytes, limits.SENSOR_SURGE_BYTES.default)
            if before < most <= device.bytes_in_hour and device.hours >= _HOURS:
                words = (
                    f"{device.most_bytes >> 30} GiB in the busiest hour",
                    f"{device.bytes_in_hour >> 30} GiB in this hour",
                )
                yield Changed(Change.SURGE, flow, *words)
        threshold = max(_SURGE * device.busiest, limits.SENSOR_SURGE.default)
        if device.in_hour == threshold and device.hours >= _HOURS:
            yield Changed(Change.SURGE, flow, f"{device.busiest} in the busiest hour", f"{device.in_hour} in this hour")

    def _hello(self, seen: HelloSeen, registry: Registry, now: float) -> Iterator[object]:
        client, _, server, port = endpoints(seen.flow.key)
        if port not in DICOM_PORTS and registry.server(server, port) is None:
            return
        if seen.hello.kind == CLIENT_HELLO:
            if seen.flow.associated:
                return
            talk = self._talk(seen.flow, None, now)
            talk.associations += 1
            self.talks.put(talk, proven=False)
            return
        talk = self._talk(seen.flow, None, now)
        talk.accepted += 1
        talk.tls_version = seen.hello.version
        self.revision += talk.accepted == 1
        if self._new_pair(talk) and self._learned(now):
            yield Changed(Change.PAIR, seen.flow, "", f"{talk.client} to {talk.server} port {talk.port}, TLS")
        self.talks.put(talk, proven=True)
        if seen.offered is not None and not seen.hello.retry:
            device = self._device(str(client), "", now)
            yield from self._compare(device, device.prints, _stack(seen.offered), Change.TLS_STACK, seen.flow, now)
            yield from self._system(device, seen.flow, now)
            yield from self._version(str(server), port, seen.hello, seen.offered, seen.flow, now)

    def _version(
        self, server: str, port: int, hello: Hello, offered: Hello, flow: Flow, now: float
    ) -> Iterator[object]:
        known, chosen = self._server(server, port, now), hello.versions[0]
        if known.best >= _TLS_1_3 > chosen and _TLS_1_3 in offered.versions:
            yield Changed(Change.TLS_VERSION, flow, "TLS 1.3", hello.version)
        if chosen > known.best:
            known.best = chosen
            self.revision += 1

    def _certificate(self, seen: CertificateSeen, registry: Registry, now: float) -> Iterator[object]:
        _, _, server, port = endpoints(seen.flow.key)
        relevant = port in DICOM_PORTS or registry.server(server, port) is not None
        if seen.facts is None or seen.from_client or not relevant:
            return
        known = self._server(str(server), port, now)
        before, issuer = known.certificates[-1:], hashlib.blake2b(seen.facts.issuer.encode(), digest_size=8).hexdigest()
        if note(known.certificates, seen.facts.sha256):
            self.revision += 1
            due = issuer == known.issuer and now > known.ends - _RENEWED
            known.issuer, known.ends = issuer, max(0.0, seen.facts.not_after.timestamp())
            if before and now - known.first > limits.SENSOR_LEARN.default:
                change = Change.RENEWAL if due else Change.CERTIFICATE
                yield Changed(change, seen.flow, before[0][:16], seen.facts.sha256[:16])

    def _offered(self, seen: ConfigurationOffered, registry: Registry, now: float) -> Iterator[object]:
        said = f"{seen.how} {seen.server}"
        host = self.hosts.get(seen.mac) or Host(seen.mac, now, now)
        host.last = now
        if said not in host.offers:
            same = {each for other in self.hosts for each in other.offers if each.startswith(seen.how)}
            others = tuple(sorted(each.removeprefix(seen.how).strip() for each in same if each != said))
            note(host.offers, said, 8)
            self.revision += 1
            if said not in same:
                yield OfferedAnew(seen.server, seen.mac, seen.how, others, self._learned(now))
        self.hosts.put(host, proven=True)

    def _present(self, seen: SwitchPresent, registry: Registry, now: float) -> Iterator[object]:
        host = self.hosts.get(seen.mac) or Host(seen.mac, now, now)
        host.last = now
        if note(host.offers, seen.how, 8):
            self.revision += 1
            if self._learned(now):
                yield SwitchAppeared(seen.mac, seen.how)
        self.hosts.put(host, proven=True)

    def announced(self, mac: str, address: Address, now: float) -> Iterator[object]:
        """A host announced an address."""
        self.began = self.began or now
        host = self.hosts.get(mac)
        if host is None:
            host = Host(mac, now, now)
            self.revision += 1
            if self._learned(now):
                yield HostAppeared(mac, address)
        host.last = now
        if note(host.addresses, str(address), 8):
            self.revision += 1
        self.hosts.put(host, proven=bool(host.offers))

    def _compare(
        self, device: Device, known: list[str], mark: str, change: Change, flow: Flow, now: float, name: str = ""
    ) -> Iterator[object]:
        before = known[-1:]
        if note(known, mark, 8):
            self.revision += 1
            if before and now - device.first > limits.SENSOR_LEARN.default:
                yield Changed(change, flow, before[0], f"{mark} {name}".strip())

    def _system(self, device: Device, flow: Flow, now: float) -> Iterator[object]:
        """The system below the software: who takes a device's name, address and software may still run on another."""
        if flow.stack:
            yield from self._compare(device, device.stacks, described(flow.stack), Change.TCP_STACK, flow, now)

    def recall(self, earlier: Self) -> None:
        """Take in what was known before we began, where that comes late: an entry of then stands, or a change since
        would not be one."""
        self.began = min((each for each in (self.began, earlier.began) if each), default=0.0)
        for name in _KINDS:
            since, known = getattr(self, name), getattr(earlier, name)
            for entry in since:
                if known.get(entry.key) is None:
                    known.put(entry, proven=bool(getattr(entry, "accepted", 0)))
            setattr(self, name, known)
        self.revision += 1

    # Entries.

    def _learned(self, now: float) -> bool:
        return now - self.began > limits.SENSOR_LEARN.default

    def _new_pair(self, talk: Talk) -> bool:
        """Whether nobody of the client's was accepted there before. Of as many pairs as there are entries."""
        pair = talk.key[:3]
        new = pair not in self._pairs
        self._pairs[pair] = None
        self._pairs.move_to_end(pair)
        if len(self._pairs) > limits.SENSOR_INVENTORY.default:
            self._pairs.popitem(last=False)
        return new

    def _talk(self, flow: Flow, request: Associate | None, now: float) -> Talk:
        client, _, server, port = endpoints(flow.key)
        calling = wash(request.calling.strip(b"\0 ")) if request else ""
        called = wash(request.called.strip(b"\0 ")) if request else ""
        talk = self.talks.get((str(client), str(server), port, calling, called))
        if talk is None:
            talk = Talk(str(client), str(server), port, calling, called, request is None, now)
            self.talks.put(talk, proven=False)
        talk.last = now
        return talk

    def _device(self, client: str, calling: str, now: float) -> Device:
        device = self.devices.get((client, calling)) or Device(client, calling, now)
        device.last = now
        self.devices.put(device, proven=False)
        return device

    def _server(self, server: str, port: int, now: float) -> TlsServer:
        known = self.servers.get((server, port)) or TlsServer(server, port, now)
        known.last = now
        self.servers.put(known, proven=False)
        return known

    # The stored form.

    def tables(self) -> dict[str, list[Any]]:
        """The entries of each kind, as they are now: taken at once, so that another thread may write them down."""
        return {name: list(getattr(self, name)) for name in _KINDS}

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return stored_form(self.began, self.tables())

    @classmethod
    def of(cls, stored: Any) -> Self:
        """From its stored form. Entries that are none are left out. ValueError where it is no inventory at all."""
        inventory = cls()
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ValueError("not an inventory of this version")
        began = stored.get("began")
        inventory.began = float(began) if isinstance(began, int | float) and 0 <= began < 1e11 else 0.0
        for name, kind in _KINDS.items():
            listed = stored.get(name)
            for each in listed if isinstance(listed, list) else ():
                try:
                    entry = kind.of(each)
                except (ValueError, TypeError, KeyError):
                    continue
                getattr(inventory, name).put(
                    entry, proven=bool(getattr(entry, "accepted", 0) or getattr(entry, "offers", ()))
                )
                if isinstance(entry, Talk) and entry.accepted:
                    inventory._new_pair(entry)
                elif isinstance(entry, Device):
                    inventory._placed(entry.calling, entry.client, entry.last)
        return inventory


_KINDS: dict[str, type[Talk | Device | TlsServer | Host]] = {
    "talks": Talk,
    "devices": Device,
    "servers": TlsServer,
    "hosts": Host,
}


def stored_form(began: float, tables: dict[str, list[Any]]) -> dict[str, Any]:
    """An inventory as JSON has it."""
    listed = {name: [each.as_dict() for each in entries] for name, entries in tables.items()}
    return {"format": FORMAT, "began": began, **listed}


def _stack(hello: Hello) -> str:
    """JA4 without what depends on the connection: whether it is resumed (RFC 8446 4.2.11), asked again, or padded."""
    lasting = tuple(each for each in hello.extensions if each not in _PASSING)
    return ja4(replace(hello, extensions=lasting))


def _fingerprint(request: Associate) -> str:
    said = (request.implementation_class, request.implementation_version, str(request.max_length).encode())
    return hashlib.blake2b(b"|".join(said), digest_size=6).hexdigest()
