"""Hostile traffic for `hostile.py`, over loopback alone: a program that attacks two ports until told to stop.

Everything is bounded: how many connections, how many a second, for how long. It ends by itself after `--seconds`, and
when its standard input closes, so it never outlives the benchmark. At the end it prints what it did, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import itertools
import json
import resource
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from appliance.host import tls
from appliance.upper_layer.association import Association
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext

SILENT, DRIPPING, FLOOD, ASSOCIATIONS = 1000, 200, 200, 64  # connections; connections a second; associations
LONGEST = 300.0
_OPENED = 100  # connections a second at most, each kind, until all have tried
_REOPENED = 20  # connections a second at most, each kind, in place of those that were closed

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What is attacked."""

    tls: int
    plain: int


class Load:
    """The attackers. `sources` are loopback addresses that they come from, in turn."""

    def __init__(self, ports: Ports, sources: list[str], client: ssl.SSLContext, calling_ae: str) -> None:
        assert all(ipaddress.ip_address(source).is_loopback for source in sources)
        self.done: Counter[str] = Counter()
        self._ports = ports
        self._sources = itertools.cycle(sources)
        self._client = client
        self._calling_ae = calling_ae

    async def run(self, kinds: list[str]) -> None:
        """Attack until cancelled."""
        every = {
            "silent": lambda: self._keep("silent", SILENT, self._ports.tls, _silent),
            "hello": lambda: self._keep("hello", DRIPPING, self._ports.tls, _dripping(client_hello())),
            "header": lambda: self._keep("header", DRIPPING, self._ports.plain, _dripping(b"\x01\0\0\0\0\xc8" * 200)),
            "flood": self._flood,
            "associations": lambda: self._keep(
                "associations", ASSOCIATIONS, self._ports.tls, self._associate, self._client
            ),
        }
        await asyncio.gather(*(every[kind]() for kind in kinds))

    async def _keep(
        self, kind: str, count: int, port: int, attack: Attack, context: ssl.SSLContext | None = None
    ) -> None:
        """Have `count` connections open; one that was closed is opened anew, not more than so many a second."""
        places = asyncio.Semaphore(count)
        async with asyncio.TaskGroup() as tasks:
            for number in itertools.count():
                await places.acquire()
                tasks.create_task(self._one(kind, port, attack, context)).add_done_callback(lambda _: places.release())
                await asyncio.sleep(1 / (_OPENED if number < count and context is None else _REOPENED))

    async def _one(self, kind: str, port: int, attack: Attack, context: ssl.SSLContext | None) -> None:
        self.done[f"{kind} opened"] += 1
        try:
            reader, writer = await self._open(port, context)
        except OSError:
            self.done[f"{kind} not let in"] += 1
            await asyncio.sleep(1)
            return
        try:
            await attack(reader, writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()
        self.done[f"{kind} cut off"] += 1

    async def _open(self, port: int, context: ssl.SSLContext | None = None) -> Streams:
        name = "edge01.demo.example" if context else None
        local = (next(self._sources), 0)
        return await asyncio.open_connection("127.0.0.1", port, local_addr=local, ssl=context, server_hostname=name)

    async def _flood(self) -> None:
        """Connect and leave, `FLOOD` times a second, on both ports in turn."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for number in itertools.count(1):
                port = self._ports.tls if number % 2 else self._ports.plain
                tasks.create_task(self._touch(port))
                await asyncio.sleep(max(0.0, began + number / FLOOD - loop.time()))

    async def _touch(self, port: int) -> None:
        self.done["flood opened"] += 1
        with contextlib.suppress(OSError):
            _, writer = await self._open(port)
            writer.close()

    async def _associate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Associate, and never release: nor leave when rejected."""
        contexts = (PresentationContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)
        writer.write(Association.requestor(AssociateRequest("EDGE01", self._calling_ae, contexts)).associate_request())
        answer = await reader.read(65536)
        self.done["associations accepted" if answer[:1] == b"\x02" else "associations rejected"] += bool(answer)
        await _silent(reader, writer)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


def _dripping(data: bytes) -> Attack:
    """A byte a second."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(4096), 1)
                return

    return drip


def client_hello() -> bytes:
    """A ClientHello as Python's ssl makes it."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="edge01").do_handshake()
    return outgoing.read()


async def _attack(load: Load, kinds: list[str], seconds: float) -> None:
    told_to_stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    attack = asyncio.create_task(load.run(kinds))
    await asyncio.wait({attack, told_to_stop}, timeout=min(seconds, LONGEST), return_when=asyncio.FIRST_COMPLETED)
    attack.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attack


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="+", choices=["silent", "hello", "header", "flood", "associations"])
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--plain-port", type=int, required=True)
    parser.add_argument("--source", action="append", required=True)
    parser.add_argument("--calling-ae", default="CT1")
    parser.add_argument("--identity", nargs=3, required=True, metavar=("CA", "CERTIFICATE", "KEY"))
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    ports = Ports(arguments.tls_port, arguments.plain_port)
    load = Load(ports, arguments.source, tls.client_context(*arguments.identity), arguments.calling_ae)
    asyncio.run(_attack(load, arguments.kinds, arguments.seconds))
    print(json.dumps(load.done))


if __name__ == "__main__":
    main()
