"""Live capture through scapy's packet socket, for kernels and sandboxes without a ring: a system call a packet, so it
loses packets early. It says so, and counts them.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Iterator

from appliance.capture import packet_socket
from appliance.capture.source import CaptureFailed
from appliance.inspection.engine import Packet

_BATCH = 256
_BUFFER = 4 << 20
_LONGEST = 1 << 18


class ScapySocket:
    """An interface under watch."""

    def __init__(self, interface: str) -> None:
        from scapy.arch.linux import L2ListenSocket
        from scapy.config import conf
        from scapy.error import Scapy_Exception

        conf.bufsize = _BUFFER
        conf.ifaces.reload()  # it remembers the kernel's number of an interface that was made anew since
        logging.getLogger("scapy").setLevel(logging.ERROR)  # it has words of its own for loopback
        self._interface = interface
        packet_socket.open_socket(interface).close()  # our words for a missing capability
        try:
            loopback = interface == "lo"
            self._source = L2ListenSocket(iface=interface, promisc=not loopback)
            if loopback:
                self._source.ins.setsockopt(packet_socket.SOL_PACKET, packet_socket.IGNORE_OUTGOING, 1)
        except (OSError, ValueError, Scapy_Exception) as error:
            raise CaptureFailed(f"cannot watch {interface}: {error}", fix="Is it there and up (ip link)?") from None
        self._down = False

    @property
    def how(self) -> str:
        """See `source.Source`."""
        return "scapy's packet socket, since this kernel gives no ring: expect losses on a busy link"

    @property
    def lossy(self) -> bool:
        """See `source.Source`."""
        return True

    def batches(self, wake: int, timeout: float) -> Iterator[list[Packet]]:
        """See `source.Source`."""
        poll = select.poll()
        poll.register(self._source.ins, select.POLLIN)
        if wake >= 0:
            poll.register(wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(timeout * 1000)}
            batch: list[Packet] = []
            if ready - {wake}:
                batch = self._read()
            yield batch

    def _read(self) -> list[Packet]:
        batch: list[Packet] = []
        poll = select.poll()
        poll.register(self._source.ins, select.POLLIN)
        while len(batch) < _BATCH:
            try:
                _, frame, when = self._source.recv_raw(_LONGEST)
            except OSError:
                self._down = True
                break
            if frame:
                batch.append((float(when or time.time()), frame, len(frame), None))
            if not poll.poll(0):
                break
        return batch

    def losses(self) -> tuple[int, bool]:
        """See `source.Source`."""
        down, self._down = self._down, False
        return packet_socket.dropped(self._source.ins), down

    def close(self) -> None:
        """See `source.Source`."""
        self._source.close()
