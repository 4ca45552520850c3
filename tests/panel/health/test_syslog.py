"""A collector that takes alerts, that cannot be reached, and records that were lost."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.panel.health.finding import Level
from appliance.panel.health.syslog import ALLOW, NO_NETWORK, check
from tests.panel.health.given import EXPORTER, NOW, facts, summary


def test_each_state() -> None:
    assert not list(check(facts(exporter=None)))
    assert summary(list(check(facts()))) == [("siem.example:6514", Level.OK, ())]
    down = {
        **EXPORTER,
        "connected": False,
        "error": "it does not answer",
        "waiting": 12,
        "lost": 1,
        "lost_at": NOW - 60,
    }
    found = list(check(facts(exporter=down)))
    assert summary(found) == [
        ("siem.example:6514", Level.WARN, ("alarm:notice",)),
        ("spool", Level.WARN, ("alarm:notice",)),
    ]
    assert found[0].since == NOW - 60 and "12 records wait" in found[0].what
    assert "1 record could not" in found[1].what
    long_ago = {**EXPORTER, "lost": 1, "lost_at": NOW - 3601}
    assert summary(list(check(facts(exporter=long_ago)))) == [("siem.example:6514", Level.OK, ())]


def test_a_panel_without_a_network_is_told_how_to_get_one() -> None:
    (found,) = check(facts(exporter={**EXPORTER, "connected": False, "error": NO_NETWORK}))
    assert ALLOW in found.fix
    example = re.search(r"/usr/share/doc/pacs-appliance/(\S+)", ALLOW)
    assert example and (Path(__file__).parents[3] / example[1]).is_file()
