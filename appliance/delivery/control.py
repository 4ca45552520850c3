"""The control socket of `forward`: how `appliance queue`, `unlock` and `vault` ask it, since it alone has the ledger.

Answers hold names of destinations, counts and object ids; nothing of a patient.
"""

from __future__ import annotations

from pathlib import Path

from appliance.host.control import Control, Operation, Request, ask

__all__ = ["Control", "Operation", "Request", "ask", "control_socket"]


def control_socket(runtime_dir: Path) -> Path:
    """Where `forward` listens."""
    return runtime_dir / "forward.sock"
