"""The words for how a destination is."""

from __future__ import annotations

import time
from typing import Any

from appliance.cli.delivery_words import forecast, last_error, pace, state_of


def test_the_words_for_a_destination() -> None:
    idle: dict[str, Any] = {"waiting": 0, "leased": 0, "rate": 0.0, "drained_in": 0.0}
    assert state_of(idle) == ("ok", "green")
    assert state_of({**idle, "blocked": True, "error": "locked"})[0] == "waits for a key"
    assert state_of({**idle, "paused": 0.0, "error": "down"})[0] == "held back"
    assert state_of({**idle, "error": "down", "next_try_in": 12.4})[0] == "failing, next try in 12 s"
    assert state_of({**idle, "error": "down", "next_try_in": 0.0})[0] == "failing, tried now"
    assert state_of({**idle, "opens_in": 7200.0})[0] == "closed for 2 h"
    assert forecast(idle) == ""
    assert forecast({**idle, "waiting": 9, "drained_in": 360.0}) == "in 6 min"
    assert forecast({**idle, "waiting": 9, "drained_in": None}) == "?"
    assert [pace({"rate": rate}) for rate in (0.0, 0.5, 123.4)] == ["", "0.5/s", "123/s"]
    now = time.time()
    assert last_error({"last_error": {"reason": "down", "at": now - 60}}, now) == "down (60 s ago)"
    assert last_error({"last_error": None, "error": ""}) == ""
