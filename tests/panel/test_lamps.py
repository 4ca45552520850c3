"""Every state of every lamp: that it has a row, that it can be told from the others, that bad news win."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from appliance.panel.health import QUESTIONS
from appliance.panel.lamps import (
    BY_KEY,
    FUNCTIONS,
    LIFE,
    SINGLE,
    TABLE,
    URGENCY,
    Row,
    as_markdown,
    patterns,
    states,
)

ROOT = Path(__file__).parents[2]
CALM = {"ready": "serving", "traffic": "idle", "backlog": "none", "alarm": "quiet"}


def programs(state: str = "ok", associations: int = 0) -> dict[str, Any]:
    return {"receive": {"state": state, "associations": associations}, "forward": {"state": "ok"}}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.key)
def test_every_state_can_be_shown(row: Row) -> None:
    assert row.function in FUNCTIONS and row.meaning and row.fix
    shown = CALM | {row.function: row.state}
    found = patterns(shown)
    assert found[row.function] is row.pattern
    assert set(found) == {*FUNCTIONS, SINGLE}
    assert all(level in (0, 1) and length > 0 for level, length in row.pattern.steps)


def test_every_combination_of_states_has_a_pattern_on_a_box_with_one_lamp() -> None:
    by_function = [[row.key for row in TABLE if row.function == each and row.by == "panel"] for each in FUNCTIONS]
    seen = set()
    for keys in itertools.product(*by_function):
        single = patterns(dict(key.split(":") for key in keys))[SINGLE]
        worst = next((key for key in URGENCY if key in keys), "ready:serving")
        assert single is BY_KEY[worst].single
        seen.add(single.name)
    assert len(seen) == len(URGENCY) + 1  # each can be told from the others


@pytest.mark.parametrize("function", FUNCTIONS)
def test_states_of_one_lamp_look_different(function: str) -> None:
    names = [row.pattern.steps for row in TABLE if row.function == function]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.key)
def test_good_news_go_dark_by_themselves(row: Row) -> None:
    """A lamp is right even when this program is not: what says "all is well" must be renewed to go on."""
    good = row.key in ("ready:serving", "ready:starting", "traffic:open", "traffic:moving")
    if good:
        assert not row.pattern.lasting
        assert not row.single.lasting
    assert row.pattern.lasting or row.pattern.period <= LIFE * 1000


def test_calm() -> None:
    assert states(programs(), False, []) == CALM


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        ("ok", "serving"),
        ("starting", "starting"),
        ("silent", "off"),
        ("ended", "off"),
        ("stopped", "off"),
        ("never", "off"),
    ],
)
def test_ready_follows_receive(state: str, ready: str) -> None:
    shown = states(programs(state, associations=2), True, [])
    assert shown["ready"] == ready
    assert shown["traffic"] == ("moving" if state == "ok" else "idle")


def test_traffic() -> None:
    assert states(programs(associations=1), False, [])["traffic"] == "open"
    assert states(programs(associations=1), True, [])["traffic"] == "moving"
    assert states(programs(associations=0), True, [])["traffic"] == "idle"


def test_the_most_urgent_claim_is_shown_whatever_the_order() -> None:
    claims = ["backlog:waiting", "backlog:held", "alarm:notice", "alarm:alarm", "backlog:locked", "ready:refusing"]
    for order in (claims, claims[::-1]):
        shown = states(programs(), False, order)
        assert shown == {"ready": "refusing", "traffic": "idle", "backlog": "held", "alarm": "alarm"}


def test_a_claim_that_is_no_state_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        states(programs(), False, ["alarm:amber"])


def test_findings_claim_states_that_there_are() -> None:
    rooms = ROOT / "appliance/panel/health"
    claimed = {
        key
        for path in rooms.glob("*.py")
        if path.name != "finding.py"
        for key in re.findall(r'"([a-z]+:[a-z]+)"', path.read_text())
    }
    assert claimed <= set(BY_KEY)
    reachable = claimed | {"ready:serving", "ready:starting", "ready:off", "traffic:idle", "traffic:open"}
    reachable |= {"traffic:moving", "backlog:none", "alarm:quiet"}
    assert reachable == {row.key for row in TABLE if row.by == "panel"}
    assert QUESTIONS


def test_the_readme_has_this_table() -> None:
    assert as_markdown() in (ROOT / "README.md").read_text()
