"""Opens the best capture that an interface allows: the ring, else scapy's socket."""

from __future__ import annotations

from collections.abc import Callable

from appliance.capture.ring import Ring
from appliance.capture.source import Source


def open_interface(interface: str, ring: Callable[[str], Source] = Ring) -> Source:
    """Watch an interface. Raises CaptureRefused or CaptureFailed."""
    try:
        return ring(interface)
    except OSError:
        from appliance.capture.scapy_socket import ScapySocket

        return ScapySocket(interface)
