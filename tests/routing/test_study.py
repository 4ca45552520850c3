"""When a study counts as complete."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.study import Quiet

LONGEST = 14400.0
arrivals = st.lists(st.floats(0, 3000), min_size=1, max_size=50)


def test_a_quiet_time_after_the_last_and_not_before() -> None:
    study = Quiet.begin(100.0, 600.0, LONGEST).another(500.0, 600.0)
    assert not study.complete(1099.9)
    assert study.complete(1100.0)


def test_a_study_that_never_rests_is_complete_in_the_end() -> None:
    study = Quiet.begin(0.0, 600.0, LONGEST)
    for now in range(60, 20_000, 60):
        study = study.another(float(now), 600.0)
    assert study.due == LONGEST


def test_a_quiet_time_longer_than_the_longest_is_kept() -> None:
    assert Quiet.begin(0.0, 86400.0, LONGEST).due == 86400.0


@given(arrivals, st.floats(10, 86400))
def test_it_is_quiet_for_so_long_or_late(steps: list[float], quiet: float) -> None:
    now = 0.0
    study = Quiet.begin(now, quiet, LONGEST)
    for step in steps:
        now += step
        before = study
        study = study.another(now, quiet)
        assert study.due >= before.due
        assert study.latest == before.latest
    assert study.due <= study.latest == max(quiet, LONGEST)
    assert study.due == study.latest or study.due >= now + quiet
