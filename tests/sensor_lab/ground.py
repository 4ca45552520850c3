"""The lab's network: six hosts, each in a network namespace of its own, on one bridge that floods like a hub.

Owns the namespaces and the bridge. The bridge never learns an address (`ageing_time 0`), so that one more port of it
sees everything: the mirror, whose other end stays outside. Nothing here has a route to anywhere else.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
PREFIX = "10.20.0"
ADDRESSES = {"edge": 2, "pacs": 4, "ct": 11, "mr": 12, "viewer": 21, "attacker": 66}
_CLONE_NEWNET = 0x40000000


def run(*command: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60, **more)


def within(namespace: str, act: Callable[[], T]) -> T:
    """Call `act` in a thread that has entered a network namespace: sockets that it makes stay there."""
    found: list[T] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            with open(f"/run/netns/{namespace}") as entrance:
                if ctypes.CDLL(None, use_errno=True).setns(entrance.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


@dataclass
class Host:
    """One machine of the lab."""

    name: str
    namespace: str
    address: str
    address6: str
    mac: str
    interface: str = "eth0"
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def _command(self, command: tuple[str, ...]) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace, *command)

    def run(self, *command: str, check: bool = False, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command there, to its end."""
        return run(*self._command(command), check=check, **more)

    def start(self, *command: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a program there; `stop` or the end of the lab ends it."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(self._command(command), start_new_session=True, **{**quiet, **more})
        self.started.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a program and what it forked."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        self.started.remove(process)

    def serve(self, port: int, *command: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a server there, and wait until it listens; nobody connects to find that out."""
        process = self.start(*command, **more)
        until = time.monotonic() + 30
        while not self.listens(port):
            assert process.poll() is None and time.monotonic() < until, f"{command[0]} does not listen at {port}"
            time.sleep(0.02)
        return process

    def listens(self, port: int) -> bool:
        """Whether anything listens at a TCP port of this host."""
        return bool(self.run("ss", "-Hltn", f"sport = :{port}").stdout.strip())

    def announce(self) -> None:
        """Say by ARP which address is here (RFC 5227 2.3)."""
        mac, address = bytes.fromhex(self.mac.replace(":", "")), socket.inet_aton(self.address)
        body = b"\0\1\x08\0\6\4\0\1" + mac + address + bytes(6) + address
        with self.raw_socket() as out:
            out.send(b"\xff" * 6 + mac + b"\x08\x06" + body)

    def raw_socket(self) -> socket.socket:
        """A socket that sends whole frames from this host's interface."""
        return within(self.namespace, lambda: raw_socket(self.interface))


def raw_socket(interface: str) -> socket.socket:
    """A socket that sends whole frames from an interface of the namespace that the caller is in."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((interface, 0))
    return out


class Ground:
    """The bridge and its hosts. `mirror` is the interface on which everything is seen."""

    def __init__(self) -> None:
        self._name = f"slab{os.getpid():x}"
        self.mirror = f"{self._name}m"
        self.hosts = {
            name: Host(name, f"{self._name}-{name}", f"{PREFIX}.{last}", f"fd20::{last}", f"02:00:00:20:00:{last:02x}")
            for name, last in ADDRESSES.items()
        }
        self.hub = f"{self._name}-hub"

    def up(self) -> None:
        """Lay the cables."""
        for each in (self.hub, *(host.namespace for host in self.hosts.values())):
            run("ip", "netns", "add", each)
        lines = ["link add br0 type bridge ageing_time 0 mcast_snooping 0"]
        for number, host in enumerate(self.hosts.values()):
            far = f"netns {host.namespace} address {host.mac}"
            lines += [
                f"link add p{number} type veth peer name {host.interface} {far}",
                f"link set p{number} master br0",
            ]
        lines += [f"link add pm type veth peer name {self.mirror} netns {os.getpid()}", "link set pm master br0"]
        for each in ("br0", "pm", *(f"p{number}" for number in range(len(self.hosts)))):
            lines += [f"link set {each} addrgenmode none", f"link set {each} up"]  # a switch says nothing of its own
        run("ip", "-n", self.hub, "-batch", "-", input="\n".join(lines))
        for host in self.hosts.values():
            lines = [
                "link set lo up",
                f"addr add {host.address}/24 dev {host.interface}",
                f"addr add {host.address6}/64 dev {host.interface} nodad",
                f"link set {host.interface} addrgenmode none",
                f"link set {host.interface} gso_max_segs 1",  # segments as long as the wire's, not the kernel's
                f"link set {host.interface} up",
            ]
            run("ip", "-n", host.namespace, "-batch", "-", input="\n".join(lines))
        run("ip", "link", "set", self.mirror, "addrgenmode", "none")
        run("ip", "link", "set", self.mirror, "up")

    def unplug_mirror(self) -> None:
        """The mirror's cable, out of the switch."""
        run("ip", "-n", self.hub, "link", "set", "pm", "nomaster")

    def plug_mirror(self) -> None:
        """And in again."""
        run("ip", "-n", self.hub, "link", "set", "pm", "master", "br0")

    def hub_socket(self) -> socket.socket:
        """A socket that sends frames to every port of the bridge."""
        return within(self.hub, lambda: raw_socket("br0"))

    def down(self) -> None:
        """End what runs, and take the cables away."""
        for host in self.hosts.values():
            for process in list(host.started):
                host.stop(process)
        for each in (self.hub, *(host.namespace for host in self.hosts.values())):
            run("ip", "netns", "del", each, check=False)
        run("ip", "link", "del", self.mirror, check=False)


@contextmanager
def ground() -> Iterator[Ground]:
    """A network for the length of a block."""
    made = Ground()
    try:
        try:
            made.up()
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            pytest.skip(f"no network namespaces here: {error} {getattr(error, 'stderr', '')}")
        yield made
    finally:
        made.down()
