"""How the tests share a machine when several run at a time (`pytest -n 4`)."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# Several suites share a machine at times: what an example takes says nothing then.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Whoever starts the tests in the background may have had SIGINT ignored, which every command under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Rooms that prepare something long for all of their tests, which one worker should do, once.
TOGETHER = ("tests/sensor_lab/",)


class Rooms(LoadScopeScheduling):
    """Gives all tests of such a room to one worker, first of all, and every other test to whoever is idle.

    The marks of xdist 3.8 for this do nothing with pytest 9.2, which takes no other name for a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((room for room in TOGETHER if nodeid.startswith(room)), nodeid)


@pytest.hookimpl(optionalhook=True)  # of xdist, without which one runs them too
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Rooms:
    return Rooms(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sensor lab's table of rules, scenes and outcomes, whichever worker played them."""
    reports = [each for several in terminalreporter.stats.values() for each in several]
    said = [getattr(each, "user_properties", ()) for each in reports if getattr(each, "when", "") == "call"]
    rows = sorted(str(value) for properties in said for name, value in properties if name == "sensor-lab")
    if rows:
        terminalreporter.write_sep("=", "sensor lab: rule, what it must do, tool, scene, what was heard")
        for row in rows:
            terminalreporter.write_line(row)
