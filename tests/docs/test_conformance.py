"""The conformance statement says what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_of_the_conformance_statement_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "docs/conformance.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_lines_fit_a_terminal_and_every_table_is_closed() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    assert text.count("<!-- table:") == text.count("<!-- end -->")
    assert all(len(line) <= 140 for line in text.splitlines() if not line.startswith("|"))
