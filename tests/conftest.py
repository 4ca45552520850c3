"""How the tests share a machine when several run at a time (`pytest -n auto --dist loadgroup`)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

# Whoever starts the tests in the background may have had SIGINT ignored, which every command under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Rooms whose tests use loopback, listen to it, or measure time and memory: one at a time, or they hear each other.
NEIGHBOURS = frozenset({"capture", "cli", "delivery", "e2e", "host", "panel", "programs", "scp"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker run them all, one after the other; the other workers share the rest."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in NEIGHBOURS:
            item.add_marker(pytest.mark.xdist_group("neighbours"))
