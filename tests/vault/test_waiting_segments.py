"""What `forward` reads in segments: live ones, ended ones, torn ones, damaged ones, and those that no worker wrote."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from appliance.base import limits
from appliance.vault.layout import StateLayout
from appliance.vault.refusals import Condition, DiskRefused, NotThere
from appliance.vault.segment_record import BLOCK, HEAD, encode
from appliance.vault.waiting_segments import WaitingSegments
from tests.vault.media import Recording

SEGMENT, OTHER = "5e" * 16, "07" * 16


class Scene:
    """A directory with segments that the test writes as a worker would."""

    def __init__(self, root: Path) -> None:
        self.layout = StateLayout(root)
        self.layout.create()
        self.disk = Recording()
        self.sealed: dict[str, bytes] = {}
        self.held: dict[str, BinaryIO] = {}
        self.reader = WaitingSegments(self.layout, self.disk)

    def begin(self, segment_id: str = SEGMENT, blocks: int = 32, content: bytes = b"") -> None:
        """A segment that its worker has locked."""
        path = self.layout.segment(segment_id)
        path.write_bytes(content + bytes(blocks * BLOCK - len(content)))
        file = path.open("r+b", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        self.held[segment_id] = file

    def write(self, offset: int, size: int = 3000, settled: int | None = None, segment_id: str = SEGMENT) -> str:
        """A record in it, at a block's number; the object's id."""
        object_id = f"{len(self.sealed) + 1:032x}"
        self.sealed[object_id] = os.urandom(size)
        at = offset * BLOCK
        record = encode(segment_id, object_id, at if settled is None else settled, b"", self.sealed[object_id])
        self.put(at, record, segment_id)
        return object_id

    def put(self, at: int, data: bytes, segment_id: str = SEGMENT) -> None:
        os.pwrite(self.held[segment_id].fileno(), data, at)

    def end(self, segment_id: str = SEGMENT) -> None:
        """The worker goes."""
        self.held.pop(segment_id).close()

    def look(self) -> list[str]:
        return self.reader.look(os.listdir(self.layout.incoming))

    def restart(self, marks: dict[str, int]) -> None:
        self.reader = WaitingSegments(self.layout, self.disk)
        self.reader.resume(marks)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for segment_id in list(scene.held):
        scene.end(segment_id)


def test_a_segment_is_read_as_it_grows(scene: Scene) -> None:
    scene.begin()
    assert scene.look() == []
    first = scene.write(0)
    assert scene.look() == [first]
    second, third = scene.write(1, 9000), scene.write(4)
    assert scene.look() == [first, second, third]
    for object_id in (first, second, third):
        assert scene.reader.holds(object_id)
        assert scene.reader.read(object_id) == scene.sealed[object_id]
        assert scene.reader.leave(object_id)
        assert not scene.reader.leave(object_id)
    assert scene.look() == []
    assert scene.reader.finished() == []  # it is in use
    scene.end()
    assert scene.look() == []
    assert scene.reader.finished() == [(SEGMENT, "")]


def test_a_segment_with_something_waiting_is_not_finished(scene: Scene) -> None:
    scene.begin()
    object_id = scene.write(0)
    scene.end()
    scene.look()
    assert scene.reader.finished() == []
    scene.reader.leave(object_id)
    assert scene.reader.finished() == [(SEGMENT, "")]
    scene.reader.forget(SEGMENT)
    assert scene.reader.finished() == []


@pytest.mark.parametrize("behind", ["zeros", "an older life", "the same record"])
def test_the_last_record_cut_off_at_any_byte(scene: Scene, behind: str) -> None:
    """What is before it is found, itself never; nothing is called damage."""
    scene.begin()
    first = scene.write(0, 300)
    record = encode(SEGMENT, "cd" * 16, 0, b"", os.urandom(BLOCK + 200))
    older = encode(OTHER, "cd" * 16, 0, b"", os.urandom(BLOCK + 200))
    remains = {"zeros": bytes(2 * BLOCK), "an older life": older, "the same record": record[::-1]}[behind]
    end = HEAD + BLOCK + 200
    # A step of one byte where fields and blocks begin and end, of a few in between: the record's own test takes all.
    cuts = {*range(HEAD + 20), *range(BLOCK - 20, BLOCK + 20), *range(end - 20, end), *range(0, end, 61)}
    scene.end()
    with scene.layout.segment(SEGMENT).open("r+b", buffering=0) as file:
        for cut in sorted(cuts):
            os.pwrite(file.fileno(), record[:cut] + remains[cut:], BLOCK)
            if record[:end] == (record[:cut] + remains[cut:])[:end]:
                continue  # what lay there before were the very bytes that were lacking
            scene.restart({})
            assert scene.look() == [first], cut
            scene.reader.leave(first)
            assert scene.reader.finished() == [(SEGMENT, "")], cut
        os.pwrite(file.fileno(), record, BLOCK)
    scene.restart({})
    assert scene.look() == [first, "cd" * 16]


def test_what_was_recycled_is_not_read_again(scene: Scene) -> None:
    """A whole file full of records of an earlier life, and one record of this life over the first of them."""
    stale = b"".join(encode(OTHER, f"{n:032x}", 0, b"", bytes([n]) * 2000) for n in range(100, 116))
    scene.begin(content=stale, blocks=16)
    new = scene.write(0, 6000)
    assert scene.look() == [new]
    scene.end()
    assert scene.look() == [new]
    scene.reader.leave(new)
    assert scene.reader.finished() == [(SEGMENT, "")]


def test_of_records_that_no_flush_ordered_any_may_be_there(scene: Scene) -> None:
    """A cut while two were being flushed left the second only. Neither was answered for: no damage."""
    scene.begin()
    first = scene.write(0)
    scene.write(1, settled=BLOCK)
    third = scene.write(2, settled=BLOCK)
    scene.put(BLOCK, bytes(BLOCK))
    assert scene.look() == [first]  # as long as somebody writes it: what is missing may yet come
    scene.end()
    assert scene.look() == [first, third]
    for object_id in (first, third):
        scene.reader.leave(object_id)
    assert scene.reader.finished() == [(SEGMENT, "")]


@pytest.mark.parametrize("at", [0, 30, 50, HEAD + 10])
def test_a_durable_record_that_was_changed_is_damage_and_the_others_are_found(scene: Scene, at: int) -> None:
    scene.begin()
    first, damaged, third = (scene.write(offset) for offset in range(3))
    content = scene.layout.segment(SEGMENT).read_bytes()
    scene.put(BLOCK + at, bytes([content[BLOCK + at] ^ 1]))
    scene.end()
    assert scene.look() == [first, third]
    assert scene.reader.marks([first, third]) == {SEGMENT: BLOCK}  # a restart finds the damage again
    for object_id in (first, third):
        scene.reader.leave(object_id)
    ((segment_id, why),) = scene.reader.finished()
    assert segment_id == SEGMENT
    assert "durable" in why
    assert damaged not in why


def test_marks_stop_at_the_first_that_waits(scene: Scene) -> None:
    scene.begin()
    first, second, third = (scene.write(offset) for offset in range(3))
    scene.look()
    assert scene.reader.marks([]) == {}
    assert scene.reader.marks(["ff" * 16]) == {}
    assert scene.reader.marks([second, third]) == {SEGMENT: 0}
    assert scene.reader.marks([first]) == {SEGMENT: BLOCK}
    assert scene.reader.marks([first, third]) == {SEGMENT: BLOCK}
    assert scene.reader.marks([first, second, third]) == {SEGMENT: 3 * BLOCK}
    scene.reader.leave(first)
    assert scene.reader.marks([second]) == {SEGMENT: 2 * BLOCK}


def test_what_lies_before_the_mark_is_not_read(scene: Scene) -> None:
    scene.begin()
    scene.write(0)
    second = scene.write(1)
    scene.begin(OTHER)
    third = scene.write(0, segment_id=OTHER)
    scene.restart({SEGMENT: BLOCK})
    assert sorted(scene.look()) == sorted([second, third])


def test_the_same_object_twice_is_looked_at_one_after_the_other(scene: Scene) -> None:
    scene.begin()
    object_id = scene.write(0)
    scene.put(BLOCK, encode(SEGMENT, object_id, BLOCK, b"", b"something else"))
    scene.end()
    assert scene.look() == [object_id]
    assert scene.reader.read(object_id) == scene.sealed[object_id]
    scene.reader.leave(object_id)
    assert scene.reader.finished() == []
    assert scene.look() == [object_id]
    assert scene.reader.read(object_id) == b"something else"
    scene.reader.leave(object_id)
    scene.look()
    assert scene.reader.finished() == [(SEGMENT, "")]


def test_a_record_that_is_changed_after_we_saw_it_is_damage(scene: Scene) -> None:
    scene.begin()
    object_id = scene.write(0)
    scene.end()
    scene.look()
    with scene.layout.segment(SEGMENT).open("r+b") as file:
        file.write(bytes(BLOCK))
    with pytest.raises(NotThere):
        scene.reader.read(object_id)
    assert not scene.reader.holds(object_id)
    ((_, why),) = scene.reader.finished()
    assert why


def test_a_segment_beyond_any_that_is_written_is_not_read(scene: Scene) -> None:
    with scene.layout.segment(SEGMENT).open("wb") as file:
        file.truncate(limits.SEGMENT.ceiling + 1)
    assert scene.look() == []
    ((_, why),) = scene.reader.finished()
    assert "longer" in why


def test_what_is_no_file_is_not_followed(scene: Scene) -> None:
    (scene.layout.root / "elsewhere").write_bytes(encode(SEGMENT, "ab" * 16, 0, b"", b"x"))
    scene.layout.segment(SEGMENT).symlink_to(scene.layout.root / "elsewhere")
    assert scene.look() == []
    ((_, why),) = scene.reader.finished()
    assert "regular" in why


def test_a_medium_that_refuses_is_said_and_harms_no_other_segment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.begin()
    first = scene.write(0)
    scene.begin(OTHER)
    second = scene.write(0, segment_id=OTHER)
    opener = scene.disk.open

    def broken(path: Path) -> object:
        if path == scene.layout.segment(SEGMENT):
            raise DiskRefused("told to fail", Condition.BROKEN)
        return opener(path)

    monkeypatch.setattr(scene.disk, "open", broken)
    assert scene.look() == [second]
    ((segment_id, refusal),) = scene.reader.refusals()
    assert (segment_id, refusal.message) == (SEGMENT, "told to fail")
    assert scene.reader.finished() == []
    monkeypatch.undo()
    assert sorted(scene.look()) == sorted([first, second])
    assert scene.reader.refusals() == []


def test_a_segment_that_is_gone_is_forgotten(scene: Scene) -> None:
    scene.begin()
    object_id = scene.write(0)
    scene.look()
    scene.layout.segment(SEGMENT).unlink()
    assert scene.look() == []
    assert not scene.reader.holds(object_id)
    assert scene.reader.look([f"{SEGMENT}.segment"]) == []  # gone between the listing and the look


def test_other_names_are_left_alone(scene: Scene) -> None:
    scene.begin()
    scene.write(0)
    os.rename(scene.layout.segment(SEGMENT), scene.layout.free_segment(SEGMENT))
    (scene.layout.incoming / "x.segment").write_bytes(b"x")
    assert scene.look() == []
