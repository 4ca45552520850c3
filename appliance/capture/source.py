"""What every source of frames can do, and why one may not be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from appliance.base.errors import LocalError
from appliance.inspection.engine import Packet


class CaptureRefused(LocalError):
    """The kernel does not let us capture."""

    exit_status = 77  # EX_NOPERM


class CaptureFailed(LocalError):
    """The interface cannot be watched."""

    exit_status = 69  # EX_UNAVAILABLE


class Source(Protocol):
    """A live capture."""

    @property
    def how(self) -> str:
        """In which way it captures, in words."""

    @property
    def lossy(self) -> bool:
        """Whether that way loses packets of a busy link."""

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        """Batches of packets, for ever. An empty one comes when `timeout` seconds passed, or `wake` (a descriptor)
        became readable, without packets.
        """

    def losses(self) -> tuple[int, bool]:
        """Packets that the kernel dropped, and whether the interface went down, since the last call."""

    def close(self) -> None:
        """Stop capturing."""
