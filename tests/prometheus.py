"""promtool, which knows Prometheus's formats: the installed one, else the one that set-up unpacked."""

from __future__ import annotations

from tests.services import service


def promtool() -> str:
    """Its path; the test is skipped, and says so, where it is missing."""
    return service("promtool", "prometheus").program
