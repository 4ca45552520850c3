"""AF_PACKET as packet(7) and linux/if_packet.h have it: numbers that Python's socket module lacks, and the binding."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct

from appliance.capture.source import CaptureFailed, CaptureRefused

SOL_PACKET = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION, IGNORE_OUTGOING = 1, 5, 6, 10, 23
MR_PROMISC = 1
TPACKET_V3 = 2
ETH_P_ALL = 3
ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
_GET_FLAGS, _UP, _RUNNING = 0x8913, 1, 1 << 6  # SIOCGIFFLAGS
_FLAGS = struct.Struct("=16sH22x")  # ifreq
_STATISTICS = struct.Struct("=III")  # packets, drops, freezes; reading resets them


def open_socket(interface: str) -> socket.socket:
    """A raw packet socket that is not bound yet, so that nothing is queued before it is configured."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except PermissionError:
        raise CaptureRefused(
            f"capturing on {interface} needs the capability CAP_NET_RAW",
            fix="Run the sensor by its unit (AmbientCapabilities=CAP_NET_RAW), as root, or under "
            "`setpriv --ambient-caps +net_raw --inh-caps +net_raw`.",
        ) from None
    except OSError as error:
        raise CaptureFailed(
            f"this kernel has no packet sockets: {error.strerror}",
            fix="Load af_packet, or lift the unit's RestrictAddressFamilies for AF_PACKET.",
        ) from None


def bind(capture: socket.socket, interface: str) -> bool:
    """Attach to the interface, promiscuously unless it is loopback. Says whether it is loopback.

    On loopback every packet shows twice, going out and coming in; only the second is taken.
    """
    try:
        index = socket.if_nametoindex(interface)
        capture.bind((interface, ETH_P_ALL))
        kind = capture.getsockname()[3]
    except OSError as error:
        if error.errno == errno.ENETDOWN:
            reason = "it is down"
        else:
            names = ", ".join(name for _, name in socket.if_nameindex())
            reason = f"{error.strerror}; there are {names}"
        raise CaptureFailed(f"cannot watch {interface}: {reason}", fix=f"`ip link set {interface} up`?") from None
    if kind not in (ARPHRD_ETHER, ARPHRD_LOOPBACK):
        raise CaptureFailed(f"{interface} is no Ethernet interface", fix="Choose the one at the mirror port.")
    if kind == ARPHRD_LOOPBACK:
        capture.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    else:
        capture.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, struct.pack("=iHH8s", index, MR_PROMISC, 0, b""))
    return bool(kind == ARPHRD_LOOPBACK)


def dropped(capture: socket.socket) -> int:
    """Packets that the kernel dropped for want of room since the last call."""
    _, drops, _ = _STATISTICS.unpack(capture.getsockopt(SOL_PACKET, STATISTICS, _STATISTICS.size).ljust(12, b"\0"))
    return int(drops)


def link_fault(interface: str) -> str:
    """What keeps frames from an interface (netdevice(7)): "is not there", "is down", "has no link"; "" if nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as any_socket:
        try:
            said = fcntl.ioctl(any_socket, _GET_FLAGS, _FLAGS.pack(interface.encode(), 0))
        except OSError as error:
            return "is not there" if error.errno == errno.ENODEV else ""
    flags = _FLAGS.unpack(said)[1]
    if not flags & _UP:
        return "is down"
    return "" if flags & _RUNNING else "has no link"
