"""The steps of `appliance echo`: the first that fails is the last, in the words of the error."""

from __future__ import annotations

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.probe import Failed, Probe, Step


def test_steps_are_told_with_their_time_as_they_end() -> None:
    told: list[Step] = []
    probe = Probe(told.append)
    with probe.step("DNS") as notes:
        notes.what = "here"
        notes.details.append("a line")
    with probe.step("TLS") as notes:
        notes.result, notes.hint = "warn", "soon"
    assert [(step.name, step.result, step.what) for step in told] == [("DNS", "ok", "here"), ("TLS", "warn", "")]
    assert told[0].details == ("a line",)
    assert 0 <= told[0].seconds < 1
    assert probe.ok
    assert probe.steps[0].as_dict()["details"] == ["a line"]


def test_an_error_ends_it_with_its_words_and_its_advice_or_ours() -> None:
    probe = Probe()
    with pytest.raises(Failed), probe.step("TCP") as notes:
        notes.hint = "ours"
        raise UpstreamError("refused", fix="theirs")
    with pytest.raises(Failed), probe.step("TCP") as notes:
        notes.hint = "ours"
        raise UpstreamError("refused")
    with pytest.raises(Failed), probe.step("TCP") as notes:
        raise notes.failure("gone", "look for it")
    assert [(step.what, step.hint) for step in probe.steps] == [
        ("refused", "theirs"),
        ("refused", "ours"),
        ("gone", "look for it"),
    ]
    assert not probe.ok
