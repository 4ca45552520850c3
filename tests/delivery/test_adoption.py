"""The adopter on a real vault: it wakes by inotify, and says what became of each object."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.model import Route
from appliance.delivery.adoption import Adopter, route
from appliance.host import log
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.recovery import sweep
from appliance.vault.segments import Segments
from tests.delivery.upstream import until
from tests.delivery.vaults import MR, State

NOW = 4e9
ROUTES = [
    Route.model_validate({"to": ["pacs"], "when": {"modality": ["CT", "MR"]}}),
    Route.model_validate({"to": ["research"], "when": {"sop_class": [MR]}}),
]


class Hall:
    """An adopter on a state directory, and what it woke."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        self.woken: list[set[str]] = []
        adoption = Adoption(self.objects, self.ledger, self.state.index_key, route(ROUTES))
        self.adopter = Adopter(adoption, self.woken.append)

    def counts(self, name: str) -> Queue:
        return self.ledger.counts().get(name, Queue())


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    hall = Hall(tmp_path / "state")
    yield hall
    hall.adopter.stop()
    hall.ledger.close()


def test_what_waits_and_what_comes_is_adopted_for_its_destinations(hall: Hall) -> None:
    hall.state.put()
    hall.adopter.start()
    until(lambda: hall.counts("pacs").waiting == 1)
    object_id = hall.state.put(sop_class=MR, modality="MR")
    until(lambda: hall.counts("pacs").waiting == 2 and hall.counts("research").waiting == 1)
    until(lambda: not hall.objects.waiting())
    assert hall.objects.holds(object_id)
    until(lambda: {"pacs"} in hall.woken and {"pacs", "research"} in hall.woken)


def test_who_waits_for_a_look_is_told_even_if_nothing_was_adopted(hall: Hall) -> None:
    looks: list[bool] = []
    adopter = Adopter(hall.adopter._adoption, hall.woken.append, looked=lambda: looks.append(True))
    adopter.start()
    try:
        until(lambda: looks)
        before = len(looks)
        (hall.state.layout.incoming / "something else").touch()
        until(lambda: len(looks) > before)
    finally:
        adopter.stop()


def test_many_at_once_are_all_adopted(hall: Hall) -> None:
    hall.adopter.start()
    for _ in range(150):
        hall.state.put(pixels=10)
    until(lambda: hall.counts("pacs").waiting == 150)
    until(lambda: not hall.objects.waiting())


def test_what_is_written_into_a_segment_is_adopted_and_the_segment_used_again(hall: Hall) -> None:
    hall.state.incoming.segments = segments = Segments(hall.state.layout, size=1 << 20, quiet=3600)
    assert segments.supply()
    hall.adopter.start()
    first = hall.state.put(pixels=10)
    assert not hall.state.layout.incoming_file(first).exists()
    until(lambda: hall.objects.holds(first))
    for _ in range(100):
        hall.state.put(pixels=10)
    until(lambda: hall.counts("pacs").waiting == 101)
    assert [path.suffix for path in hall.state.layout.incoming.iterdir()] == [".segment"]
    segments.close()
    until(lambda: [path.suffix for path in hall.state.layout.incoming.iterdir()] == [".free"])


def test_a_series_is_gathered_and_its_first_is_not_kept_waiting(hall: Hall) -> None:
    adopter = Adopter(hall.adopter._adoption, hall.woken.append, gather=3600)
    hall.adopter, idle = adopter, hall.adopter
    idle.stop()
    adopter.start()
    hall.state.put(pixels=10)
    until(lambda: hall.counts("pacs").waiting == 1)
    for _ in range(3):
        hall.state.put(pixels=10)
    started = time.monotonic()
    adopter.stop()  # does not wait for the end of the gathering
    assert time.monotonic() - started < 60
    assert hall.counts("pacs").waiting == 1


def test_the_same_again_is_dropped_and_other_content_is_kept_and_told(
    hall: Hall, capfd: pytest.CaptureFixture[str]
) -> None:
    hall.adopter.start()
    first = hall.state.put(b"content", uid="1.2.3")
    until(lambda: hall.counts("pacs").waiting == 1)
    second = hall.state.put(b"content", uid="1.2.3")
    until(lambda: not hall.objects.waiting())
    third = hall.state.put(b"changed", uid="1.2.3")
    until(lambda: hall.counts("pacs").waiting == 2)
    assert hall.objects.holds(first)
    assert not hall.objects.holds(second)
    assert hall.objects.holds(third)
    hall.adopter.stop()
    said = capfd.readouterr().err
    assert f"OBJECT-DUPLICATE: object {second} holds what {first} holds" in said
    assert "OBJECT-CONFLICT" in said
    assert third in said
    assert "1.2.3" not in said


def test_an_unreadable_object_goes_to_quarantine_and_the_rest_is_adopted(
    hall: Hall, capfd: pytest.CaptureFixture[str]
) -> None:
    bad, good = hall.state.put(), hall.state.put()
    path = hall.state.layout.incoming_file(bad)
    path.write_bytes(b"not age-encryption.org\n" + path.read_bytes())
    hall.adopter.start()
    until(lambda: hall.counts("pacs").waiting == 1)
    until(lambda: hall.objects.quarantined())
    hall.adopter.stop()
    assert hall.objects.holds(good)
    assert f"OBJECT-UNREADABLE: object {bad}" in capfd.readouterr().err


def test_what_no_route_takes_is_kept_and_said_once(hall: Hall, capfd: pytest.CaptureFixture[str]) -> None:
    log.threshold, before = log.Level.DEBUG, log.threshold
    try:
        hall.adopter.start()
        ids = [hall.state.put(modality="US") for _ in range(20)]
        until(lambda: not hall.objects.waiting())
        hall.adopter.stop()
    finally:
        log.threshold = before
    assert all(hall.objects.holds(object_id) for object_id in ids)
    said = capfd.readouterr().err
    assert 1 <= said.count("OBJECT-UNROUTED") <= 5
    assert said.count("OBJECT-ADOPTED") == 20
    assert hall.ledger.evictable(9e9, 0, 100) == []


def test_a_crash_in_between_leaves_nothing_behind(hall: Hall) -> None:
    """A file that has both names and its row, as a cut between row and unlink leaves it."""
    object_id = hall.state.put()
    waiting = hall.state.layout.incoming_file(object_id)
    kept = waiting.with_name("kept")
    hall.adopter.start()
    until(lambda: not waiting.exists())
    kept.hardlink_to(hall.state.layout.object_file(object_id))
    kept.rename(waiting)
    until(lambda: not waiting.exists())
    assert hall.counts("pacs").waiting == 1
    assert hall.objects.holds(object_id)


def test_a_sweep_enters_what_has_a_file_and_no_row_and_finds_what_has_a_row_and_no_file(hall: Hall) -> None:
    adoption = hall.adopter._adoption
    stray, lost = hall.state.put(), hall.state.put()
    hall.objects.prepare()
    adoption.adopt([lost], NOW)
    hall.state.layout.object_file(lost).unlink()
    hall.state.layout.incoming_file(stray).rename(hall.state.layout.object_file(stray))
    steps = (each for each in sweep(adoption, lambda: NOW) if each)  # those of which there is something to tell
    hall.adopter = Adopter(adoption, hall.woken.append, sweep=steps)
    hall.adopter.start()
    until(lambda: hall.ledger.state(stray) == "present" and hall.ledger.state(lost) == "lost")
    until(lambda: hall.adopter._sweep is None)
    assert {"pacs"} in hall.woken
    late = hall.state.put()
    until(lambda: hall.ledger.state(late) == "present")


def test_a_route_that_waits_for_the_study_makes_its_deliveries_gather(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    ledger = Ledger(state.layout.ledger)
    routes = [
        Route.model_validate({"to": ["pacs"]}),
        Route.model_validate({"to": ["archive"], "when": {"study": "complete", "quiet": 60.0}}),
    ]
    adoption = Adoption(Objects(state.layout), ledger, state.index_key, route(routes))
    (fate,) = adoption.adopt([state.put()], 4e9)
    counts = ledger.counts()
    ledger.close()
    assert fate.destinations == ("pacs", "archive")
    assert (counts["pacs"].waiting, counts["pacs"].gathering) == (1, 0)
    assert (counts["archive"].waiting, counts["archive"].gathering) == (0, 1)


def test_a_directory_that_went_and_came_back_is_watched_and_compared_again(hall: Hall) -> None:
    hall.adopter.start()
    hall.state.put()
    until(lambda: hall.counts("pacs").waiting == 1)
    root = hall.state.layout.root
    hall.adopter._watch.stop()  # type: ignore[union-attr]  # what an unmount does to it
    stray = hall.state.put()
    hall.state.layout.object_directory(stray).mkdir(exist_ok=True)
    hall.state.layout.incoming_file(stray).rename(hall.state.layout.object_file(stray))
    assert root.exists()
    compared = iter([hall.adopter._adoption.adopt_strays([stray], NOW)])
    hall.adopter.resume(compared)
    until(lambda: hall.counts("pacs").waiting == 2)
    hall.state.put()
    until(lambda: hall.counts("pacs").waiting == 3)
