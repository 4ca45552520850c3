"""The file that a site starts with: what stands behind a "#" is right, too, for whoever removes it."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.config.anatomy import inner_section
from appliance.config.destinations import KINDS
from appliance.config.load import parse_config
from appliance.config.model import Config

TEXT = (Path(__file__).parents[2] / "firmware-config" / "appliance.toml").read_text()
LINE = re.compile(r"^# (?=\[{1,2}[a-z.]+\]|[a-z_]+ = )", re.MULTILINE)


def test_all_of_it_at_once_loads() -> None:
    config = parse_config(LINE.sub("", TEXT).encode(), "appliance.toml")
    assert len(config.peer) == 4 and {each.kind for each in config.destination} == {"dimse", "stow", "object-store"}
    assert config.sensor and config.sensor.server and config.alerts and config.panel.leds


def test_each_key_is_shown() -> None:
    hidden: dict[str, set[str]] = {}
    for name, field in Config.model_fields.items():
        inner = inner_section(field.annotation)
        assert inner
        for model in KINDS.values() if name == "destination" else [inner]:
            hidden.setdefault(name, set()).update(
                key for key in model.model_fields if not re.search(rf"\b{key}\b", TEXT)
            )
    assert not any(hidden.values()), hidden
