"""A long line between two network namespaces: a rate by the kernel's tbf, a delay and a loss by this program.

Each end is a TUN device whose other side is held here: what is delayed and lost are packets, and TCP at both ends
sees the round trip. `python -m tests.bench.line NEAR FAR DELAY_MS LOSS` runs until its standard input ends.
Nothing leaves the two namespaces; as root only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET = 2048
_BURST = 64  # packets read at a time, so that no direction waits for the other
MISSING = (
    None
    if os.geteuid() == 0 and os.path.exists("/dev/net/tun") and shutil.which("ip") and shutil.which("tc")
    else "a line of its own needs root, /dev/net/tun and Debian's package iproute2"
)


@dataclass(frozen=True, slots=True)
class Line:
    """Two namespaces, and the address at the far end."""

    near: str
    far: str
    address: str = "10.77.0.2"

    def at(self, namespace: str) -> list[str]:
        """What is put before a command to run it there. The process stays the same one."""
        return ["ip", "netns", "exec", namespace]


@contextlib.contextmanager
def line(rtt_ms: float, rate_mbit: float, loss: float = 0.0) -> Iterator[Line]:
    """A line until the block ends. Up to 50 ms of it may wait in front of it, as in a router."""
    tag = f"{os.getpid() % 100000}"
    made = Line(f"near{tag}", f"far{tag}")
    command = [sys.executable, "-m", "tests.bench.line", made.near, made.far, str(rtt_ms / 2), str(loss)]
    for namespace in (made.near, made.far):
        _run("ip", "netns", "add", namespace)
    relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert relay.stdin and relay.stdout
        if relay.stdout.readline() != b"ready\n":
            raise RuntimeError("the relay of the line did not start")
        for namespace, own, other in ((made.near, "10.77.0.1", "10.77.0.2"), (made.far, "10.77.0.2", "10.77.0.1")):
            within = ("ip", "-n", namespace)
            _run(*within, "link", "set", "lo", "up")
            _run(*within, "addr", "add", own, "peer", other, "dev", namespace)
            _run(*within, "link", "set", namespace, "txqueuelen", "5000", "up")
            shape = f"tbf rate {rate_mbit}mbit burst 64kb latency 50ms"
            _run("tc", "-n", namespace, "qdisc", "add", "dev", namespace, "root", *shape.split())
        yield made
    finally:
        if relay.stdin:
            relay.stdin.close()
        relay.wait(10)
        for namespace in (made.near, made.far):
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


def tun(name: str, namespace: str) -> int:
    """A TUN device in a namespace; the descriptor of its other side."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    _run("ip", "link", "set", name, "netns", namespace)
    return descriptor


def carry(near: int, far: int, delay: float, loss: float) -> None:
    """Carry packets both ways, each `delay` seconds late or, with the probability `loss`, not at all."""
    dice = random.Random(5)
    ways: list[tuple[int, int, deque[tuple[float, bytes]]]] = [(near, far, deque()), (far, near, deque())]
    poll = select.poll()
    for descriptor in (near, far, 0):
        poll.register(descriptor, select.POLLIN)
    while True:
        now = time.monotonic()
        waits = [queue[0][0] - now for _, _, queue in ways if queue]
        ready = dict(poll.poll(max(0.0, min(waits)) * 1000 if waits else None))
        if 0 in ready:
            return
        for source, _, queue in ways:
            if source in ready:
                due = time.monotonic() + delay
                with contextlib.suppress(BlockingIOError):
                    for _ in range(_BURST):
                        packet = os.read(source, _PACKET)
                        if not loss or dice.random() >= loss:
                            queue.append((due, packet))
        now = time.monotonic()
        for _, sink, queue in ways:
            while queue and queue[0][0] <= now:
                with contextlib.suppress(OSError):  # the device is down, or full: a packet is lost, as it happens
                    os.write(sink, queue.popleft()[1])


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """The relay."""
    near, far, delay, loss = sys.argv[1:]
    ends = tun(near, near), tun(far, far)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(*ends, float(delay) / 1000, float(loss))


if __name__ == "__main__":
    main()
