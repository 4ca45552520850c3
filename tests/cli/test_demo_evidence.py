"""The demo looks at files while the appliance is at work on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.cli.demo import evidence

# Says twice that a file went, and finds two the third time.
GREP = """#!/bin/sh
echo >> "$0.calls"
[ "$(wc -l < "$0.calls")" -lt 3 ] || { echo one; echo two; exit 0; }
echo "grep: state/incoming/x: SAID" >&2
exit 2
"""


def grep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> int:
    program = tmp_path / "grep"
    program.write_text(GREP.replace("SAID", said))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return evidence._grep(tmp_path / "words", tmp_path / "state")


def test_a_file_that_went_meanwhile_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grep(tmp_path, monkeypatch, "No such file or directory") == 2


def test_a_file_that_cannot_be_read_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="Permission denied"):
        grep(tmp_path, monkeypatch, "Permission denied")


def test_each_file_counts_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(7))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert evidence._sizes(tmp_path) == [7]
