"""Live capture through a TPACKET_V3 ring: the kernel fills blocks of memory that we map, and wakes us block by block.

Needs CAP_NET_RAW and no library. A block is handed back when all its packets were taken; while we are behind, the
kernel drops and counts. Layouts are those of linux/if_packet.h.
"""

from __future__ import annotations

import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterator

from appliance.base import limits
from appliance.capture import packet_socket
from appliance.inspection.engine import Packet

_BLOCK = 1 << 20
_FRAME = 2048  # bytes; the kernel only checks that it divides the block
_RETIRE = 40  # ms after which a block that is not full is handed over
_REQUEST = struct.Struct("=7I")  # block size and count, frame size and count, retire time, private size, features
_STATUS = struct.Struct("=I")
_BLOCK_HEADER = struct.Struct("=8xIII")  # status, packets, offset of the first
# to the next packet, seconds, nanoseconds, captured, length, status, offset of the frame, VLAN tag; then of sockaddr_ll
# the packet type
_PACKET = struct.Struct("=6IH2x4xI4x8x10xB")
_USER = 1
_VLAN_VALID = 1 << 4
_OUTGOING = 4


class Ring:
    """An interface under watch."""

    def __init__(self, interface: str, size: int = limits.SENSOR_RING.default) -> None:
        """Raises OSError where the kernel has no such ring, CaptureRefused or CaptureFailed where we may not watch."""
        self._interface = interface
        self._socket = packet_socket.open_socket(interface)
        try:
            self._count = max(4, size // _BLOCK)
            self._socket.setsockopt(packet_socket.SOL_PACKET, packet_socket.VERSION, packet_socket.TPACKET_V3)
            total = self._count * _BLOCK
            request = _REQUEST.pack(_BLOCK, self._count, _FRAME, total // _FRAME, _RETIRE, 0, 0)
            self._socket.setsockopt(packet_socket.SOL_PACKET, packet_socket.RX_RING, request)
            self._map = mmap.mmap(self._socket.fileno(), total, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._loopback = packet_socket.bind(self._socket, interface)
        except BaseException:
            self._socket.close()
            raise
        self._view = memoryview(self._map)
        self._next = 0
        self._down = False

    @property
    def how(self) -> str:
        """See `source.Source`."""
        return f"TPACKET_V3 ring of {self._count} MiB"

    @property
    def lossy(self) -> bool:
        """See `source.Source`."""
        return False

    def batches(self, wake: int, timeout: float) -> Iterator[Iterator[Packet]]:
        """See `source.Source`."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLERR)
        if wake >= 0:
            poll.register(wake, select.POLLIN)
        while True:
            at = self._next * _BLOCK
            status, count, first = _BLOCK_HEADER.unpack_from(self._view, at)
            if status & _USER:
                yield self._packets(at + first, count)
                _STATUS.pack_into(self._view, at + 8, 0)
                self._next = (self._next + 1) % self._count
                continue
            for descriptor, event in poll.poll(timeout * 1000):
                if descriptor != wake and event & (select.POLLERR | select.POLLNVAL):
                    self._failed()
            if not _STATUS.unpack_from(self._view, at + 8)[0] & _USER:
                yield iter(())

    def _packets(self, at: int, count: int) -> Iterator[Packet]:
        view, unpack, loopback = self._view, _PACKET.unpack_from, self._loopback
        for _ in range(count):
            step, seconds, nanos, captured, length, status, mac, tci, kind = unpack(view, at)
            if not (loopback and kind == _OUTGOING):
                begin = at + mac
                vlan = tci & 0x0FFF if status & _VLAN_VALID else None
                yield seconds + nanos * 1e-9, view[begin : begin + captured], length, vlan
            at += step

    def _failed(self) -> None:
        """The socket reported an error: the interface went down or away. Capture goes on when it comes back.

        Raises OSError where it is no socket any more.
        """
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
            self._down = True

    def losses(self) -> tuple[int, bool]:
        """See `source.Source`."""
        down, self._down = self._down, False
        return packet_socket.dropped(self._socket), down

    def close(self) -> None:
        """See `source.Source`."""
        self._socket.close()
        try:
            self._view.release()
            self._map.close()
        except BufferError:
            pass  # somebody still holds a frame; the memory goes with it
