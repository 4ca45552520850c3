"""A table with one bad row has failed, and the rows after it are tried."""

from __future__ import annotations

import pytest

from tests.vm.box.outcome import Outcome


def test_rows_are_counted_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome()
    outcome.line("one", True, "note")
    outcome.line("two", False)
    with outcome.of("three"):
        raise RuntimeError("broke")
    with outcome.of("four"):
        pass
    assert outcome.failed == ["two", "three"]
    assert capsys.readouterr().out.splitlines() == [
        "ok      one: note",
        "FAILED  two",
        "FAILED  three: RuntimeError: broke",
    ]
