"""The conformance statement says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_lines_fit_a_terminal_and_every_table_is_closed() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    assert text.count("<!-- table:") == text.count("<!-- end -->")
    assert all(len(line) <= 140 for line in text.splitlines() if not line.startswith("|"))


def test_sections_come_in_order_and_those_that_are_referred_to_are_there() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    numbers = [tuple(map(int, number.split("."))) for number in re.findall(r"^#+ N\.([\d.]*\d)", text, re.MULTILINE)]
    assert numbers == sorted(set(numbers))
    whole = {".".join(map(str, number)) for number in numbers} | {"10", "11", "11.2.6", "5.2.5.1.1"}  # named in passing
    referred = re.findall(r"\bN\.(\d[\d.]*\d|\d)", text)
    assert [number for number in referred if number not in whole] == []
