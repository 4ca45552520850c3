"""What is shown of a configuration loads to the same configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.config.written import departures, duration, written
from tests.config.files import VALID

REPOSITORY = Path(__file__).parents[2]
FILES = {"each key": VALID, "default": (REPOSITORY / "firmware-config/appliance.toml").read_text()}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_the_effective_configuration_and_what_was_chosen_load_to_the_same(text: str) -> None:
    config = parse_config(text.encode())
    for document in (written(config), departures(config)):
        again = parse_config(tomli_w.dumps(document).encode())
        assert {name: getattr(again, name) for name in Config.model_fields} == {
            name: getattr(config, name) for name in Config.model_fields
        }


def test_what_was_chosen_is_less() -> None:
    config = parse_config(FILES["default"].encode())
    assert "idle" in written(config)["receive"]
    assert "idle" not in departures(config)["receive"]
    assert "panel" not in departures(config) or departures(config)["panel"]


@pytest.mark.parametrize(("seconds", "words"), [(0.3, "300ms"), (1, "1s"), (90, "90s"), (600, "10min"), (259200, "3d")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
