"""Writes docs/findings.md from the catalogue in the code: `python docs/findings.py`; `--check` compares."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.config.posture.finding import Rule
from appliance.config.posture.rules import RULES

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/findings.md"

_HEAD = """\
# What `appliance check` finds

It reads the configuration and what that names, changes nothing, and says how complete and how safe it is. Mistakes in
the file come first, each with its line; then these. An error keeps something from working, and the exit status is 78;
warnings and notes do not change it. With `--json`, `findings` holds `id`, `severity`, `subject` (the place in the
file), `what`, `why` and `fix`. An id never changes its meaning. This file is made from the code by `docs/findings.py`.

| id | severity | why it matters | how to mend it |
|---|---|---|---|
"""


def _row(rule: Rule) -> str:
    cells = (f"`{rule.id}`", rule.severity, rule.why, rule.fix.replace("{{", "{").replace("}}", "}"))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def document() -> str:
    """The page for people."""
    return _HEAD + "".join(map(_row, sorted(RULES, key=lambda rule: rule.id)))


def main(arguments: list[str]) -> int:
    """Write it, or say that it is stale."""
    if "--check" not in arguments:
        DOCUMENT.write_text(document())
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != document():
        print("docs/findings.md is stale: PYTHONPATH=. .venv/bin/python docs/findings.py", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
