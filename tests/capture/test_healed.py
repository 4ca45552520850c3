"""A capture that goes on: its interface is removed and comes back, or it fails; each gap is told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from appliance.capture import healed
from appliance.capture.healed import Healed
from appliance.capture.ring import Ring
from appliance.capture.source import CaptureFailed, CaptureRefused, Source
from appliance.inspection.engine import Packet
from tests.capture.lab import needs, needs_root, run, wire
from tests.capture.test_ring import _udp


class Failing:
    """Gives one batch, then fails."""

    how = "a source that fails"
    lossy = False

    def __init__(self, number: int) -> None:
        self.number = number
        self.closed = False

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        yield [(float(self.number), b"frame", 5, None)]
        raise ValueError("a peer's bytes, which nobody should read")

    def losses(self) -> tuple[int, bool]:
        return (3, True) if self.closed is False else (0, False)

    def close(self) -> None:
        self.closed = True


def opening(failures: int) -> tuple[Callable[[str], Source], list[Failing]]:
    made: list[Failing] = []
    tries = [0]

    def opened(interface: str) -> Source:
        tries[0] += 1
        if 1 < tries[0] <= 1 + failures:
            raise CaptureFailed("not there")
        made.append(Failing(len(made)))
        return made[-1]

    return opened, made


def taken(batches: Iterator[Iterable[Packet]], count: int) -> list[list[Packet]]:
    """The next batches that are not empty."""
    found: list[list[Packet]] = []
    while len(found) < count:
        found += [batch] if (batch := list(next(batches))) else []
    return found


def test_a_capture_that_fails_is_opened_anew() -> None:
    opened, made = opening(failures=0)
    source = Healed("lo", opened)
    seen = taken(source.batches(-1, 0.01), 3)
    assert [batch[0][0] for batch in seen] == [0.0, 1.0, 2.0]
    gaps = source.take_gaps()
    assert gaps[0] == "the capture failed (ValueError)"
    assert gaps[1].startswith("lo is watched again, after 0.")
    assert source.take_gaps() == []
    assert [each.closed for each in made] == [True, True, False]
    assert source.losses() == (9, True)  # what the closed ones counted is not forgotten
    source.close()


def test_while_it_cannot_be_opened_its_reader_goes_on() -> None:
    opened, made = opening(failures=2)
    source = Healed("lo", opened)
    batches = source.batches(-1, 0.01)
    assert list(next(batches))
    assert list(next(batches)) == []
    assert source.losses()[0] == 3
    assert source.fault == "cannot be captured"
    assert taken(batches, 1)[0][0][0] == 1.0
    assert source.fault == ""
    assert len(made) == 2
    source.close()


def test_a_readable_descriptor_wakes_it_while_it_waits() -> None:
    opened, _ = opening(failures=1000)
    source = Healed("lo", opened)
    wake, waker = os.pipe()
    os.write(waker, b"x")
    batches = source.batches(wake, 60.0)
    next(batches)
    begun = time.monotonic()
    for _ in range(20):
        assert list(next(batches)) == []
    assert time.monotonic() - begun < 5
    source.close()
    os.close(wake)
    os.close(waker)


class Stillborn(Failing):
    """Fails before it gives anything."""

    def batches(self, wake: int, timeout: float) -> Iterator[Iterable[Packet]]:
        raise OSError(5, "as often as it is asked")
        yield


def test_a_capture_that_fails_as_often_as_it_is_opened_leaves_its_reader_alone() -> None:
    made: list[Stillborn] = []

    def opened(interface: str) -> Source:
        made.append(Stillborn(len(made)))
        return made[-1]

    source = Healed("lo", opened)
    batches, end = source.batches(-1, 0.01), time.monotonic() + 1.0
    while time.monotonic() < end:
        assert list(next(batches)) == []
    assert 2 <= len(made) <= 5  # at once, after 0.2 s, 0.4 s, 0.8 s
    assert source.take_gaps() == ["the capture failed (OSError)"]
    assert source.fault == "cannot be captured"
    source.close()


def test_another_way_of_capturing_is_told() -> None:
    made: list[Failing] = []

    def opened(interface: str) -> Source:
        made.append(Failing(len(made)))
        made[-1].how, made[-1].lossy = ("a ring", False) if len(made) == 1 else ("a slow way", True)
        return made[-1]

    source = Healed("lo", opened)
    assert not source.lossy
    taken(source.batches(-1, 0.01), 2)
    assert "lo is watched in another way: a slow way" in source.take_gaps()
    assert (source.how, source.lossy) == ("a slow way", True)


def test_at_the_start_it_says_what_is_wrong() -> None:
    def refuse(interface: str) -> Source:
        raise CaptureFailed("no such interface")

    with pytest.raises(CaptureFailed):
        Healed("lo", refuse)


@needs_root
def test_one_that_is_not_there_is_waited_for_and_its_reader_goes_on() -> None:
    source = Healed("nosuch0")
    (told,) = source.take_gaps()
    assert told.startswith("there is no interface nosuch0; there are ")
    assert "lo" in told.partition(". It is watched when it comes; if the name is wrong, correct it in [sensor]")[0]
    assert (source.how, source.lossy, source.fault, source.losses()) == ("", False, "is not there", (0, False))
    wake, waker = os.pipe()
    os.write(waker, b"x")
    batches = source.batches(wake, 60.0)
    for _ in range(20):
        assert list(next(batches)) == []
    assert source.take_gaps() == []  # told once
    source.close()
    os.close(wake)
    os.close(waker)


def test_nobody_who_may_not_capture_waits_for_an_interface() -> None:
    def refuse(interface: str) -> Source:
        raise CaptureRefused("no capability")

    with pytest.raises(CaptureRefused):
        Healed("nosuch0", refuse)


@needs_root
@needs("ip")
def test_an_interface_that_comes_after_the_start_is_watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is there is heard; it would be waited for longer than this test lasts."""
    monkeypatch.setattr(healed, "_FIRST_PAUSE", 600.0)
    monkeypatch.setattr(healed, "_LONGEST_PAUSE", 600.0)
    with wire(9) as lab:
        lab.down()
        source = Healed(lab.near)
        source.take_gaps()
        batches = source.batches(-1, 600.0)
        timer = threading.Timer(0.2, lab.up)
        timer.start()
        begun, told = time.monotonic(), []
        while not told:
            next(batches)
            told = source.take_gaps()
        timer.join()
        assert time.monotonic() - begun < 300
        assert [each.partition(", after")[0] for each in told] == [f"{lab.near} is watched now"]
        assert "TPACKET_V3" in source.how
        seen, end = b"", time.monotonic() + 30
        while b"early bird" not in seen and time.monotonic() < end:
            _udp(lab.far_ip, b"early bird")
            seen = b"".join(bytes(data) for _, data, _, _ in next(batches))
        assert b"early bird" in seen
        assert (source.fault, source.take_gaps()) == ("", [])
        source.close()


@needs_root
@needs("ip")
def test_an_interface_that_is_removed_and_made_again_is_watched_on() -> None:
    with wire(9) as lab:
        source = Healed(lab.near)
        batches = source.batches(-1, 0.05)

        def until(found: Callable[[bytes], bool], seconds: float = 30) -> bool:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if any(found(bytes(data)) for _, data, _, _ in next(batches)):
                    return True
            return False

        _udp(lab.far_ip, b"before")
        assert until(lambda data: b"before" in data)
        run("ip", "link", "del", lab.near)
        end, told = time.monotonic() + 30, []
        while not told and time.monotonic() < end:
            next(batches)
            told = source.take_gaps()
        assert told == [f"the interface {lab.near} was removed"]
        assert source.fault == "is not there"
        lab.down()
        lab.up()
        while not told[1:] and time.monotonic() < end:
            next(batches)
            told += source.take_gaps()
        assert told[1].startswith(f"{lab.near} is watched again, after ")
        _udp(lab.far_ip, b"behind")
        assert until(lambda data: b"behind" in data)
        assert ("TPACKET_V3" in source.how, source.fault) == (True, "")
        for state, fault in (("down", "has no link"), ("up", "")):
            lab.inside("ip", "link", "set", lab.far, state, check=True)
            assert source.fault == fault
        run("ip", "link", "set", lab.near, "down")
        assert source.fault == "is down"
        source.close()


def test_a_ring_that_is_closed_under_its_reader_is_made_anew() -> None:
    """As near to a dead capture as one gets from inside."""
    if os.geteuid():
        pytest.skip("capturing needs CAP_NET_RAW")
    rings: list[Ring] = []

    def ring(interface: str) -> Source:
        rings.append(Ring(interface, size=4 << 20))
        return rings[-1]

    source = Healed("lo", ring)
    batches = source.batches(-1, 0.05)
    next(batches)
    rings[0]._socket.close()
    end, told = time.monotonic() + 30, []
    while len(told) < 2 and time.monotonic() < end:
        next(batches)
        told += source.take_gaps()
    assert told[0].startswith("the capture failed")
    _udp("127.0.0.1", b"and on it goes")
    seen = b"".join(bytes(data) for _ in range(20) for _, data, _, _ in next(batches))
    source.close()
    assert b"and on it goes" in seen


@needs_root
@needs("ip")
def test_changes_of_other_interfaces_keep_nobody_busy() -> None:
    with wire(9) as lab:
        source = Healed("nosuch0")
        batches = source.batches(-1, 0.1)
        next(batches)
        run("ip", "link", "set", lab.near, "mtu", "1400")
        end, count = time.monotonic() + 1.0, 0
        while time.monotonic() < end:
            next(batches)
            count += 1
        # Some ten, and more while others make interfaces; many thousands where what rang is not taken in.
        assert count < 1000
        source.close()
