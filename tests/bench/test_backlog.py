"""The benchmark of a real backlog, small: it drains, and what comes meanwhile is timed. Times are not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import backlog
from tests.bench.backlog import Drained, drain, report


@pytest.mark.skipif(bool(backlog.MISSING), reason=str(backlog.MISSING))
@pytest.mark.slow
def test_it_drains_to_the_end(tmp_path: Path) -> None:
    found = drain(tmp_path, 600)
    assert len(found.crossed) == len(found.idle) == 10
    assert found.crossed == sorted(found.crossed)
    assert "gone after" in report(found).text()


def test_a_backlog_that_slows_down_and_starves_is_not_met() -> None:
    steady = Drained(1000, [10.0 * tenth for tenth in range(1, 11)], waits=[0.5, 1.0], idle=[0.2])
    section = report(steady)
    assert all(verdict.met for verdict in section.verdicts)
    assert "begin 10/s, middle 10/s, end 10/s" in section.text()
    slower = Drained(1000, [10.0 * tenth for tenth in range(1, 10)] + [120.0], waits=[90.0], idle=[0.2])
    assert [verdict.met for verdict in report(slower).verdicts] == [False, False]
