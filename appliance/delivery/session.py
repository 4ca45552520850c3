"""What every kind of destination looks like to its queue: a session that takes instances, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol, runtime_checkable

from appliance.delivery.outcome import Outcome
from appliance.delivery.source import Source

# SOP class and transfer syntax: what a destination accepts or refuses as a whole.
Kind = tuple[str, str]


VERIFICATION: Kind = ("1.2.840.10008.1.1", "1.2.840.10008.1.2")
"""Not to be stored: proposed beside the others, it lets a DIMSE session be verified (PS3.4 annex A)."""


class AnyKind(Collection[Kind]):
    """What a destination proposes and accepts with which nothing is negotiated: every kind, and none by name."""

    def __contains__(self, kind: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Kind]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Session(Protocol):
    """An open connection to a destination. Used by one thread. Raises UpstreamError when the destination fails as such;
    what reading an object raises (CryptoError, DiskError) passes through, and the session may be over then."""

    @property
    def calling_ae(self) -> str:
        """As whom we speak."""

    @property
    def proposed(self) -> Collection[Kind]:
        """What was asked for when it was opened."""

    @property
    def accepted(self) -> Collection[Kind]:
        """What the destination agreed to take."""

    def store(self, source: Source) -> Outcome:
        """Store one instance of an accepted kind."""

    def alive(self) -> bool:
        """Whether the next instance may use it."""

    def end(self) -> None:
        """End it in order. Never raises."""


@runtime_checkable
class Windowed(Protocol):
    """A session on which an instance may be sent before those before it were answered. Raises as `Session` does."""

    @property
    def window(self) -> int:
        """How many may be out at a time."""

    def send(self, source: Source) -> int:
        """Send one instance of an accepted kind; the number by which it is answered."""

    def answer(self) -> tuple[int, Outcome]:
        """Wait for the outcome of whichever that is out is answered next."""

    def answered(self) -> list[tuple[int, Outcome]]:
        """What was answered before it ended, and `answer` did not give."""


@runtime_checkable
class Verifying(Protocol):
    """A session that can be asked whether the destination is at work at all, before an instance is sent."""

    def verify(self) -> None:
        """Raises UpstreamError where it is not. Where nothing was negotiated for it, it is nothing."""


@runtime_checkable
class Transcoding(Protocol):
    """A session that may send an instance in another transfer syntax than it has, where that is not accepted."""

    def why_not(self, kind: Kind) -> str:
        """Why it cannot do so with a kind that was proposed, in words; "" where it can."""


class Connect(Protocol):
    """Opens a session for instances of these kinds. Raises UpstreamError, or ConfigError for bad local files."""

    def __call__(self, kinds: Collection[Kind], calling_ae: str) -> Session: ...
