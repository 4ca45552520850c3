"""The words for how a destination is."""

from __future__ import annotations

import time
from typing import Any

from appliance.cli.delivery_words import BY_A_PERSON, advice, forecast, held_advice, last_error, pace, state_of
from appliance.cli.uid_names import with_names
from appliance.vault import deliveries


def test_the_words_for_a_destination() -> None:
    idle: dict[str, Any] = {"waiting": 0, "leased": 0, "rate": 0.0, "drained_in": 0.0}
    assert state_of(idle) == ("ok", "green")
    assert state_of({**idle, "blocked": True, "error": "locked"})[0] == "waits for a key"
    assert state_of({**idle, "paused": 0.0, "error": "down"})[0] == "held back"
    assert state_of({**idle, "error": "down", "next_try_in": 12.4})[0] == "failing, next try in 12 s"
    assert state_of({**idle, "error": "down", "next_try_in": 0.0})[0] == "failing, tried now"
    assert state_of({**idle, "opens_in": 7200.0})[0] == "closed for 2 h"
    assert state_of({**idle, "stored": 3, "overdue": 2, "proof_error": ""}) == ("ok, proof is late", "yellow")
    assert state_of({**idle, "overdue": 0, "proof_error": "down"})[0] == "ok, proof is late"
    assert forecast(idle) == ""
    assert forecast({**idle, "waiting": 9, "drained_in": 360.0}) == "in 6 min"
    assert forecast({**idle, "waiting": 9, "drained_in": None}) == "?"
    assert [pace({"rate": rate}) for rate in (0.0, 0.5, 123.4)] == ["", "0.5/s", "123/s"]
    now = time.time()
    assert last_error({"last_error": {"reason": "down", "at": now - 60}}, now) == "down (60 s ago)"
    assert last_error({"last_error": None, "error": ""}) == ""
    past = {"reason": "down", "advice": "Look there.", "at": now}
    assert advice({"advice": "", "last_error": past}) == "Look there."
    assert advice({"advice": "Check it.", "last_error": past}) == "Check it."
    assert advice({"advice": "", "last_error": None}) == ""


def test_what_to_do_about_what_is_held() -> None:
    said = "Have 1.2.840.10008.5.1.4.1.1.2 with 1.2.840.10008.1.2.1 configured there."
    held = [{"destination": "pacs", "reason": "not accepted"}, {"destination": "other", "reason": "too long"},
            {"destination": "third", "reason": "a person holds it back"}]  # fmt: skip
    destinations = {"pacs": {"last_error": {"reason": "not accepted", "advice": said}}, "other": {"last_error": None}}
    refused, unknown, by_hand = held_advice(held, destinations)
    assert refused == f"pacs: {said}"
    assert "APPLIANCE_EVENT=DELIVERY-HELD" in unknown and unknown.startswith("other: ")
    assert BY_A_PERSON == deliveries.BY_A_PERSON
    assert by_hand == "third: `appliance queue release third OBJECT` lets one go on."


def test_uids_of_the_standard_have_names_and_others_stay_as_they_are() -> None:
    assert with_names("Have 1.2.840.10008.5.1.4.1.1.2 with 1.2.840.10008.1.2.1 there, 1.2.840.10008.9999, 1.2.3.") == (
        "Have CT Image Storage (1.2.840.10008.5.1.4.1.1.2) with Explicit VR Little Endian (1.2.840.10008.1.2.1) there, "
        "1.2.840.10008.9999, 1.2.3."
    )
