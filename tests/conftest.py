"""How the tests share a machine when several run at a time (`pytest -n auto --dist loadgroup`)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Several suites share a machine at times: what an example takes says nothing then.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Whoever starts the tests in the background may have had SIGINT ignored, which every command under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Rooms whose tests use loopback, listen to it, or measure time and memory: one at a time, or they hear each other.
NEIGHBOURS = frozenset({"capture", "cli", "delivery", "e2e", "host", "panel", "programs", "scp", "sensor_lab"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker run them all, one after the other; the other workers share the rest."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in NEIGHBOURS:
            item.add_marker(pytest.mark.xdist_group("neighbours"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sensor lab's table of rules, scenes and outcomes, whichever worker played them."""
    reports = [each for several in terminalreporter.stats.values() for each in several]
    said = [getattr(each, "user_properties", ()) for each in reports if getattr(each, "when", "") == "call"]
    rows = sorted(str(value) for properties in said for name, value in properties if name == "sensor-lab")
    if rows:
        terminalreporter.write_sep("=", "sensor lab: rule, what it must do, tool, scene, what was heard")
        for row in rows:
            terminalreporter.write_line(row)
