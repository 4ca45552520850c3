"""Each rule of `appliance check` says what a person needs."""

from __future__ import annotations

from collections import Counter

import pytest

from appliance.config.posture.finding import Rule
from appliance.config.posture.rules import RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_says_why_it_matters_and_how_to_mend_it(rule: Rule) -> None:
    assert rule.why.endswith(".") and len(rule.why.split()) >= 4
    assert rule.fix.endswith(".") and len(rule.fix.split()) >= 3


def test_no_id_is_there_twice() -> None:
    assert max(Counter(rule.id for rule in RULES).values()) == 1
