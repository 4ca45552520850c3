"""How fast the sensor is: `python -m tests.capture.measure` (as root, for the live part).

1. From memory: C-STORE traffic in full frames of 1514 bytes through the engine alone.
2. Live: the same frames sent into a veth at a given rate, taken from the ring at the other end, in another process.
3. Memory with 10,000 half-open flows.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from appliance.capture.ring import Ring
from appliance.inspection.engine import Inspection, Packet
from tests.capture.lab import wire
from tests.inspection.scene import CT, OWN, STRANGER, registry
from tests.inspection.test_engine import Tape
from tests.inspection.wire import ACK, SYN, Wire, associate, command, frame, p_data, pdv, store

GIGABIT = 81274  # full frames of 1538 bytes with preamble and gap, a second


def traffic(
    instances: int, max_length: int, size: int = 524_288, client_port: int = 50000, v6: bool = False
) -> list[Packet]:
    """One association that stores so many instances, with an acknowledgement every other segment."""
    tape = Tape()
    hosts = ("2001:db8::11", "2001:db8::2") if v6 else (CT, OWN)
    talk = Wire(tape, *hosts, client_port=client_port, mss=1428 if v6 else 1448).association(max_length=max_length)
    message = store(size, max_length or 131072)
    answer = p_data(pdv(1, 3, command(0x8001)))
    for _ in range(instances):
        for at in range(0, len(message), 2 * talk.mss):
            talk.client(message[at : at + 2 * talk.mss])
            talk.raw(False, talk.next[False], ACK)
        talk.server(answer)
    return tape.packets


def from_memory() -> None:
    print("From memory, engine alone:")
    for max_length, v6 in ((4096, False), (16384, False), (131072, False), (0, False), (16384, True)):
        packets = [(a, memoryview(b), c, d) for a, b, c, d in traffic(100, max_length, v6=v6)]
        engine = Inspection(registry())
        gc.collect()
        gc.freeze()
        begun = time.process_time()
        engine.inspect(packets)
        took = time.process_time() - begun
        said = engine.snapshot()
        full = sum(1 for packet in packets if packet[2] > 1000)
        print(
            f"  max PDU {max_length:6}{' IPv6' if v6 else '     '}: {len(packets) / took:9,.0f} packets/s, "
            f"{said['bytes'] * 8 / took / 1e9:5.1f} Gbit/s a core; 1 Gbit/s of full frames takes "
            f"{GIGABIT * took / full:4.0%} of a core; {said['skipped']:,} bytes skipped, {said['inspected']:,} read"
        )
        assert said["commands"] == 200
        assert not said["blind"]


def _watch(interface: str, pipe: Connection) -> None:
    source = Ring(interface)
    engine = Inspection(registry(), interface)
    gc.collect()
    gc.freeze()
    pipe.send("ready")
    begun = 0.0
    for batch in source.batches(-1, 0.2):
        engine.inspect(batch)
        if not begun and engine.statistics.packets > 1000:
            begun, cpu = time.perf_counter(), time.process_time()
        if pipe.poll():
            break
    took, cpu = time.perf_counter() - begun - 0.3, time.process_time() - cpu
    pipe.send((engine.snapshot(), source.losses()[0], cpu / took, len(engine.take_alerts())))


@dataclass(frozen=True, slots=True)
class Live:
    """How a live run went: packets and bits of Ethernet a second, what the kernel dropped, shares of a core."""

    wanted: int | None
    packets: float
    gbit: float
    dropped: int
    share: float
    said: dict[str, int]
    alerts: int

    def line(self) -> str:
        """For people."""
        how = "as fast as it goes" if self.wanted is None else f"{self.wanted:,} packets/s"
        return (
            f"  {how}: {self.packets:9,.0f} packets/s and {self.gbit:4.2f} Gbit/s taken, {self.dropped} dropped by the "
            f"kernel, {self.share:4.0%} of a core; {self.said['commands']} commands, {self.said['blind']} blind, "
            f"{self.alerts} alerts"
        )


def live(rate: int | None, seconds: float = 4.0) -> Live:
    """Send C-STORE traffic into a veth, and watch the other end in another process."""
    frames = [bytes(packet[1]) for packet in traffic(60, 16384)]
    with wire(9) as lab:
        ours, theirs = multiprocessing.Pipe()
        watcher = multiprocessing.Process(target=_watch, args=(lab.near, theirs))
        watcher.start()
        ours.recv()
        sender = os.fork()
        if not sender:
            fd = os.open(f"/run/netns/{lab.namespace}", os.O_RDONLY)
            os.setns(fd, os.CLONE_NEWNET) if hasattr(os, "setns") else _setns(fd)
            _send(lab.far, frames, rate, seconds)
            os._exit(0)
        os.waitpid(sender, 0)
        time.sleep(0.3)
        ours.send("stop")
        said, dropped, share, alerts = ours.recv()
        watcher.join()
    packets, gbit = said["packets"] / seconds, said["bytes"] * 8 / seconds / 1e9
    return Live(rate, packets, gbit, dropped, share, said, alerts)


def _setns(fd: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def _send(interface: str, frames: list[bytes], rate: int | None, seconds: float) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((interface, 0))
        send, count, begun = out.send, 0, time.perf_counter()
        ports = 0
        while True:
            port = (40000 + ports % 20000).to_bytes(2, "big")
            ports += 1
            for data in frames:  # each round is a new connection
                client = data[26:30] == socket.inet_aton(CT)
                send(data[:34] + port + data[36:] if client else data[:36] + port + data[38:])
                count += 1
                if not count % 64:
                    now = time.perf_counter() - begun
                    if now > seconds:
                        return
                    if rate:
                        ahead = count / rate - now
                        if ahead > 0.0005:
                            time.sleep(ahead)


def memory() -> tuple[float, float, int]:
    """MB before and more for 10,000 flows that stopped in the middle of a request, and the flows that are known."""
    engine = Inspection(registry())

    def flood() -> Iterator[Packet]:
        for number in range(10_000):
            for seq, flags, data in ((1, SYN, b""), (2, ACK, associate()[:60])):
                raw = frame(f"10.9.{number >> 8}.{number & 255}", 40000, OWN, 104, seq, 1, flags, data)
                yield 1.0, raw, len(raw), None

    engine.inspect([(1.0, frame(CT, 40000, OWN, 104, 1, 1, ACK, associate()[:60]), 114, None)])  # what it imports late
    before = _resident()
    engine.inspect(flood())
    return before, _resident() - before, engine.flows


def _resident() -> float:
    """MB of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def worst() -> None:
    """What an attacker can cost us: packets that all take the slow path."""
    engine = Inspection(registry())
    talk = Wire(Tape(), STRANGER, OWN).open()  # type: ignore[arg-type]
    talk.client(associate() * 200, mss=1)
    packets = talk.engine.packets  # type: ignore[attr-defined]
    begun = time.process_time()
    engine.inspect(packets)
    took = time.process_time() - begun
    print(f"One byte a segment: {len(packets) / took:,.0f} packets/s")


if __name__ == "__main__":
    print(sys.version.split()[0])
    before, more, flows = memory()
    print(
        f"10,000 flows that stopped in the middle of an A-ASSOCIATE-RQ: {more:.0f} MB more than {before:.0f}, {flows}"
    )
    from_memory()
    worst()
    if os.geteuid() == 0:
        print("Live through a veth:")
        for wanted in (GIGABIT, 150_000, None):
            print(live(wanted).line())
