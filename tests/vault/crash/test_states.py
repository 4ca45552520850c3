"""The simulation itself: it promises what a disk promises, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.vault.refusals import AlreadyThere, NotThere
from tests.vault.crash.disk import Killed, SimulatedDisk
from tests.vault.crash.states import EXHAUSTIVE, State, states
from tests.vault.crash.turns import Stuck, Turns

TOP = Path("/nowhere")
PAGE = 4096


@pytest.fixture
def disk() -> Iterator[SimulatedDisk]:
    made = SimulatedDisk(TOP)
    for name in ("a", "b"):
        made.make_directory(TOP / name, 0o700)
    made.settle()
    yield made
    made.end()


def after(disk: SimulatedDisk, cut: int | None = None) -> set[State]:
    """What a power cut may leave, now or before an event."""
    return set(states(disk.trace, len(disk.trace.events) if cut is None else cut, most=1000))


def seen(found: set[State]) -> set[frozenset[tuple[str, bytes]]]:
    """As names and contents."""
    return {frozenset((name, content) for names, content in state.files() for name in names) for state in found}


def put(disk: SimulatedDisk, name: str, content: bytes, *, sync: bool = True) -> int:
    descriptor = disk.create(TOP / "a")
    disk.write_at(descriptor, content, 0)
    if sync:
        disk.sync_data(descriptor)
    disk.link(descriptor, TOP / name)
    return descriptor


def contents(*each: tuple[str, bytes]) -> frozenset[tuple[str, bytes]]:
    return frozenset(each)


def test_a_file_without_a_name_is_never_there(disk: SimulatedDisk) -> None:
    disk.sync_data(descriptor := disk.create(TOP / "a"))
    disk.write_at(descriptor, b"data", 0)
    assert seen(after(disk)) == {contents()}


def test_fdatasync_makes_no_name_durable(disk: SimulatedDisk) -> None:
    disk.sync_data(put(disk, "a/x", b"data"))
    assert seen(after(disk)) == {contents(), contents(("a/x", b"data"))}


def test_fsync_of_a_directory_makes_no_content_durable(disk: SimulatedDisk) -> None:
    put(disk, "a/x", b"data", sync=False)
    disk.sync_directory(TOP / "a")
    assert seen(after(disk)) == {contents(("a/x", content)) for content in (b"", bytes(4), b"data")}


def test_another_directory_is_another_matter(disk: SimulatedDisk) -> None:
    put(disk, "a/x", b"data")
    disk.sync_directory(TOP / "b")
    disk.sync_directory(TOP)
    assert contents() in seen(after(disk))


def test_a_directory_is_durable_with_its_own_name_only(disk: SimulatedDisk) -> None:
    disk.make_directory(TOP / "a" / "c", 0o700)
    put(disk, "a/c/x", b"data")
    disk.sync_directory(TOP / "a" / "c")
    assert seen(after(disk)) == {contents(), contents(("a/c/x", b"data"))}
    disk.sync_directory(TOP / "a")
    assert seen(after(disk)) == {contents(("a/c/x", b"data"))}


def test_a_write_is_torn_at_pages_and_in_any_order(disk: SimulatedDisk) -> None:
    descriptor = put(disk, "a/x", bytes(3 * PAGE))
    disk.sync_directory(TOP / "a")
    disk.settle()
    disk.write_at(descriptor, b"x" * 3 * PAGE, 0)
    new, old = b"x" * PAGE, bytes(PAGE)
    found = {next(content for _, content in each) for each in seen(after(disk))}
    assert found == {a + b + c for a in (old, new) for b in (old, new) for c in (old, new)}


def test_within_a_page_writes_are_in_order(disk: SimulatedDisk) -> None:
    descriptor = put(disk, "a/x", b"....")
    disk.sync_directory(TOP / "a")
    disk.settle()
    disk.write_at(descriptor, b"1", 0)
    disk.write_at(descriptor, b"2", 1)
    assert seen(after(disk)) == {contents(("a/x", each)) for each in (b"....", b"1...", b"12..")}


def test_names_in_one_directory_come_in_any_order(disk: SimulatedDisk) -> None:
    put(disk, "a/x", b"x")
    put(disk, "a/y", b"y")
    disk.unlink(TOP / "a" / "x")
    assert {frozenset(name for name, _ in each) for each in seen(after(disk))} == {
        frozenset(each) for each in ((), ("a/x",), ("a/y",), ("a/x", "a/y"))
    }


def test_a_rename_loses_no_file(disk: SimulatedDisk) -> None:
    put(disk, "a/x", b"x")
    disk.sync_directory(TOP / "a")
    disk.settle()
    disk.rename(TOP / "a" / "x", TOP / "b" / "x")
    old, new = ("a/x", b"x"), ("b/x", b"x")
    assert seen(after(disk)) == {contents(old), contents(new), contents(old, new)}
    disk.sync_directory(TOP / "b")
    assert seen(after(disk)) == {contents(new), contents(old, new)}
    disk.sync_directory(TOP / "a")
    assert seen(after(disk)) == {contents(new)}


def test_a_rename_within_a_directory_is_one(disk: SimulatedDisk) -> None:
    put(disk, "a/x", b"x")
    disk.sync_directory(TOP / "a")
    disk.settle()
    disk.rename(TOP / "a" / "x", TOP / "a" / "y")
    assert seen(after(disk)) == {contents(("a/x", b"x")), contents(("a/y", b"x"))}


def test_a_flush_covers_what_was_there_when_it_began(disk: SimulatedDisk) -> None:
    """What another thread does meanwhile is not covered, and nothing is before it has come back."""
    put(disk, "a/x", b"x")
    late = disk.create(TOP / "a")

    def meanwhile() -> None:
        disk.pause = lambda: None
        disk.link(late, TOP / "a" / "y")

    begun = len(disk.trace.events)
    pauses = iter([lambda: None, meanwhile])
    disk.pause = lambda: next(pauses, lambda: None)()
    disk.sync_directory(TOP / "a")
    x, y = ("a/x", b"x"), ("a/y", b"")
    assert seen(after(disk, begun + 2)) == {contents(), contents(x), contents(y), contents(x, y)}
    assert seen(after(disk)) == {contents(x), contents(x, y)}


def test_a_commit_is_there_or_not(disk: SimulatedDisk) -> None:
    disk.committed(b"one", durable=True)
    disk.committed(b"two", durable=True)
    assert {state.ledger for state in after(disk)} == {b"two"}
    assert {state.ledger for state in after(disk, 4)} == {b"one", b"two"}
    disk.committed(b"three", durable=False)
    disk.committed(b"four", durable=False)
    assert {state.ledger for state in after(disk)} == {b"two", b"three", b"four"}


def test_of_a_long_trace_as_many_as_are_asked_for(disk: SimulatedDisk) -> None:
    names = {f"a/{number:02}" for number in range(EXHAUSTIVE)}
    for name in names:
        put(disk, name, b"x")
    cut = len(disk.trace.events)
    found = list(states(disk.trace, cut, most=100))
    sizes = {len(state.contents) for state in found}
    assert 100 <= len(found) <= 130
    assert {0, 1, 2, 3, len(names) - 3, len(names) - 2, len(names) - 1, len(names)} <= sizes
    assert found == list(states(disk.trace, cut, most=100))
    assert found != list(states(disk.trace, cut, most=100, seed=1))


def test_it_refuses_what_a_disk_refuses(disk: SimulatedDisk) -> None:
    descriptor = put(disk, "a/x", b"x")
    with pytest.raises(AlreadyThere):
        disk.link(descriptor, TOP / "a" / "x")
    with pytest.raises(AlreadyThere):
        disk.create_named(TOP / "a" / "x")
    for missing in (disk.open, disk.open_to_write, disk.unlink):
        with pytest.raises(NotThere):
            missing(TOP / "a" / "y")
    with pytest.raises(NotThere):
        disk.create(TOP / "c")
    with disk.open(TOP / "a" / "x") as file:
        assert file.read() == b"x"
        assert disk.same_file(file.fileno(), TOP / "a" / "x")


def test_the_dead_do_nothing_and_leave_what_they_did(disk: SimulatedDisk) -> None:
    disk.kill_at = 3
    with pytest.raises(Killed):
        put(disk, "a/x", b"x") and disk.sync_directory(TOP / "a")
    for _ in range(2):
        with pytest.raises(Killed):
            disk.names(TOP / "a")
    disk.revive()
    assert disk.names(TOP / "a") == ["x"]
    assert seen(after(disk)) == {contents(), contents(("a/x", b"x"))}


def test_a_seed_decides_who_goes_on() -> None:
    def played(seed: int) -> list[int]:
        turns, order = Turns(seed), []

        def play(number: int) -> None:
            for _ in range(5):
                turns.pause()
                order.append(number)

        turns.run(lambda: play(1), lambda: play(2))
        return order

    assert played(3) == played(3)
    assert len({tuple(played(seed)) for seed in range(20)}) > 5


def test_who_waits_is_woken() -> None:
    turns, said = Turns(1), []
    condition = turns.condition()

    def wait() -> None:
        with condition:
            while "ready" not in said:
                condition.wait()
            said.append("woken")

    def wake() -> None:
        turns.pause()
        with condition:
            said.append("ready")
            condition.notify_all()

    turns.run(wait, wake)
    assert said == ["ready", "woken"]


def test_who_waits_for_ever_is_told_of() -> None:
    turns = Turns(1)
    condition = turns.condition()

    def wait() -> None:
        with condition:
            condition.wait()

    with pytest.raises(Stuck):
        turns.run(wait, wait)
