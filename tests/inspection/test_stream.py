"""One direction of a connection: order, holes, the shunt, contradictions."""

from __future__ import annotations

import random

import pytest

from appliance.base import limits
from appliance.inspection.flow import Flow
from appliance.inspection.looked_at import OVERHEAD
from appliance.inspection.memory import Memory
from appliance.inspection.stream import EVERYTHING, Stream


class Transcript:
    """A reader that writes down what it was told."""

    def __init__(self, stream: Stream, skips: dict[int, int] | None = None) -> None:
        self.stream = stream
        self.skips = skips or {}
        self.data = bytearray()
        self.told: list[object] = []

    def feed(self, data: memoryview, offset: int) -> None:
        self.data += data
        self.told.append((offset, bytes(data)))
        self.stream.remember(offset, data)
        if offset in self.skips:
            self.stream.shunt = self.skips[offset]

    def lost(self, count: int) -> None:
        self.told.append(("lost", count))

    def conflict(self, offset: int) -> None:
        self.told.append(("conflict", offset))

    def forgot(self) -> None:
        self.told.append("forgot")

    def end(self) -> None:
        self.told.append("end")


def stream(initial: int = 100, skips: dict[int, int] | None = None) -> tuple[Stream, Transcript]:
    memory = Memory(1 << 20)
    flow = Flow(bytes(12), 0.0, False, bytes(12), ())
    one, two = Stream(flow, initial, True, memory, 0.0), Stream(flow, 0, False, memory, 0.0)
    one.other, two.other = two, one
    flow.client, flow.server = one, two
    reader = Transcript(one, skips)
    one.reader = reader
    return one, reader


def send(to: Stream, seq: int, data: bytes, now: float = 0.0, length: int | None = None) -> None:
    to.segment(now, seq & 0xFFFFFFFF, memoryview(data), len(data) if length is None else length)


def test_segments_in_order_are_fed_as_they_come() -> None:
    one, reader = stream()
    send(one, 100, b"abc")
    send(one, 103, b"de")
    assert reader.told == [(0, b"abc"), (3, b"de")]
    assert one.position == 5


def test_segments_out_of_order_wait_for_the_first() -> None:
    one, reader = stream()
    for seq, data in ((106, b"ghi"), (103, b"def"), (100, b"abc")):
        send(one, seq, data)
    assert bytes(reader.data) == b"abcdefghi"
    assert one.memory.used == one.stored == 9 + OVERHEAD  # what is kept to compare, nothing held


@pytest.mark.parametrize("initial", [0, 1, 0xFFFFFFFF, 0xFFFFFFF0, 1 << 31])
def test_any_order_gives_the_same_bytes_and_wraps_do_not_matter(initial: int) -> None:
    whole = random.Random(initial).randbytes(400)
    pieces = [(at, whole[at : at + 7]) for at in range(0, 400, 5)]  # overlapping
    random.Random(1).shuffle(pieces)
    one, reader = stream(initial)
    for at, piece in pieces:
        send(one, initial + at, piece)
    assert bytes(reader.data) == whole
    assert not [told for told in reader.told if told[0] in ("lost", "conflict")]  # type: ignore[index]


def test_offsets_count_on_where_sequence_numbers_wrap() -> None:
    one, reader = stream(0xFFFFFF00, skips={0: 3 << 32})
    send(one, 0xFFFFFF00, b"header")
    step = 1 << 30
    for _ in range(11):
        send(one, one.initial + one.position, b"x" * 10, length=step)
    assert one.position == 6 + 11 * step
    assert reader.told == [(0, b"header")]
    rest = (3 << 32) - one.position
    send(one, one.initial + one.position, b"y" * 20, length=rest)
    send(one, one.initial + (3 << 32), b"next")
    assert reader.told[-1] == (3 << 32, b"next")


def test_segments_before_the_shunt_are_passed_by_even_with_holes() -> None:
    one, reader = stream(skips={0: 1000})
    send(one, 100, b"h")
    send(one, 400, b"x" * 100)  # 299 bytes were never seen
    send(one, 1090, b"ABCDEFGHIJKLMNOP")  # neither were these; the last six bytes lie behind the shunt
    assert reader.told == [(0, b"h"), (1000, b"KLMNOP")]
    assert one.unseen == 0


def test_a_hole_behind_the_shunt_is_waited_for_then_given_up_and_said() -> None:
    one, reader = stream()
    send(one, 100, b"a")
    send(one, 111, b"later", now=1.0)
    one.other.ack = 116  # its receiver has all of it: the hole was lost on the way to us
    send(one, 116, b"!", now=1.1)
    assert reader.told == [(0, b"a")]
    send(one, 117, b"?", now=1.4)
    assert reader.told == [(0, b"a"), ("lost", 10), (11, b"later"), (16, b"!"), (17, b"?")]


def test_a_hole_that_its_receiver_has_too_stays_open_for_the_retransmission() -> None:
    one, reader = stream()
    send(one, 100, b"a")
    send(one, 111, b"later", now=1.0)
    one.other.ack = 101
    send(one, 116, b"!", now=5.0)
    one.settle(9.0)
    assert reader.told == [(0, b"a")]
    send(one, 101, b"0123456789", now=9.5)
    assert bytes(reader.data) == b"a0123456789later!"


def test_in_the_end_every_hole_is_given_up() -> None:
    one, reader = stream()
    send(one, 105, b"late", now=1.0)
    one.settle(20.0)
    assert reader.told == [("lost", 5), (5, b"late")]


def test_what_is_held_is_accounted_with_what_it_costs_beside_its_bytes() -> None:
    one, _ = stream()
    for number in range(500):
        send(one, 200 + 2 * number, b"x")
    assert one.memory.used >= 500 * 100


@pytest.mark.parametrize("acknowledged", [4, 5])
def test_the_last_that_was_said_is_missed_where_its_receiver_has_it(acknowledged: int) -> None:
    """No segment behind it shows the hole. One byte more may be a FIN."""
    one, reader = stream()
    send(one, 100, b"abc", now=1.0)
    one.other.ack = 100 + acknowledged
    one.settle(1.5)
    assert reader.told == [(0, b"abc")]  # it may be on its way to us
    one.settle(2.5)
    assert reader.told[1:] == ([("lost", 2)] if acknowledged == 5 else [])


def test_what_is_missed_in_the_end_of_a_skip_is_what_lies_behind_it() -> None:
    one, reader = stream(skips={0: 50})
    send(one, 100, b"abc", now=1.0)
    one.other.ack = 100 + 60
    one.settle(9.0)
    assert (reader.told[-1], one.position) == (("lost", 10), 60)


def test_what_was_never_acknowledged_is_not_missed() -> None:
    one, reader = stream()
    send(one, 100, b"abc", now=1.0)
    one.settle(9.0, over=True)
    assert reader.told == [(0, b"abc")]


def looked_at_in_bulk(acknowledged: int) -> tuple[Stream, Transcript]:
    """A megabyte of PDUs of 1000 bytes, of which the first twelve were looked at."""
    one, reader = stream(skips={1000 * at: 1000 * (at + 1) for at in range(1200)})
    one.other.ack = 100
    for at in range(0, 1_200_000, 1000):
        send(one, 100 + at, b"header %05d" % (at // 1000), length=1000)
        one.other.ack = 100 + min(at, acknowledged)
    return one, reader


def test_bytes_that_their_receiver_lacks_are_compared_however_much_came_behind_them() -> None:
    one, reader = looked_at_in_bulk(0)
    send(one, 100 + 400_000, b"header 00400")
    assert not [told for told in reader.told if told in ("forgot", "conflict")]
    send(one, 100 + 400_000, b"header 99400")
    assert reader.told[-1] == ("conflict", 400_000)
    assert one.stored <= limits.SENSOR_LOOKED_AT.default + OVERHEAD + 12


def test_what_was_forgotten_too_early_is_said_once() -> None:
    one, reader = looked_at_in_bulk(0)
    send(one, 100, b"header 99000")
    send(one, 100, b"header 99000")
    assert [told for told in reader.told if told == "forgot"] == ["forgot"]
    one, reader = looked_at_in_bulk(0)
    one.settle(0.1)
    assert reader.told[-1] == "forgot"


def test_what_its_receiver_has_goes_and_may_come_again() -> None:
    one, reader = looked_at_in_bulk(1_200_000)
    assert one.stored < 12 * (12 + OVERHEAD) + 200
    send(one, 100, b"header 00000")
    one.settle(0.1)
    assert not [told for told in reader.told if told in ("forgot", "conflict")]


def test_what_is_held_is_bounded() -> None:
    one, reader = stream()
    for number in range(3000):
        send(one, 200 + number * 2000, b"x" * 1000)
        assert one.held_bytes <= (512 << 10) + 1000
        assert len(one.held) <= 513
    assert ("lost", 100) in reader.told


@pytest.mark.parametrize(("cut", "lost"), [(3, 7), (0, 10)])
def test_bytes_that_the_capture_cut_off_are_lost(cut: int, lost: int) -> None:
    one, reader = stream()
    send(one, 100, b"0123456789"[:cut], length=10)
    assert reader.told[-1] == ("lost", lost)
    assert one.position == 10


def test_bytes_cut_off_within_the_shunt_are_not_missed() -> None:
    one, reader = stream(skips={0: 100})
    send(one, 100, b"0123", length=50)
    assert reader.told == [(0, b"0123")]
    assert one.position == 50


def test_a_retransmission_is_nothing_new() -> None:
    one, reader = stream()
    send(one, 100, b"abcdef")
    send(one, 100, b"abcdef")
    send(one, 102, b"cdefgh")
    assert reader.told == [(0, b"abcdef"), (6, b"gh")]


def test_a_retransmission_that_differs_is_a_conflict() -> None:
    one, reader = stream()
    send(one, 100, b"abcdef")
    send(one, 102, b"cXef")
    assert reader.told == [(0, b"abcdef"), ("conflict", 2)]


def test_held_segments_that_differ_are_a_conflict_and_the_first_wins() -> None:
    one, reader = stream()
    send(one, 103, b"def")
    send(one, 103, b"dEf")
    send(one, 100, b"abc")
    assert ("conflict", 3) in reader.told
    assert bytes(reader.data) == b"abcdef"


def test_a_keep_alive_probe_is_no_conflict() -> None:
    one, reader = stream()
    send(one, 100, b"abc", now=1.0)
    send(one, 102, b"\0", now=61.0)
    assert reader.told == [(0, b"abc")]


def test_the_end_gives_all_memory_back() -> None:
    one, _ = stream()
    send(one, 100, b"abc")
    send(one, 120, b"held")
    one.end()
    assert one.memory.used == one.stored == 0
    assert one.shunt == EVERYTHING
