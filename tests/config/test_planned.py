"""The tables of what is planned agree with the model: what works is not called planned, and the design is known."""

from __future__ import annotations

import re

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.config.planned import KEYS
from appliance.config.sentences import _section

# The keys of the design's example that this version does not take yet.
DESIGNED = """
[vault]
evidence_recipients = []
"""


@pytest.mark.parametrize("place", KEYS)
def test_a_planned_key_does_not_work_yet_and_its_section_does(place: tuple[str, ...]) -> None:
    section = _section(place[:-1])
    assert section is not None
    assert place[-1] not in section.model_fields


def test_a_reader_of_the_design_is_not_told_of_unknown_keys() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(DESIGNED.encode())
    said = [str(problem) for problem in caught.value.problems]
    assert not [each for each in said if "unknown" in each]
    assert len([each for each in said if "planned, not in this version" in each]) == 1


def test_planned_sections_are_not_sections() -> None:
    assert not {place[0] for place in KEYS if len(place) == 1} & set(Config.model_fields)
    assert all(re.fullmatch(r"[^.]+", what) for what in KEYS.values())
