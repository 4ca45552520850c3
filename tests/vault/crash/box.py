"""A vault on a simulated disk, and the start of `forward`, on this one or on a real one.

The ledger is a real SQLite database on tmpfs; what is simulated of it is that a commit is durable, whole, when it has
returned with synchronous=FULL. Each commit is an operation of the disk, so a cut may come before and after it.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection as SQLite
from typing import NoReturn
from unittest.mock import patch

from appliance.delivery.commitment import Committer
from appliance.delivery.commitment_decision import Decision
from appliance.delivery.open_associations import OpenAssociations
from appliance.delivery.report_ways import Ways
from appliance.seal.commitment import CommitmentRequest
from appliance.vault import commitment_requests, departure, flusher, recovery, segment
from appliance.vault.adoption import Adopted, Adoption
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.commitments import Commitments
from appliance.vault.holds import Holds
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout, object_id_of, request_id_of
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from appliance.vault.rebuild import Rebuild
from appliance.vault.segments import Segments
from appliance.vault.standing import standing
from tests.vault.crash.disk import SimulatedDisk
from tests.vault.crash.turns import Turns
from tests.vault.samples import CT, HEAD, IDENTITY, INDEX_KEY, NOW, facts, to_pacs

SHM = Path("/dev/shm")
ROOT = "state"
SEGMENT = 5 * 4096  # bytes
FULL = 2  # PRAGMA synchronous


def scratch() -> Path:
    """A new directory in memory; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="crash-states-", dir=SHM if SHM.is_dir() else None))


class RecordedLedger(Ledger):
    """A ledger that tells a simulated disk of each commit."""

    def __init__(self, path: Path, disk: SimulatedDisk) -> None:
        self._disk: SimulatedDisk | None = None
        super().__init__(path)
        if self.new:
            disk.synced(path.parent)  # by SQLite, when it made its first journal there
        self._disk = disk
        self._snapshot = b""
        self._record()

    @contextmanager
    def transaction(self) -> Iterator[SQLite]:
        with self._lock:
            with super().transaction() as sqlite:
                yield sqlite
                if self._disk and self._depth == 1:
                    self._disk.step()  # a process may die here, and nothing was committed
            if self._disk and self._depth == 0:
                self._record()

    def _record(self) -> None:
        snapshot = self._sqlite.serialize()
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            assert self._disk
            (synchronous,) = self._sqlite.execute("PRAGMA synchronous").fetchone()
            self._disk.committed(snapshot, durable=synchronous >= FULL)


@dataclass
class Forward:
    """What `forward` has made when it has started, and what became of the objects that it found."""

    ledger: Ledger
    objects: Objects
    adoption: Adoption
    commitments: Commitments
    committer: Committer
    fates: list[Adopted]
    set_aside: bool
    """Whether the ledger was damaged, and a new one begun."""


def start(
    layout: StateLayout,
    medium: Medium,
    ledger: Callable[[Path], Ledger] = Ledger,
    now: Callable[[], float] = lambda: NOW,
    random: Callable[[int], bytes] | None = None,
) -> Forward:
    """Start as programs/forward.py does, up to where it delivers; with its journal where `random` is given for it."""
    layout.create(medium)
    with patch.object(recovery, "Ledger", ledger):
        opened, damaged = recovery.open_ledger(layout, medium)
    try:
        objects = Objects(layout, medium)
        rebuild = None
        if random:
            journal = Journal(layout, INDEX_KEY, medium, random)
            opened.mirror = journal.append
            rebuild = Rebuild(opened, journal)
            rebuild.resume_marks()
        adoption = Adoption(objects, opened, INDEX_KEY, to_pacs)
        fates = [fate for step in recovery.recover(adoption, NOW, rebuild=rebuild) for fate in step.fates]
        if rebuild and (rebuild.needed or journal.due):
            journal.write_anew(standing(opened))
        commitments = Commitments(opened, INDEX_KEY)
        committer = Committer(
            WaitingRequests(layout, INDEX_KEY, medium),
            commitments,
            objects,
            Decision(adoption, commitments, fates.extend),
            Ways(OpenAssociations(layout.root), _nowhere),
            now=now,
        )
        committer.take_over()
    except BaseException:
        opened.close()
        raise
    return Forward(opened, objects, adoption, commitments, committer, fates, damaged)


def _nowhere(peer: str, calling_ae: str) -> NoReturn:
    raise AssertionError("nothing is reported here")


class Box:
    """A vault on a simulated disk: `forward` runs from the beginning, `receive` when it is first used."""

    def __init__(self, turns: Turns | None = None, *, seed: int = 0, made: bool = True, journal: bool = False) -> None:
        """`made`: the state directory is there, empty and durable. Else nothing is, and `begin` makes it."""
        self._journal = journal
        self.top = scratch()
        self.layout = StateLayout(self.top / ROOT)
        self.layout.ledger.parent.mkdir(parents=True)  # for SQLite alone; the simulated one is made by the vault
        self.turns = turns or Turns(seed)
        self.disk = SimulatedDisk(self.top, self.turns.pause)
        self.random = random.Random(seed).randbytes
        self.forward: Forward
        self._intake: Intake | None = None
        self._incoming: Incoming | None = None
        self.segments: Segments | None = None
        self._requests = 0
        self.now = NOW
        if made:
            self.layout.ledger.write_bytes(_empty_ledger())
            self.begin()
            self.disk.settle()

    def begin(self) -> None:
        """Start `forward`."""
        random = self.random if self._journal else None
        self.forward = start(self.layout, self.disk, self._ledger, lambda: self.now, random)

    def _ledger(self, path: Path) -> Ledger:
        return RecordedLedger(path, self.disk)

    def restart(self) -> None:
        """After a kill: other processes go on with what is in memory."""
        self.disk.revive()
        if hasattr(self, "forward"):
            self.forward.ledger.close()
        self._intake = self._incoming = self.segments = None
        self.begin()

    @property
    def incoming(self) -> Incoming:
        if self._incoming is None:
            with patch.object(flusher, "ConditionVariable", self.turns.condition):
                self._incoming = Incoming(self.layout, self.disk, self.segments)
        return self._incoming

    @property
    def intake(self) -> Intake:
        if self._intake is None:
            self._intake = Intake(self.incoming, [IDENTITY.recipient], INDEX_KEY, self.random)
        return self._intake

    def use_segments(self, *, size: int = SEGMENT) -> None:
        """Have one segment ready for small objects. What its thread would do later is done now or not at all."""
        self.segments = Segments(self.layout, self.disk, size=size, quiet=0, random=self.random)
        self.segments.prepare = _no_thread  # type: ignore[method-assign]
        with (
            patch.object(flusher, "ConditionVariable", self.turns.condition),
            patch.object(segment, "Lock", self.turns.condition),
        ):
            assert self.segments.supply()
        self._incoming = self._intake = None

    def leave_segments(self) -> None:
        """`receive` ends: nobody writes them any more."""
        assert self.segments
        self.segments.close()
        self.segments = self._incoming = self._intake = None

    def store(self, data_set: bytes, instance_uid: str) -> str:
        """What `receive` does for one C-STORE-RQ, and its answer; the object id."""
        with self.intake.begin(HEAD) as instance:
            instance.write(data_set)
            object_id = instance.commit(facts(instance.object_id, instance_uid))
        self.answered(object_id, data_set, instance_uid)
        return object_id

    def answered(self, object_id: str, data_set: bytes, instance_uid: str) -> None:
        """The sender was told 0x0000."""
        digest = INDEX_KEY.data_set_digest()
        digest.update(data_set)
        tag = INDEX_KEY.tag("instance", instance_uid)
        self.disk.mark("answered", (object_id, tag, digest.digest()))

    def request(self) -> str:
        """What `receive` does for one N-ACTION-RQ, and its answer; the request's id."""
        self._requests += 1
        request = CommitmentRequest(
            request_id=self.random(16).hex(),
            received=NOW,
            peer="CT suite 2",
            calling_ae="CT1",
            called_ae="EDGE01",
            transaction=f"1.2.3.{self._requests}",
            references=((CT, "1.2.3.4"),),
        )
        commitment_requests.keep(self.incoming, request, INDEX_KEY, self.random)
        self.disk.mark("requested", request.request_id)
        return request.request_id

    def adopt(self) -> list[Adopted]:
        """What `forward` does when it hears of something in `incoming/`."""
        found = self.forward.adoption.adopt(sorted(self.forward.objects.waiting()), NOW)
        self.forward.adoption.retire_segments()
        self.forward.committer.take_over()
        return found

    def prove(self, object_id: str) -> None:
        """The destination proved that it has it."""
        self.forward.ledger.delivered(object_id, "pacs", 0, NOW)
        self.disk.mark("proven", object_id)

    def hold(self, object_id: str) -> None:
        """A person puts it on hold, and is told so."""
        assert Holds(self.forward.ledger).hold([object_id], NOW)[0]
        self.disk.mark("on hold", object_id)

    def evict(self) -> list[str]:
        """Forget what is proven."""
        for object_id in self.forward.ledger.evictable(self.now, 0, 10):
            self.disk.mark("may go", object_id)
        gone = departure.evict(self.forward.ledger, self.forward.objects, self.now, 0, 10)
        for object_id in gone:
            self.disk.mark("gone", object_id)
        return gone

    def damage(self, path: Path, offset: int) -> None:
        """A file is not what it was: it belongs in quarantine."""
        self.disk.damage(path, offset, b"not what was written")
        self.damaged(path)

    def damaged(self, path: Path) -> None:
        """This file cannot be used, and is to be kept for a person."""
        self.disk.mark("damaged", (path.name, self.disk.read(path)))
        if found := object_id_of(path.name) or request_id_of(path.name):
            self.disk.mark("may go", found)

    def damage_ledger(self) -> None:
        """What the last commits wrote, and only the WAL holds yet, is no schema; what they were committed to is whole.

        The ledger is two files of the disk now, and no simulated component."""
        ledger, path = self.forward.ledger, self.layout.ledger
        with ledger.reading() as sqlite:
            sqlite.execute("PRAGMA writable_schema = ON")
            sqlite.execute("UPDATE sqlite_schema SET sql = 'no schema' WHERE name = 'object'")
            sqlite.execute("COMMIT") if sqlite.in_transaction else None
        wal = path.with_name(path.name + "-wal")
        files = {each: each.read_bytes() for each in (path, wal)}
        ledger.close()
        for each, content in files.items():
            each.write_bytes(content)
            self.disk.put(each, content)
        self.disk.committed(None, durable=True)

    def close(self) -> None:
        if hasattr(self, "forward"):
            self.forward.ledger.close()
        self.disk.end()
        shutil.rmtree(self.top)


def _no_thread() -> None:
    """What stands for `Segments.prepare`."""


_EMPTY: list[bytes] = []


def _empty_ledger() -> bytes:
    """The same in every box, with the dates of its migrations, so that equal states are known to be equal."""
    if not _EMPTY:
        top = scratch()
        layout = StateLayout(top / ROOT)
        found = start(layout, Medium())
        with found.ledger.reading() as sqlite:
            _EMPTY.append(sqlite.serialize())
        found.ledger.close()
        shutil.rmtree(top)
    return _EMPTY[0]
