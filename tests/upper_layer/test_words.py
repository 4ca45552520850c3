from __future__ import annotations

from appliance.upper_layer import words


def test_known_numbers_are_put_into_words() -> None:
    assert words.rejection(1, 1, 7) == "rejected permanently: called AE title not recognized"
    assert words.rejection(2, 3, 2) == "rejected for now: local limit exceeded"
    assert words.abort(2, 6) == "aborted by the protocol machine: invalid PDU parameter value"
    assert words.abort(0, 99) == "aborted by the application"
    assert words.context_result(3) == "abstract syntax not supported"


def test_unknown_numbers_are_shown() -> None:
    assert words.rejection(9, 1, 4) == "rejected (result 9): source 1, reason 4"
    assert words.abort(2, 3) == "aborted by the protocol machine: reason 3"
    assert words.context_result(9) == "result 9"
