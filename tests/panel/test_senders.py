"""Who may speak for a program."""

from __future__ import annotations

import os

from appliance.panel.senders import may_speak


def test_root_and_our_own_user_may() -> None:
    assert may_speak(0, "receive")
    assert may_speak(os.geteuid(), "receive")


def test_others_may_not() -> None:
    assert not may_speak(65533, "receive")
    assert not may_speak(-1, "receive")
    assert not may_speak(65533, "a\x00b")
