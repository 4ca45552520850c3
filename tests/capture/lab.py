"""A mirror port on a desk: two network namespaces, a wire between them, and somebody who can watch one end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from appliance.capture.source import Source
from appliance.inspection.engine import Inspection, Packet

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="capturing needs CAP_NET_RAW, namespaces need root")


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip where a real tool is missing."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(*command: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60, **more)


@contextmanager
def udp_sink() -> Iterator[int]:
    """The port of a socket that swallows datagrams, so that no ICMP error repeats them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("0.0.0.0", 0))
        yield sink.getsockname()[1]


class Wire:
    """A veth pair: `near` stays with the watcher, `far` is inside a namespace, where clients run."""

    def __init__(self, number: int) -> None:
        pid = os.getpid()  # test processes run side by side
        self.namespace = f"sensor-lab-{pid}-{number}"
        self.near, self.far = f"s{pid:x}-{number}a", f"s{pid:x}-{number}b"
        subnet = f"10.{128 + (pid >> 8) % 64}.{pid & 255}"
        self.near_ip, self.far_ip = f"{subnet}.{number * 8 + 1}", f"{subnet}.{number * 8 + 2}"

    def up(self) -> None:
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.namespace)
        run("ip", "addr", "add", f"{self.near_ip}/29", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        for words in (("addr", "add", f"{self.far_ip}/29", "dev", self.far), ("link", "set", self.far, "up")):
            run("ip", "-n", self.namespace, *words)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")

    def down(self) -> None:
        run("ip", "link", "del", self.near, check=False)
        run("ip", "netns", "del", self.namespace, check=False)

    def inside(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command as the far host."""
        return run("ip", "netns", "exec", self.namespace, *command, check=check)

    def start_inside(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a server on the far host."""
        return subprocess.Popen(
            ("ip", "netns", "exec", self.namespace, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


@contextmanager
def wire(number: int) -> Iterator[Wire]:
    """A wire for the length of a test."""
    lab = Wire(number)
    lab.down()
    try:
        lab.up()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        lab.down()
        pytest.skip(f"no network namespaces here: {error}")
    try:
        yield lab
    finally:
        lab.down()


class Watcher(threading.Thread):
    """Runs a source into an engine until told to stop."""

    def __init__(self, source: Source, engine: Inspection) -> None:
        super().__init__(daemon=True)
        self.source = source
        self.engine = engine
        self._wake, self._waker = os.pipe()
        self._over = False
        self.alerts: list[dict[str, Any]] = []
        self.told: list[float] = []
        self.dropped = 0

    def run(self) -> None:
        for batch in self.source.batches(self._wake, 0.2):
            self.engine.inspect(batch)
            records = self.engine.take_alerts()
            self.told += [time.time()] * len(records)
            self.alerts += records
            if self._over:
                break

    def wait(self, until: Callable[[], bool], seconds: float = 30.0) -> bool:
        """Wait for something that the capture will show."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            time.sleep(0.02)
        return until()

    @property
    def rules(self) -> set[str]:
        return {record["alert"]["signature_id"] for record in self.alerts}

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.1)  # the last block retires
        self._over = True
        os.write(self._waker, b"x")
        self.join(5)
        self.engine.finish()
        self.alerts += self.engine.take_alerts()
        self.dropped += self.source.losses()[0]
        self.source.close()
        os.close(self._wake)
        os.close(self._waker)


def collect(source: Source, act: Callable[[], object], seconds: float = 0.3) -> list[Packet]:
    """The packets that come while something is done."""
    found: list[Packet] = []
    end = None
    acted = False
    for batch in source.batches(-1, 0.05):
        found += [(now, bytes(data), length, vlan) for now, data, length, vlan in batch]
        if not acted:
            act()
            acted = True
            end = time.monotonic() + seconds
        elif end is not None and time.monotonic() > end:
            return found
    return found
