"""`forward` keeps to the hours and the bandwidth of a destination, with a real upstream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from appliance.config.week import DAYS
from tests.delivery.upstream import StoreScp, until
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def another_day() -> str:
    """A day of the week that is not near."""
    return DAYS[(datetime.now().astimezone().weekday() + 3) % 7]


def test_a_closed_destination_waits_without_an_error_and_goes_on_when_it_is_open(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        box.destination("closed", upstream.port, schedule=another_day())
        box.destination("open", upstream.port, schedule="Mon-Sun")
        box.configure()
        for _ in range(5):
            box.state.put(pixels=1000)
        box.start()
        until(lambda: box.delivered("open") == 5)
        said = (box.ask("queue") or {})["destinations"]["closed"]
        assert (said["waiting"], said["delivered"], said["error"]) == (5, 0, "")
        assert said["opens_in"] > 86400
        assert said["schedule"] == another_day()
        assert box.stop() == 0
        box.destination("closed", upstream.port, schedule=f"{another_day()}, 00:00-24:00")
        box.configure()
        box.start()
        until(lambda: box.delivered("closed") == 5)


@pytest.mark.slow
def test_the_bandwidth_bounds_all_associations_together(box: Box, tmp_path: Path) -> None:
    """4 MB at 16 Mbit/s take two seconds, over however many associations; without a limit a tenth of that."""
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        box.destination("pacs", upstream.port, bandwidth="16Mbit/s")
        box.configure()
        for _ in range(40):
            box.state.put(pixels=100_000)
        box.start()
        until(lambda: len(list(upstream.directory.iterdir())) > 0)
        begun = time.monotonic()
        until(lambda: box.delivered() == 40)
        took = time.monotonic() - begun
        assert upstream.received() == box.state.sent
    assert 1.6 < took < 8


@pytest.mark.slow
def test_a_study_goes_when_it_is_quiet_and_then_whole(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        box.destination("now", upstream.port)
        box.destination("whole", upstream.port)
        box.configure()
        text = box.path.read_text().replace('to = ["now", "whole"]', 'to = ["now"]')
        box.path.write_text(text + '[[route]]\nto = ["whole"]\nwhen = { study = "complete", quiet = "10s" }\n')
        box.start()
        for _ in range(3):
            box.state.put(pixels=1000)
        until(lambda: box.delivered("now") == 3)
        begun = time.monotonic()
        box.state.put(pixels=1000)
        until(lambda: box.delivered("now") == 4)
        said = (box.ask("queue") or {})["destinations"]["whole"]
        assert (said["gathering"], said["waiting"], said["delivered"]) == (4, 0, 0)
        until(lambda: box.delivered("whole") == 4, 30)
        assert 9 < time.monotonic() - begun < 25
