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

# Rooms that prepare something long for all of their tests, which one worker should do, once.
TOGETHER = frozenset({"sensor_lab"})


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker run all tests of such a room."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(room))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sensor lab's table of rules, scenes and outcomes, whichever worker played them."""
    reports = [each for several in terminalreporter.stats.values() for each in several]
    said = [getattr(each, "user_properties", ()) for each in reports if getattr(each, "when", "") == "call"]
    rows = sorted(str(value) for properties in said for name, value in properties if name == "sensor-lab")
    if rows:
        terminalreporter.write_sep("=", "sensor lab: rule, what it must do, tool, scene, what was heard")
        for row in rows:
            terminalreporter.write_line(row)
