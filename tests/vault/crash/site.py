"""From where in the vault a flush is asked for, so that one can be left out and not the others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

_FRAMES = 3  # how much of the way tells one from the others
_PASSED = ("medium", "flusher", "refusals")
_PASSED_STEP = "connection.Connection._write_entries"  # of every transaction that enters something


def site() -> str:
    """Where in the vault the sync is asked for: functions from the inside out. Who shares a flush is told apart by who
    asked, so the flusher is left out."""
    frames: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame and len(frames) < _FRAMES:
        path = Path(frame.f_code.co_filename)
        if path.parts[-3:-1] == ("appliance", "vault") and path.stem not in _PASSED:
            name = frame.f_code.co_qualname
            if "<" not in name and f"{path.stem}.{name}" != _PASSED_STEP:
                frames.append(f"{path.stem}.{name}")
        frame = frame.f_back
    return " < ".join(frames)
