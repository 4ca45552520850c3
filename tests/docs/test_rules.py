"""The list of rules says what the code does."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_number_of_the_catalogue_has_a_row_and_lines_fit_a_terminal() -> None:
    text = (ROOT / "docs/rules.md").read_text()
    assert [line[2:5] for line in text.splitlines() if line.startswith("| D")] == [f"D{n:02}" for n in range(1, 49)]
    assert all(len(line) <= 140 for line in text.splitlines() if not line.startswith("|"))
