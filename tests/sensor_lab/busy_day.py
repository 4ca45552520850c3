"""A day of a radiology department as frames: thousands of associations of devices that behave, each in its own way.

Owns the department and what its devices say; it is made from a seed and compressed into no time. Devices differ in what
they announce, how they cut segments and PDUs, and in what goes wrong on an honest network: segments come twice or in
another order, servers are busy for a moment, users abort, power fails, an entry is missing somewhere. `everyday.py` has
what goes on beside them. Nothing of that is anybody's attack.
"""

from __future__ import annotations

import random
import struct
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from operator import itemgetter

from appliance.config.model import Config
from appliance.inspection.engine import Packet
from appliance.inspection.registry import Registry, Surroundings
from tests.inspection import wire
from tests.inspection.handshake import certificate, talk
from tests.inspection.test_engine import Tape
from tests.inspection.wire import ACK, PSH, command, p_data, pdv
from tests.sensor_lab import everyday

OWN, PACS, RIS = "10.20.0.2", "10.20.0.3", "10.20.0.5"
MODALITIES, STATIONS = 24, 6
MIDNIGHT = 1_699_920_000.0
WORKLIST, MPPS = b"1.2.840.10008.5.1.4.31", b"1.2.840.10008.3.1.2.3.3"
FIND, MOVE, COMMIT = b"1.2.840.10008.5.1.4.1.2.2.1", b"1.2.840.10008.5.1.4.1.2.2.2", b"1.2.840.10008.1.20.1"
HANGING = b"1.2.840.10008.5.1.4.38.2"
_STUDY = struct.pack("<HHI", 8, 0x52, 6) + b"STUDY " + struct.pack("<HHI", 16, 32, 6) + b"7Q1234"
_DATA = struct.pack("<HHI", 8, 0x60, 2)
_KINDS = {b"CT": b"2", b"MR": b"4", b"CR": b"1", b"US": b"6.1"}


@dataclass(frozen=True, slots=True)
class Device:
    """A modality or a workstation, and its habits."""

    title: bytes
    address: str
    kind: bytes
    vendor: bytes
    max_length: int
    mss: int
    tls: bool


def devices(dice: random.Random) -> list[Device]:
    """The modalities of the department."""
    made = []
    for number in range(MODALITIES):
        kind = dice.choice(sorted(_KINDS))
        maximum, mss = dice.choice((0, 16384, 28672, 65536, 131072)), dice.choice((536, 1380, 1448, 1460, 8948))
        made.append(
            Device(
                b"%s%02d" % (kind, number),
                f"10.20.1.{number + 1}",
                kind,
                b"VENDOR_%d" % dice.randrange(9),
                maximum,
                mss,
                number % 4 == 3,
            )
        )
    return made


def registry(known: list[Device]) -> Registry:
    """As an admin would have written it down."""
    peers = "".join(
        f'[[peer]]\nname = "{each.title.decode()}"\nae_titles = ["{each.title.decode()}"]\n'
        f'addresses = ["{each.address}"]\n'
        f'tls = "{"required" if each.tls else "allowed"}"\n'
        for each in known
    )
    stations = ", ".join(f'"WS{number}"' for number in range(STATIONS))
    text = f"""
[appliance]
ae_title = "EDGE01"
[receive]
listen = ["{OWN}:2762"]
listen_plain = ["{OWN}:104"]
certificate = "/c"
key = "/k"
client_ca = "/a"
{peers}
[vault]
recipients = ["age1{"q" * 58}"]
[[destination]]
name = "pacs"
kind = "dimse"
address = "{PACS}:104"
ae_title = "PACS"
tls = "never"
proof = "commitment"
[sensor]
interface = "eth1"
local = ["10.20.0.0/16"]
moving = ["10.20.0.9"]
[[sensor.server]]
name = "RIS"
addresses = ["{RIS}"]
ae_titles = ["RIS"]
ports = [104]
[[sensor.server]]
name = "Stations"
addresses = ["10.20.2.0/24"]
ae_titles = [{stations}]
ports = [11112]
[[sensor.server]]
name = "Modalities"
addresses = ["10.20.1.0/24"]
ae_titles = [{", ".join(f'"{each.title.decode()}"' for each in known)}]
ports = [104]
[[sensor.server]]
name = "Monitor"
addresses = ["10.20.0.8"]
ae_titles = ["MONITOR"]
asks = ["echo"]
"""
    return Registry.build(Config.model_validate(tomllib.loads(text)), Surroundings(frozenset({ip_address(OWN)})))


class _Day:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.known = devices(self.dice)
        self._ports = 32768

    def conversation(self, client: str, server: str, port: int, mss: int, now: float) -> wire.Wire:
        self._ports = 32768 + (self._ports + 1 - 32768) % 28000
        isn = self.dice.randrange(1 << 32), self.dice.randrange(1 << 32)
        made = wire.Wire(Tape(), client, server, port, self._ports, now, *isn, mss=mss)  # type: ignore[arg-type]
        return made.open()

    def say(self, said: wire.Wire, from_client: bool, data: bytes) -> None:
        """In segments; now and then one comes twice, or two change places."""
        pieces = [(at, data[at : at + said.mss]) for at in range(0, len(data), said.mss)]
        if len(pieces) > 2 and self.dice.random() < 0.05:
            where = self.dice.randrange(len(pieces) - 1)
            pieces[where], pieces[where + 1] = pieces[where + 1], pieces[where]
        begin = said.next[from_client]
        for at, piece in pieces:
            said.now += self.dice.choice((0.0001, 0.0003, 0.002))
            said.raw(from_client, begin + at, ACK | PSH, piece)
            if self.dice.random() < 0.004:
                said.raw(from_client, begin + at, ACK | PSH, piece)
        said.lose(from_client, len(data))
        if self.dice.random() < 0.3:
            said.raw(not from_client, said.next[not from_client], ACK)

    def associate(self, said: wire.Wire, device: Device, called: bytes, classes: tuple[bytes, ...]) -> int:
        """The association; gives the maximum length of the server."""
        contexts = tuple((2 * number + 1, each) for number, each in enumerate(classes))
        names = {"called": called, "calling": device.title, "contexts": contexts}
        self.say(said, True, wire.associate(max_length=device.max_length, version_name=device.vendor, **names))  # type: ignore[arg-type]
        maximum = 16384 if called != b"EDGE01" else 131072
        self.say(said, False, wire.associate(2, max_length=maximum, **names))  # type: ignore[arg-type]
        return maximum

    def end(self, said: wire.Wire) -> list[Packet]:
        if self.dice.random() < 0.02:
            self.say(said, True, wire.pdu(7, bytes(4)))
        else:
            self.say(said, True, wire.RELEASE_RQ)
            self.say(said, False, wire.RELEASE_RP)
        said.close()
        return said.engine.packets  # type: ignore[attr-defined,no-any-return]

    def evening_before(self, acts: list[Callable[[Device, float], list[Packet]]]) -> list[Packet]:
        """Two days earlier every device did all that it does, so that the sensor knows them."""
        packets = []
        for number, device in enumerate(self.known):
            for each, act in enumerate([self.over_tls] if device.tls else dict.fromkeys(acts)):
                packets += act(device, MIDNIGHT - 2 * 86400 + number * 60 + each * 600)
        packets += self.monitored(MIDNIGHT - 2 * 86400)
        packets += everyday.leases(MIDNIGHT - 2 * 86400, MIDNIGHT - 2 * 86400 + 1800)
        packets += everyday.switches(MIDNIGHT - 2 * 86400, MIDNIGHT - 2 * 86400 + 900)
        return sorted(packets, key=itemgetter(0))

    # What devices do.

    def echo(
        self, device: Device, now: float, server: str = OWN, called: bytes = b"EDGE01", port: int = 104
    ) -> list[Packet]:
        said = self.conversation(device.address, server, port, device.mss, now)
        self.associate(said, device, called, (wire.VERIFICATION,))
        self.say(said, True, p_data(pdv(1, 3, command(0x30, sop_class=wire.VERIFICATION))))
        self.say(said, False, p_data(pdv(1, 3, command(0x8030, sop_class=wire.VERIFICATION, more=_status(0)))))
        return self.end(said)

    def store(
        self, device: Device, now: float, server: str = OWN, called: bytes = b"EDGE01", port: int = 104
    ) -> list[Packet]:
        said = self.conversation(device.address, server, port, device.mss, now)
        sop_class = b"1.2.840.10008.5.1.4.1.1." + _KINDS[device.kind]
        maximum = self.associate(said, device, called, (sop_class, wire.VERIFICATION))
        longest = self.dice.choice((4096, 16384, maximum))
        pipelined = self.dice.random() < 0.1
        waiting = b""
        for _ in range(self.dice.choice((1, 1, 2, 3, 5))):
            uid = struct.pack("<HHI", 0, 0x1000, 8) + b"1.2.3.%d\0" % self.dice.randrange(10)
            out = p_data(pdv(1, 3, command(1, True, sop_class, uid)))
            data = _DATA + device.kind + self.dice.randbytes(self.dice.randrange(200, 9000) & ~1)
            for at in range(0, len(data), longest - 6):
                out += p_data(pdv(1, 2 * (at + longest - 6 >= len(data)), data[at : at + longest - 6]))
            if pipelined:
                waiting += out
                continue
            self.say(said, True, out)
            said.now += 0.02
            self.say(said, False, _answer(1, 1, sop_class, self.dice.choice((0, 0, 0, 0, 0xB000))))
        if waiting:
            self.say(said, True, waiting)
            self.say(said, False, _answer(1, 1, sop_class, 0))
        return self.end(said)

    def worklist(self, device: Device, now: float) -> list[Packet]:
        said = self.conversation(device.address, RIS, 104, device.mss, now)
        self.associate(said, device, b"RIS", (WORKLIST, MPPS))
        self.say(
            said, True, p_data(pdv(1, 3, command(0x20, True, WORKLIST)), pdv(1, 2, struct.pack("<HHI", 16, 16, 0)))
        )
        for _ in range(self.dice.randrange(12)):
            self.say(said, False, _answer(1, 0x20, WORKLIST, 0xFF00, True) + p_data(pdv(1, 2, _STUDY)))
        self.say(said, False, _answer(1, 0x20, WORKLIST, 0))
        self.say(said, True, p_data(pdv(3, 3, command(0x140, True, MPPS)), pdv(3, 2, _STUDY)))
        self.say(said, False, _answer(3, 0x140, MPPS, 0))
        return self.end(said)

    def read(self, device: Device, now: float) -> list[Packet]:
        """A workstation searches the archive."""
        station = self.station()
        said = self.conversation(station.address, PACS, 104, 1448, now)
        self.associate(said, station, b"PACS", (FIND,))
        self.say(said, True, p_data(pdv(1, 3, command(0x20, True, FIND)), pdv(1, 2, _STUDY)))
        for _ in range(self.dice.randrange(20)):
            self.say(said, False, _answer(1, 0x20, FIND, 0xFF00, True) + p_data(pdv(1, 2, _STUDY)))
        self.say(said, False, _answer(1, 0x20, FIND, 0))
        return self.end(said)

    def fan_out(self, device: Device, now: float) -> list[Packet]:
        """The appliance delivers upstream."""
        own = Device(b"EDGE01", OWN, device.kind, b"EDGE_1", 0, 1448, False)
        return self.store(own, now, PACS, b"PACS")

    def move(self, device: Device, now: float) -> list[Packet]:
        """A workstation has a study moved to itself: the archive calls it."""
        station = self.station()
        said = self.conversation(station.address, PACS, 104, 1448, now)
        self.associate(said, station, b"PACS", (MOVE,))
        where = struct.pack("<HHI", 0, 0x0600, 4) + station.title.ljust(4)
        self.say(said, True, p_data(pdv(1, 3, command(0x21, True, MOVE, between=where)), pdv(1, 2, _STUDY)))
        archive = Device(b"PACS", PACS, device.kind, b"ARCHIVE_9", 16384, 1448, False)
        brought = self.store(archive, said.now + 0.01, station.address, station.title, 11112)
        said.now = brought[-1][0] + 0.01
        self.say(said, False, _answer(1, 0x21, MOVE, 0xFF00) + _answer(1, 0x21, MOVE, 0))
        return [*self.end(said), *brought]

    def commit(self, device: Device, now: float) -> list[Packet]:
        """A modality asks the archive to commit itself; the archive reports over an association of its own."""
        said = self.conversation(device.address, PACS, 104, device.mss, now)
        self.associate(said, device, b"PACS", (COMMIT,))
        self.say(said, True, p_data(pdv(1, 3, command(0x130, True, COMMIT)), pdv(1, 2, _STUDY)))
        self.say(said, False, _answer(1, 0x130, COMMIT, 0))
        return [*self.end(said), *self.report(device.address, device.title, now + 20)]

    def delivered(self, device: Device, now: float) -> list[Packet]:
        """The appliance asks the archive to commit itself to what it delivered, and is called back."""
        own = Device(b"EDGE01", OWN, device.kind, b"EDGE_1", 0, 1448, False)
        said = self.conversation(OWN, PACS, 104, 1448, now)
        self.associate(said, own, b"PACS", (COMMIT,))
        self.say(said, True, p_data(pdv(1, 3, command(0x130, True, COMMIT)), pdv(1, 2, _STUDY)))
        self.say(said, False, _answer(1, 0x130, COMMIT, 0))
        return [*self.end(said), *self.report(OWN, b"EDGE01", now + 20)]

    def report(self, to: str, title: bytes, now: float) -> list[Packet]:
        archive = Device(b"PACS", PACS, b"CT", b"ARCHIVE_9", 16384, 1448, False)
        said = self.conversation(PACS, to, 104, 1448, now)
        self.associate(said, archive, title, (COMMIT,))
        self.say(said, True, p_data(pdv(1, 3, command(0x100, True, COMMIT)), pdv(1, 2, _STUDY)))
        self.say(said, False, _answer(1, 0x100, COMMIT, 0))
        return self.end(said)

    def browse(self, device: Device, now: float) -> list[Packet]:
        """A workstation keeps an association open and searches again and again; then it asks for hanging protocols."""
        station = self.station()
        said = self.conversation(station.address, PACS, 104, 1448, now)
        self.associate(said, station, b"PACS", (FIND, HANGING))
        for _ in range(6):
            self.say(said, True, p_data(pdv(1, 3, command(0x20, True, FIND)), pdv(1, 2, _STUDY)))
            self.say(said, False, _answer(1, 0x20, FIND, 0xFF00) * 190 + _answer(1, 0x20, FIND, 0))
            said.now += 300
        nothing = struct.pack("<HHI", 8, 0x16, 0)
        self.say(said, True, p_data(pdv(3, 3, command(0x20, True, HANGING)), pdv(3, 2, nothing)))
        self.say(said, False, _answer(3, 0x20, HANGING, 0))
        return self.end(said)

    def power_off(self, device: Device, now: float) -> list[Packet]:
        """A modality loses its power in the middle of an instance, and calls again when it is up."""
        said = self.conversation(device.address, OWN, 104, device.mss, now)
        sop_class = b"1.2.840.10008.5.1.4.1.1." + _KINDS[device.kind]
        self.associate(said, device, b"EDGE01", (sop_class, wire.VERIFICATION))
        self.say(said, True, p_data(pdv(1, 3, command(1, True, sop_class)), pdv(1, 0, _DATA + device.kind)))
        said.now += 120
        said.raw(False, said.next[False], wire.RST | ACK)
        return [*said.engine.packets, *self.echo(device, said.now + 60)]  # type: ignore[attr-defined]

    def refused(self, device: Device, now: float) -> list[Packet]:
        """The archive lost the entry of a modality, which tries every four seconds until somebody comes."""
        packets = []
        for number in range(15):
            said = self.conversation(device.address, PACS, 104, device.mss, now + 4 * number)
            self.say(said, True, self.request(device, b"PACS"))
            self.say(said, False, wire.reject(1, 1, 3))
            packets += said.close().engine.packets  # type: ignore[attr-defined]
        return packets

    def monitored(self, now: float) -> list[Packet]:
        """A vendor's tool verifies every server, every minute of half an hour."""
        tool = Device(b"MONITOR", "10.20.0.8", b"CT", b"MONITOR_1", 16384, 1448, False)
        packets = []
        everybody = [(PACS, b"PACS", 104), (RIS, b"RIS", 104)]
        everybody += [(f"10.20.2.{number + 1}", b"WS%d" % number, 11112) for number in range(STATIONS)]
        for minute in range(30):
            for number, (server, title, port) in enumerate(everybody):
                packets += self.echo(tool, now + minute * 60 + number, server, title, port)
        return packets

    def station(self) -> Device:
        number = self.dice.randrange(STATIONS)
        return Device(b"WS%d" % number, f"10.20.2.{number + 1}", b"CT", b"READER_2", 65536, 1448, False)

    def request(self, device: Device, called: bytes) -> bytes:
        return wire.associate(
            max_length=device.max_length, version_name=device.vendor, called=called, calling=device.title
        )

    def busy(self, device: Device, now: float) -> list[Packet]:
        """A server that has no room for the moment."""
        said = self.conversation(device.address, PACS, 104, device.mss, now)
        self.say(said, True, self.request(device, b"PACS"))
        self.say(said, False, wire.reject(2, 3, 2))
        return said.close().engine.packets  # type: ignore[attr-defined,no-any-return]

    def over_tls(self, device: Device, now: float) -> list[Packet]:
        said = self.conversation(device.address, OWN, 2762, device.mss, now)
        for from_client, data in _handshake():
            self.say(said, from_client, data)
        for _ in range(self.dice.randrange(1, 6)):
            self.say(said, True, b"\x17\x03\x03\x10\x00" + self.dice.randbytes(4096))
            self.say(said, False, b"\x17\x03\x03\x00\x80" + self.dice.randbytes(128))
        return said.close().engine.packets  # type: ignore[attr-defined,no-any-return]


@cache
def _handshake() -> list[tuple[bool, bytes]]:
    return talk(certificate())


def _status(number: int) -> bytes:
    return struct.pack("<HHIH", 0, 0x0900, 2, number)


def _answer(context: int, field: int, sop_class: bytes, status: int, data: bool = False) -> bytes:
    return p_data(pdv(context, 3, command(field | 0x8000, data, sop_class, _status(status))))


def day(associations: int, seed: int) -> tuple[Registry, Iterator[list[Packet]]]:
    """The department's registry, and its day, in the order of time, an hour after the other."""
    made = _Day(seed)
    hours = [1, 1, 1, 1, 1, 2, 6, 12, 16, 16, 16, 14, 10, 14, 16, 16, 12, 8, 4, 3, 2, 2, 1, 1]
    plain: list[Callable[[Device, float], list[Packet]]] = [made.store] * 8 + [made.worklist] * 4 + [made.read] * 3
    plain += [made.fan_out] * 4 + [made.echo, made.move, made.commit, made.delivered]
    rare = [made.busy, made.power_off, made.refused, made.browse]

    machines = [OWN, PACS, RIS, *(each.address for each in made.known), *(f"10.20.2.{n + 1}" for n in range(STATIONS))]
    beside: dict[int, list[Packet]] = defaultdict(list)
    for now, *packet in (
        *everyday.neighbours(made.dice, machines, MIDNIGHT, MIDNIGHT + 86400),
        *everyday.leases(MIDNIGHT, MIDNIGHT + 86400),
        *everyday.switches(MIDNIGHT, MIDNIGHT + 86400),
        *everyday.failover(MIDNIGHT + 50_000),
    ):
        beside[int(now - MIDNIGHT) // 3600].append((now, *packet))  # type: ignore[arg-type]

    def play() -> Iterator[list[Packet]]:
        yield made.evening_before(plain)
        carried: list[Packet] = []
        for hour, weight in enumerate(hours):
            packets, carried = carried, []
            for _ in range(associations * weight // sum(hours) + 1):
                device, now = made.dice.choice(made.known), MIDNIGHT + (hour + made.dice.random()) * 3600
                act = made.over_tls if device.tls else made.dice.choice(plain)
                if not device.tls and made.dice.random() < 0.008:
                    act = made.dice.choice(rare)
                packets += act(device, now)
            if hour == 11:
                packets += made.monitored(MIDNIGHT + hour * 3600)
                packets += everyday.port_checks(OWN, MIDNIGHT + hour * 3600)
            packets += beside[hour]
            packets.sort(key=itemgetter(0))
            end = MIDNIGHT + (hour + 1) * 3600
            carried = [each for each in packets if each[0] >= end]
            yield [each for each in packets if each[0] < end]
        yield carried

    return registry(made.known), play()
