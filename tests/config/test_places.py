"""Where the programs meet is found also in a file with mistakes: what looks at them has to work just then."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.places import Places, places_of

SECTION = '[appliance]\nae_title = "EDGE01"\nstate_dir = "/srv/state"\nruntime_dir = \'/srv/run\'  # sockets\n'
NAMED = Places(Path("/srv/state"), Path("/srv/run"))
DEFAULTS = Places(Path("/var/lib/appliance"), Path("/run/appliance"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SECTION + '[vault]\nrecipients = ["age1"]\n', NAMED),
        (SECTION + "[receive]\nlisten = 1\nlisten_plan = 2\n", NAMED),
        (SECTION + "[receive\n", NAMED),
        (SECTION + '[[peer]]\nname = "no end\n', NAMED),
        (SECTION.replace("/srv", "srv"), DEFAULTS),
        ("appliance = 3\n", DEFAULTS),
        ('[appliance]\nruntime_dir = ["/a"]\nstate_dir = 5\n', DEFAULTS),
        ('[appliance]\nruntime_dir = "/a\\u0000b"\n', DEFAULTS),
        ("", DEFAULTS),
        ("[", DEFAULTS),
    ],
)
def test_they_are_found(text: str, expected: Places, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text)
    assert places_of(tmp_path / "file") == expected


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_where_there_is_no_text_the_mistake_is_told(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigErrors):
        places_of(tmp_path / "file")
