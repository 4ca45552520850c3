"""The vault with its steps in another order: each of these breaks a promise, in the scenario that is named with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from appliance.seal.commitment import CommitmentRequest
from appliance.vault import departure, recovery
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.flusher import Flusher
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from tests.vault.crash.box import Box
from tests.vault.crash.disk import SimulatedDisk
from tests.vault.crash.explore import Mutant


def _instead(owner: Any, name: str, change: Callable[[Any], Any]) -> Callable[[Box], Any]:
    """A patch: `change` gets what there is and gives what stands there meanwhile."""
    return lambda _: patch.object(owner, name, change(getattr(owner, name)))


def _joining(flush: Callable[[Flusher], None]) -> Callable[[Flusher], None]:
    def joined(self: Flusher) -> None:
        with self._changed:
            if self._flushing:
                while self._flushing:
                    self._changed.wait()
                return
        flush(self)

    return joined


def _leaving_early(settle: Callable[[Objects, Iterable[str]], None]) -> Callable[[Objects, Iterable[str]], None]:
    def settled(self: Objects, object_ids: Iterable[str]) -> None:
        ids = list(object_ids)
        settle(self, ids)
        self.leave_incoming(ids)

    return settled


def _named_early(sync: Callable[[SimulatedDisk, int], None]) -> Callable[[Box], Any]:
    """The name comes before the flush of the content."""

    @contextmanager
    def swapped(_: Box) -> Iterator[None]:
        owed: list[int] = []
        link = SimulatedDisk.link

        def linked(self: SimulatedDisk, descriptor: int, path: Path) -> None:
            link(self, descriptor, path)
            while owed:
                sync(self, owed.pop())

        put_off = patch.object(SimulatedDisk, "sync_data", lambda _, descriptor: owed.append(descriptor))
        with put_off, patch.object(SimulatedDisk, "link", linked):
            yield

    return swapped


def _duplicates_late(box: Box) -> Any:
    """A duplicate from a segment is removed when its row is committed."""
    owed: list[str] = []
    remove, leave = Objects.remove, Objects.leave_incoming

    def left(self: Objects, object_ids: Iterable[str]) -> None:
        remove(self, owed)
        owed.clear()
        leave(self, object_ids)

    @contextmanager
    def late() -> Iterator[None]:
        with (
            patch.object(Objects, "remove", lambda _, ids: owed.extend(ids)),
            patch.object(Objects, "leave_incoming", left),
        ):
            yield

    return late()


def _file_first(ledger: Ledger, objects: Objects, now: float, keep: float, limit: int) -> list[str]:
    going = ledger.evictable(now, keep, limit)
    objects.remove(going)
    departure._remove(ledger, objects, ledger.leave(going))
    return going


def _row_first(ledger: Ledger, objects: Objects, going: Iterable[str]) -> None:
    with ledger.transaction():
        for object_id in going:
            ledger.forget(object_id)
    objects.remove(going)
    objects.leave_incoming(going)
    objects.settle_incoming()


def _wal_first(layout: Any, medium: Medium) -> None:
    number = recovery._next_aside(layout, medium)
    for suffix in ("-wal", ""):
        recovery._move_aside(layout, medium, suffix, number)


def _read_once(read: Callable[..., Any]) -> Callable[..., tuple[CommitmentRequest, bytes]]:
    def gone(self: WaitingRequests, request_id: str) -> tuple[CommitmentRequest, bytes]:
        found: tuple[CommitmentRequest, bytes] = read(self, request_id)
        self.leave(request_id)
        return found

    return gone


def _not_full(box: Box) -> Any:
    box.forward.ledger._sqlite.execute("PRAGMA synchronous = NORMAL")
    return nullcontext()


def _mark_forgotten(free: Callable[[Objects, str], None]) -> Callable[[Box], Any]:
    """A segment's mark is dropped before the segment is free."""

    @contextmanager
    def swapped(box: Box) -> Iterator[None]:
        def freed(self: Objects, segment_id: str) -> None:
            box.forward.ledger.drop_fact("segment " + segment_id)
            free(self, segment_id)

        with patch.object(Objects, "free_segment", freed):
            yield

    return swapped


ORDERS: dict[Mutant, str] = {
    Mutant("a flush joins one that is under way", patch=_instead(Flusher, "flush", _joining)): (
        "instances that share a flush"
    ),
    Mutant("a flush of a segment joins one that is under way", patch=_instead(Flusher, "flush", _joining)): (
        "instances in a segment"
    ),
    Mutant("the name comes before the content", patch=_named_early(SimulatedDisk.sync_data)): "one instance",
    Mutant("the request's name comes before it", patch=_named_early(SimulatedDisk.sync_data)): "a commitment request",
    Mutant("the waiting name goes before the row", patch=_instead(Objects, "settle", _leaving_early)): "adoption",
    Mutant("a segment's duplicate goes after the row", patch=_duplicates_late): "adoption from a segment",
    Mutant("a segment's mark goes before its name", patch=_mark_forgotten(Objects.free_segment)): (
        "eviction from a segment"
    ),
    Mutant("the file goes before the row says so", patch=_instead(departure, "evict", lambda _: _file_first)): (
        "eviction"
    ),
    Mutant("the row goes before the file", patch=_instead(departure, "_remove", lambda _: _row_first)): "eviction",
    Mutant("a request's file goes before its row", patch=_instead(WaitingRequests, "read", _read_once)): (
        "commitment requests to their end"
    ),
    Mutant("the -wal moves first", patch=_instead(recovery, "_set_aside_ledger", lambda _: _wal_first)): (
        "the ledger is damaged"
    ),
    Mutant("a commit is not flushed", patch=_not_full): "eviction",
}
