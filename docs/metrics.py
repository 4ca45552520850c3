"""Writes docs/metrics.md from the table in the code: `python docs/metrics.py`; `--check` compares."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.panel.health import QUESTIONS
from appliance.panel.metrics import METRICS, Metric

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/metrics.md"

_HEAD = """\
# What Prometheus is told

The panel serves these at `/metrics`: on the address of `[panel] metrics`, or under systemd on the socket of
`appliance-panel-metrics.socket` (127.0.0.1:9465). Labels hold names of the configuration, of programs, rules and parts
of the machine; no metric holds patient data. What nobody knows is not told: a program that is silent has no stale
numbers, a board without a thermometer no temperature. Counters of a program begin anew when it starts. Alert rules and
a dashboard are in [firmware-config/](../firmware-config/README.md). This file is made from
the code by `docs/metrics.py`.

| name | type | labels | is |
|---|---|---|---|
"""
_TAIL = """
`question` of `appliance_health_level` is one of: {questions}.
"""


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help.rstrip('.')} |\n"


def document() -> str:
    """The page for people."""
    return _HEAD + "".join(map(_row, METRICS)) + _TAIL.format(questions=", ".join(QUESTIONS))


def main(arguments: list[str]) -> int:
    """Write it, or say that it is stale."""
    if "--check" not in arguments:
        DOCUMENT.write_text(document())
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != document():
        print("docs/metrics.md is stale: PYTHONPATH=. .venv/bin/python docs/metrics.py", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
