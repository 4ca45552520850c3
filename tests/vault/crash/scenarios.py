"""What the vault does while the power may fail, a scenario each. `prepare` is durable before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

from appliance.seal.header import read_header
from appliance.seal.rewrap import rewrap
from appliance.vault import recovery
from appliance.vault.layout import SUFFIX, segment_id_of
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.rewrapping import replace_header
from tests.vault.crash.box import Box
from tests.vault.samples import IDENTITY, INDEX_KEY


def _nothing(_: Box) -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """`made` False: the state directory is not there yet. `threads`: a seed decides on the order of operations."""

    name: str
    act: Callable[[Box], object]
    prepare: Callable[[Box], object] = _nothing
    made: bool = True
    threads: bool = False
    journal: bool = False
    """`forward` keeps its journal; each state is looked at twice, the second time with its ledger lost."""


def _one_instance(box: Box) -> None:
    box.store(b"data set " * 1000, "1.2.1")


def _several_instances(box: Box) -> None:
    box.turns.run(*(lambda number=number: box.store(b"%d" % number * 900, f"1.2.{number}") for number in range(3)))


def _requests_and_instances(box: Box) -> None:
    box.turns.run(box.request, lambda: box.store(b"data set", "1.2.1"), box.request)


def _waiting(box: Box) -> None:
    """Among them one that came twice, and one whose instance is there with other bytes."""
    for data_set, instance in ((b"first", "1.2.1"), (b"first", "1.2.1"), (b"second", "1.2.2"), (b"other", "1.2.2")):
        box.store(data_set, instance)


def _adoption(box: Box) -> None:
    box.adopt()


def _adoption_while_receiving(box: Box) -> None:
    def receive() -> None:
        box.store(b"third", "1.2.3")
        box.store(b"third", "1.2.3")

    def forward() -> None:
        for _ in range(3):
            box.adopt()

    box.turns.run(forward, receive)


def _two_waiting(box: Box) -> None:
    box.store(b"first", "1.2.1")
    box.store(b"second", "1.2.2")


def _eviction(box: Box) -> None:
    """From adoption on, for the unlink in `incoming/` is not flushed then."""
    for adopted in box.adopt():
        box.prove(adopted.object_id)
    assert len(box.evict()) == 2


def _request(box: Box) -> None:
    box.request()


def _request_to_its_end(box: Box) -> None:
    """Taken over, decided, reported, and forgotten after a long time."""
    waiting = [box.request(), box.request()]
    box.adopt()
    for request_id in waiting:
        box.forward.commitments.decide(request_id, [0], box.now)
        box.forward.commitments.reported(request_id, box.now)
        box.disk.mark("reported", request_id)
    box.now += 365 * 86400
    box.forward.committer._clean()


def _damaged_waiting(box: Box) -> None:
    """An object and a request that cannot be read."""
    _two_waiting(box)
    box.damage(box.layout.incoming_file(box.store(b"damaged", "1.2.3")), 600)
    box.damage(box.layout.incoming_request(box.request()), 600)


def _damaged_stored(box: Box) -> None:
    _two_waiting(box)
    box.adopt()
    box.damage(box.layout.object_file(box.forward.ledger.ids("")[0]), 1150)


def _found_damaged(box: Box) -> None:
    for object_id in box.forward.ledger.ids(""):
        recovery.verify(box.forward.adoption, object_id)


def _segment(box: Box) -> None:
    box.use_segments()


def _instances_in_a_segment(box: Box) -> None:
    """Two senders, each with one of a block and one of two. The last has no place any more, and goes into a file."""

    def sender(number: int) -> None:
        box.store(b"%d" % number, f"1.2.{number}")
        box.store(b"%d" % number * 5000, f"1.3.{number}")

    box.turns.run(lambda: sender(1), lambda: sender(2))


def _first_segment(box: Box) -> None:
    """One that is written anew."""
    box.use_segments()
    box.store(b"first", "1.2.1")
    box.store(b"second", "1.2.2")
    box.leave_segments()
    box.adopt()


def _waiting_in_a_segment(box: Box) -> None:
    box.use_segments()
    _waiting(box)


def _adoption_from_a_segment(box: Box) -> None:
    """While `receive` has it, and when it has left it."""
    box.adopt()
    box.leave_segments()
    box.adopt()


def _adoption_while_a_segment_is_written(box: Box) -> None:
    def receive() -> None:
        box.store(b"third", "1.2.3")
        box.store(b"third", "1.2.3")
        box.store(b"fourth", "1.2.4")

    def forward() -> None:
        for _ in range(3):
            box.adopt()

    box.turns.run(forward, receive)


def _two_in_a_segment(box: Box) -> None:
    box.use_segments()
    _two_waiting(box)


def _eviction_from_a_segment(box: Box) -> None:
    """While it is written still; then it is freed."""
    _eviction(box)
    box.store(b"third", "1.2.3")
    box.leave_segments()
    box.adopt()


def _used_before(box: Box) -> None:
    _two_in_a_segment(box)
    box.leave_segments()
    _eviction(box)


def _used_again(box: Box) -> None:
    box.use_segments()
    box.store(b"third", "1.2.3")
    box.store(b"fourth" * 900, "1.2.4")
    box.adopt()


def _leaving(box: Box) -> None:
    """What was adopted is proven, and the first step of its departure is done."""
    box.adopt()
    going = box.forward.ledger.ids("")
    for object_id in going:
        box.prove(object_id)
        box.disk.mark("may go", object_id)
    assert box.forward.ledger.leave(going) == going


def _start_amid_eviction(box: Box) -> None:
    """The names in `incoming/` are not durably gone."""
    _leaving(box)
    gone = box.forward.ledger.exceptional("leaving")
    box.restart()
    for object_id in gone:
        box.disk.mark("gone", object_id)


def _damaged_in_a_segment(box: Box) -> None:
    """A record that was written well holds what is no object."""
    _two_in_a_segment(box)
    name, content = box.random(16).hex(), bytes(range(200))
    box.incoming.keep(content[:100], content[100:], name)
    box.disk.mark("damaged", (f"{name}{SUFFIX}", content))


def _damaged_segment(box: Box) -> None:
    """Of four records the third, which was answered for, does not check out any more."""
    box.use_segments()
    (path,) = (box.layout.incoming / name for name in box.disk.names(box.layout.incoming) if segment_id_of(name))
    stored = [box.store(b"%d" % number, f"1.2.{number}") for number in range(4)]
    box.damage(path, 2 * 4096 + 700)
    box.disk.mark("may go", stored[2])


def _damaged_segment_to_its_end(box: Box) -> None:
    """What comes before it goes its way while `receive` writes the segment still."""
    _eviction(box)
    box.leave_segments()
    box.adopt()


def _small_instance(box: Box) -> None:
    """Small enough for a segment, which is full."""
    box.use_segments(size=4096)
    box.store(b"first", "1.2.1")
    box.store(b"second", "1.2.2")


def _damaged_ledger(box: Box) -> None:
    _two_waiting(box)
    box.adopt()
    box.damage_ledger()


def _start(box: Box) -> None:
    box.begin()
    assert box.forward.set_aside


def _start_amid_setting_aside(box: Box) -> None:
    """One that was killed had moved the ledger, and its -wal had not followed."""
    box.disk.rename(box.layout.ledger, box.layout.quarantine / "ledger.0.sqlite")
    _start(box)


def _first_start(box: Box) -> None:
    box.begin()
    box.store(b"data set", "1.2.1")
    box.adopt()
    box.request()


def _a_disk_that_fails(box: Box) -> None:
    """The flush of the directory fails: the sender hears so, and nothing of it need be there."""
    try:
        with patch.object(box.disk, "sync_directory", _refuse):
            box.store(b"refused", "1.2.1")
    except DiskRefused:
        pass
    box.store(b"taken", "1.2.2")


def _refuse(_: object) -> None:
    raise DiskRefused("cannot flush a directory to the medium: told to fail", Condition.BROKEN)


def _rewrap(box: Box) -> None:
    """Both objects, for somebody else; one of them twice."""
    forward = box.forward
    first, second = forward.ledger.ids("")
    for object_id in (first, second, first):
        with forward.objects.open(object_id) as file:
            header = rewrap(read_header(file), [IDENTITY], [IDENTITY.recipient], box.random)
        assert replace_header(forward.objects, forward.ledger, INDEX_KEY, object_id, header)


def _two_adopted(box: Box) -> None:
    _two_waiting(box)
    box.adopt()


def _proofs_and_holds(box: Box) -> None:
    """One is proven, one put on hold, one comes later; the journal is begun, and written anew in between."""
    first, second = (adopted.object_id for adopted in box.adopt())
    box.prove(first)
    box.hold(second)
    box.store(b"third", "1.2.3")
    (third,) = (adopted.object_id for adopted in box.adopt())
    box.restart()
    box.prove(third)


def _eviction_with_a_journal(box: Box) -> None:
    """From a segment: what is in it still must not come back as new when its object has gone."""
    first, second = (adopted.object_id for adopted in box.adopt())
    box.hold(second)
    box.prove(first)
    assert box.evict() == [first]


SCENARIOS = (
    Scenario("one instance", _one_instance),
    Scenario("instances that share a flush", _several_instances, threads=True),
    Scenario("a flush that fails", _a_disk_that_fails),
    Scenario("adoption", _adoption, _waiting),
    Scenario("adoption while receiving", _adoption_while_receiving, _two_waiting, threads=True),
    Scenario("eviction", _eviction, _two_waiting),
    Scenario("a start amid an eviction", _start_amid_eviction, _two_waiting),
    Scenario("a commitment request", _request),
    Scenario("requests and an instance at once", _requests_and_instances, threads=True),
    Scenario("commitment requests to their end", _request_to_its_end),
    Scenario("what waits is damaged", _adoption, _damaged_waiting),
    Scenario("what is stored is damaged", _found_damaged, _damaged_stored),
    Scenario("a small instance", _small_instance),
    Scenario("instances in a segment", _instances_in_a_segment, _segment, threads=True),
    Scenario("the first segment", _first_segment),
    Scenario("adoption from a segment", _adoption_from_a_segment, _waiting_in_a_segment),
    Scenario("adoption while a segment is written", _adoption_while_a_segment_is_written, _segment, threads=True),
    Scenario("eviction from a segment", _eviction_from_a_segment, _two_in_a_segment),
    Scenario("a segment used again", _used_again, _used_before),
    Scenario("what waits in a segment is damaged", _adoption_from_a_segment, _damaged_in_a_segment),
    Scenario("a segment is damaged", _damaged_segment_to_its_end, _damaged_segment),
    Scenario("the ledger is damaged", _start, _damaged_ledger),
    Scenario("a start amid setting the ledger aside", _start_amid_setting_aside, _damaged_ledger),
    Scenario("rewrapping", _rewrap, _two_adopted),
    Scenario("proofs and holds, and the ledger lost", _proofs_and_holds, _two_waiting, journal=True),
    Scenario("an eviction, and the ledger lost", _eviction_with_a_journal, _two_in_a_segment, journal=True),
    Scenario("the first start", _first_start, made=False),
)
