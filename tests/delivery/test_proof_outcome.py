"""Each Failure Reason of a commitment report, and what comes of it."""

from __future__ import annotations

import pytest

from appliance.delivery.proof_outcome import judge_failure
from appliance.vault.proofs import Sequel


def test_one_that_got_lost_is_sent_again_once_and_then_held() -> None:
    assert judge_failure(0x0112, 0) == (Sequel.RESEND, "")
    sequel, words = judge_failure(0x0112, 1)
    assert sequel is Sequel.HOLD
    assert words == (
        "it stored this and does not commit to it: 0x0112, no such object instance, and again after it was sent anew"
    )


@pytest.mark.parametrize("missed", [0, 1, 9])
def test_a_duplicate_transaction_is_a_fault_of_the_question(missed: int) -> None:
    assert judge_failure(0x0131, missed) == (Sequel.ASK, "")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (0x0110, "processing failure"),
        (0x0119, "class-instance conflict"),
        (0x0122, "referenced SOP class not supported"),
        (0x0213, "resource limitation"),
        (0x0001, "a reason that no table lists"),
        (0xFFFF, "a reason that no table lists"),
    ],
)
@pytest.mark.parametrize("missed", [0, 1])
def test_all_others_are_held_in_the_words_of_the_standard(reason: int, words: str, missed: int) -> None:
    assert judge_failure(reason, missed) == (
        Sequel.HOLD,
        f"it stored this and does not commit to it: 0x{reason:04X}, {words}",
    )


def test_no_reason_is_taken_for_a_success() -> None:
    assert all(judge_failure(reason, 0)[0] in Sequel for reason in range(0x10000))
    assert {reason for reason in range(0x10000) if judge_failure(reason, 0)[0] is not Sequel.HOLD} == {0x0112, 0x0131}
