"""What health is judged by. Values only; `panel/look.py` gathers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.vault.space import Room

Said = Mapping[str, Any]
"""What one program last said of itself; see `board.Board.status`."""


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """When a certificate ends (seconds since the epoch), and where the configuration names it."""

    place: str
    path: str
    not_after: float | None
    error: str = ""
    built_in: bool = False
    """Whether it is that of the CA that is built in."""


@dataclass(frozen=True, slots=True)
class ListEnd:
    """From when to when a revocation list holds (seconds since the epoch; `ends` is None where it says no end), or why
    the file cannot be read."""

    place: str
    path: str
    issuer: str = ""
    begins: float = 0.0
    ends: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the board says of itself; None, or empty, where it does not. Temperatures in °C, the rest as fractions."""

    temperature: float | None = None
    hot_at: float | None = None
    critical_at: float | None = None
    undervoltage: bool | None = None
    life_used: float | None = None
    """Of the medium of the state directory; above 1: more than it was made for."""
    nearly_spent: bool = False
    """Whether that has hardly any spare blocks left."""
    file_system_errors: Mapping[str, int] = field(default_factory=dict)
    """By device."""
    memory_pressure: float | None = None
    """Of five minutes, in which somebody waited for memory."""
    disk_pressure: float | None = None
    """Of five minutes, in which everybody who had something to do waited for a disk."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it at one time. `now` is seconds since the epoch."""

    now: float
    programs: Mapping[str, Said] = field(default_factory=dict)
    alerts: Sequence[Mapping[str, Any]] = ()
    room: Room | None = None
    room_error: str = ""
    lost: str = ""
    """Why the medium takes nothing, whatever its free space; "" where it is as it should be."""
    lost_fix: str = ""
    """What to do about that, where it is not the disk that has to be mended."""
    machine: Machine = field(default_factory=Machine)
    clock_set: bool = True
    certificates: Sequence[CertificateEnd] = ()
    devices: Sequence[CertificateEnd] = ()
    """Certificates that the built-in CA gave out and that are in use; `place` is the device."""
    lists: Sequence[ListEnd] = ()
    """Of who was revoked; of each CA the newest."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """What the panel says of its own configuration; see `host/reloading.py`."""
    exporter: Mapping[str, Any] | None = None
    """The state of the export to a collector, None where there is none; see `syslog/export.py`."""

    def said(self, program: str) -> Said:
        """What a program last said, if it talks."""
        said = self.programs.get(program, {})
        return said if said.get("state") == "ok" else {}

    def destinations(self) -> Mapping[str, Said]:
        """The queue of each destination."""
        found: Mapping[str, Said] = self.said("forward").get("destinations", {})
        return found
