from __future__ import annotations

import pytest

from appliance.delivery.outcome import Verdict, judge


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (0x0000, Verdict.DONE, "success"),
        (0xB000, Verdict.DONE, "warning"),
        (0xB006, Verdict.DONE, "warning"),
        (0xBFFF, Verdict.DONE, "warning"),
        (0xA700, Verdict.BUSY, "out of resources"),
        (0xA7FF, Verdict.BUSY, "out of resources"),
        (0x0213, Verdict.BUSY, "resource"),
        (0x0110, Verdict.TEMPORARY, "processing failure"),
        (0xA900, Verdict.PERMANENT, "does not match"),
        (0xC000, Verdict.PERMANENT, "cannot understand"),
        (0xCFFF, Verdict.PERMANENT, "cannot understand"),
        (0x0111, Verdict.PERMANENT, "duplicate"),
        (0x0122, Verdict.PERMANENT, "not supported"),
        (0x0124, Verdict.PERMANENT, "not authorized"),
        # Not a status of C-STORE, and 0x0001 and 0x0107 are warnings of other services: none of them is success.
        (0x0001, Verdict.PERMANENT, "unknown"),
        (0x0107, Verdict.PERMANENT, "unknown"),
        (0xA800, Verdict.PERMANENT, "unknown"),
        (0xD000, Verdict.PERMANENT, "unknown"),
        (0xFF00, Verdict.PERMANENT, "unknown"),
    ],
)
def test_only_success_and_warning_are_success(status: int, verdict: Verdict, words: str) -> None:
    outcome = judge(status)
    assert outcome.verdict is verdict
    assert words in outcome.reason
    assert f"0x{status:04X}" in outcome.reason
    assert outcome.status == status


def test_nothing_but_0000_and_bxxx_counts_as_done() -> None:
    done = {status for status in range(0x10000) if judge(status).verdict is Verdict.DONE}
    assert done == {0, *range(0xB000, 0xC000)}
