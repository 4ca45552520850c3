"""Which programs a configuration has something to do for."""

from __future__ import annotations

import pytest

from appliance.config.load import parse_config
from appliance.programs.names import PROGRAMS, wanted
from tests.inspection.scene import CONFIG

TEXT = CONFIG.replace("RECIPIENT", "age1" + "q" * 58)


@pytest.mark.parametrize(
    ("respond", "absent"), [("off", {"respond"}), ("dry-run", set()), ("block", set()), (None, {"sensor", "respond"})]
)
def test_respond_runs_where_it_is_armed(respond: str | None, absent: set[str]) -> None:
    text = TEXT[: TEXT.index("[sensor]")] if respond is None else TEXT + f'respond = "{respond}"\n'
    assert set(PROGRAMS) - set(wanted(parse_config(text.encode()))) == absent
