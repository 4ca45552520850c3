"""`.ci/test`: what fails beside the others has one more try alone, and is named whatever comes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONCE = """
def test_{0}(request):
    flag = request.path.with_suffix(".{0}")
    there = flag.exists()
    flag.touch()
    assert there
"""
ALWAYS = "def test_{0}():\n    assert False\n"
WELL = "def test_well():\n    pass\n"


def ci_test(root: Path, tests: str, checks: int = 0) -> tuple[int, str]:
    """Its exit status and all that it said, for a project with these tests."""
    (root / ".ci").mkdir()
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / ".ci/test", root / ".ci")
    for name, line in (("ci/check", f"exit {checks}"), ("venv/bin/pytest", f'exec {sys.executable} -m pytest "$@"')):
        path = root / f".{name}"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    (root / "pytest.ini").write_text("[pytest]\n")
    (root / "test_it.py").write_text(tests)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [root / ".ci/test"],
        env={**environment, "WORKERS": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("tests", "checks", "status", "words"),
    [
        (WELL, 3, 3, None),
        (WELL + ONCE.format("a"), 3, 3, "failed beside the others, passed alone:"),
        (WELL + ONCE.format("a") + ALWAYS.format("b"), 0, 1, "failed beside the others:"),
        ("".join(ONCE.format(name) for name in "abcdefghij"), 0, 0, "failed beside the others, passed alone:"),
        ("".join(ONCE.format(name) for name in "abcdefghijk"), 0, 1, None),
        ("this is no python", 0, 2, None),
    ],
    ids=["check", "once and check", "always", "ten", "eleven", "not collected"],
)
def test_what_failed_is_tried_once_more(
    tmp_path: Path, tests: str, checks: int, status: int, words: str | None
) -> None:
    left, said = ci_test(tmp_path, tests, checks)
    assert left == status, said
    if words:
        (line,) = [each for each in said.splitlines() if each.startswith("test: failed beside")]
        assert words in line and "test_it.py::test_a" in said[said.index(line) :]
    else:
        assert "beside the others" not in said and "once more" not in said
