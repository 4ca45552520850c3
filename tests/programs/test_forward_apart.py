"""One destination that is dead, one that is slow and one that refuses: the fourth goes as fast as if it were alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.upstream import StoreScp, free_port, until
from tests.programs.test_forward import Box

INSTANCES = 1000


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[list[Box]]:
    made: list[Box] = []
    yield made
    for box in made:
        if box.process:
            box.process.kill()
            box.process.wait()


def seconds(box: Box) -> float:
    """From the first delivery to the last at the destination "well"."""
    for _ in range(INSTANCES):
        box.state.put(pixels=50_000)
    box.start()
    until(lambda: box.delivered("well") > 0)
    begun, had = time.monotonic(), box.delivered("well")
    until(lambda: box.delivered("well") == INSTANCES, 60)
    return (time.monotonic() - begun) / max(1, INSTANCES - had) * INSTANCES


@pytest.mark.slow
def test_a_destination_that_is_well_notices_nothing_of_the_others(boxes: list[Box], tmp_path: Path) -> None:
    for name in ("alone", "beside"):
        (tmp_path / name).mkdir()
        boxes.append(Box(tmp_path / name))
    alone, beside = boxes
    with StoreScp(tmp_path / "alone" / "upstream", options=("+xa", "--fork")) as upstream:
        alone.destination("well", upstream.port)
        alone.configure()
        by_itself = seconds(alone)
        assert alone.stop() == 0
        assert upstream.received() == alone.state.sent
    with (
        StoreScp(tmp_path / "beside" / "upstream", options=("+xa", "--fork")) as upstream,
        StoreScp(tmp_path / "slow", options=("+xa", "--fork", "--sleep-after", "1")) as slow,
        StoreScp(tmp_path / "refusing", options=("+xa", "--refuse")) as refusing,
    ):
        beside.destination("dead", free_port())
        beside.destination("slow", slow.port)
        beside.destination("refusing", refusing.port)
        beside.destination("well", upstream.port)
        beside.configure()
        among_others = seconds(beside)
        said: dict[str, Any] = (beside.ask("queue") or {})["destinations"]
        assert upstream.received() == beside.state.sent
        assert beside.stop() == 0
    print(
        f"{INSTANCES} instances: {by_itself:.2f} s alone, {among_others:.2f} s beside a dead, a slow and a refusing one"
    )
    assert said["well"]["last_error"] is None
    for name, why in (("dead", "cannot connect"), ("refusing", "the association was rejected")):
        assert said[name]["waiting"] + said[name]["leased"] == INSTANCES, name
        assert said[name]["held"] == said[name]["delivered"] == 0, name
        assert said[name]["circuit"] != "closed", name
        assert why in said[name]["last_error"]["reason"], name
    assert 0 < said["slow"]["waiting"] + said["slow"]["leased"] < INSTANCES + 1
    assert said["slow"]["held"] == 0
