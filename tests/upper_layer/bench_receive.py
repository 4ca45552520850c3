"""How fast the engine receives: `python -m tests.upper_layer.bench_receive`. No socket, no sealing, no disk."""

from __future__ import annotations

import time

from appliance.upper_layer.association import CommandReceived, DataFragment
from appliance.upper_layer.command import c_store_rq, c_store_rsp
from appliance.upper_layer.data_head import HeadParser
from tests.upper_layer.wire import CT, EXPLICIT, pair

BATCH = 20


def element(tag: bytes, vr: bytes, value: bytes) -> bytes:
    return tag + vr + len(value).to_bytes(2, "little") + value


HEAD = b"".join(
    (
        element(b"\x08\0\x16\0", b"UI", CT.encode() + b"\0"),
        element(b"\x08\0\x18\0", b"UI", b"1.2.3.4\0"),
        element(b"\x08\0\x60\0", b"CS", b"CT"),
        *(element(bytes((0x10, 0, each, 0)), b"LO", b"value of an element ") for each in range(30)),
        element(b"\x20\0\x0d\0", b"UI", b"1.2.3.5\0"),
        element(b"\x20\0\x0e\0", b"UI", b"1.2.3.6\0"),
    )
)


def measure(instances: int, size: int, piece: int, parse_head: bool) -> str:
    """Receive `instances` data sets of `size` bytes in `piece`s, answering each."""
    requestor, acceptor = pair()
    data_set = HEAD + bytes(size - len(HEAD))
    stream = b""
    for number in range(BATCH):
        stream += requestor.send_command(1, c_store_rq(number, CT, f"1.2.3.{number}"), True)
        stream += b"".join(requestor.send_data(1, data_set, True))
    pieces = [memoryview(stream)[at : at + piece] for at in range(0, len(stream), piece)]
    received = answered = 0
    command = c_store_rq(0, CT, "1.2")
    head = HeadParser(EXPLICIT)
    started = time.perf_counter()
    for _ in range(instances // BATCH):
        for each in pieces:
            for event in acceptor.receive(each):
                if isinstance(event, DataFragment):
                    received += len(event.data)
                    if parse_head and not head.done:
                        head.feed(event.data)
                    if event.last:
                        acceptor.send_command(1, c_store_rsp(command, 0), False)
                        answered += 1
                elif isinstance(event, CommandReceived):
                    command = event.command
                    head = HeadParser(EXPLICIT)
            _ = acceptor.awaiting
    seconds = time.perf_counter() - started
    assert (answered, received) == (instances, instances * size)
    return (
        f"{instances} x {size} B in pieces of {piece}{', head parsed' if parse_head else ''}: "
        f"{received / seconds / 1e6:.0f} MB/s, {seconds / instances * 1e6:.0f} us an instance"
    )


if __name__ == "__main__":
    print(measure(40, 20 << 20, 16384, parse_head=False))
    print(measure(200, 525_000, 16384, parse_head=True))
    print(measure(1000, 13_000, 16384, parse_head=False))
    print(measure(1000, 13_000, 16384, parse_head=True))
