"""A noisy neighbour is counted, not repeated; the others are heard."""

from appliance.base.throttle import Throttle


def test_the_burst_passes_and_the_rest_is_counted() -> None:
    throttle = Throttle(burst=2, period=60)
    assert [throttle.passes("a", now)[0] for now in (0, 1, 2, 3)] == [True, True, False, False]
    assert throttle.passes("b", 3) == (True, 0)
    assert throttle.passes("a", 61) == (True, 2)


def test_a_clock_that_jumps_back_does_not_silence_for_ever() -> None:
    throttle = Throttle(burst=1, period=60)
    assert throttle.passes("a", 1000)[0]
    assert throttle.passes("a", 10)[0]


def test_memory_is_bounded() -> None:
    throttle = Throttle(burst=1, period=60, keys=10)
    for key in range(1000):
        throttle.passes(key, 0)
    assert len(throttle._seen) == 10
