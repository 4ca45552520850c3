"""A state of the simulated disk as real files in memory, a real start on them, and what must hold afterwards."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.base.errors import ApplianceError
from appliance.seal.commitment import open_request
from appliance.seal.errors import SealError
from appliance.seal.opening import verify
from appliance.seal.record import Record
from appliance.vault import recovery
from appliance.vault.layout import StateLayout, free_segment_id_of, object_id_of
from appliance.vault.medium import Medium
from tests.vault.crash.box import ROOT, Forward, scratch, start
from tests.vault.crash.states import State
from tests.vault.crash.trace import Mark
from tests.vault.samples import INDEX_KEY, NOW

LEDGER = f"{ROOT}/ledger/ledger.sqlite"


@dataclass
class Promises:
    """What was promised and allowed before a cut."""

    answered: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """Object id: the instance's tag and the digest of its data set."""
    requested: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)
    """Objects of which the upstream's proof was committed: they are never owed again."""
    may_go: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    on_hold: set[str] = field(default_factory=set)
    damaged: dict[str, bytes] = field(default_factory=dict)
    """The names of files that cannot be used, and their content: they are kept in quarantine."""

    @classmethod
    def of(cls, marks: tuple[Mark, ...]) -> Promises:
        found = cls()
        for mark in marks:
            about = mark.about
            if isinstance(about, str):
                {
                    "requested": found.requested,
                    "reported": found.reported,
                    "proven": found.proven,
                    "may go": found.may_go,
                    "gone": found.gone,
                    "on hold": found.on_hold,
                }[mark.what].add(about)
            else:
                assert isinstance(about, tuple)
                if mark.what == "answered":
                    found.answered[about[0]] = about[1:]
                else:
                    found.damaged[about[0]] = about[1]
        return found


class Machine:
    """A directory in memory in which one state after another is laid out and started."""

    def __init__(self, *, twice: bool = False) -> None:
        """`twice`: start once more, which must find nothing to do."""
        self.top = scratch()
        self.layout = StateLayout(self.top / ROOT)
        self.twice = twice
        self.started = 0
        self.surplus = 0
        """On how many states there was a file of an instance that nobody was answered for, and no row: a sweep's."""
        layout = self.layout
        alone = [layout.incoming, layout.quarantine, layout.alerts, layout.ledger.parent, layout.journal]
        leaves = [*alone, *layout.fan()]
        self._directories = [str(each) for each in leaves]
        self._made = frozenset(str(each.relative_to(self.top)) for each in (layout.root, layout.objects, *leaves))
        self._whole: frozenset[str] | None = None  # the directories, when they are just those that every start makes
        self._random: Callable[[int], bytes] | None = None
        self._known: dict[tuple[State, tuple[Mark, ...]], str | None] = {}

    def close(self) -> None:
        shutil.rmtree(self.top)

    def fault(self, state: State, marks: tuple[Mark, ...], *, journal: bool = False) -> str | None:
        """What is wrong after a start on this state, in a line, or None. What was looked at before is known."""
        key = state, marks
        self._random = random.Random(1).randbytes if journal else None
        if key not in self._known:
            self.started += 1
            self._lay_out(state)
            self._known[key] = self._look(Promises.of(marks))
        return self._known[key]

    def _lay_out(self, state: State) -> None:
        if self._whole is None or not self._whole <= state.directories:
            shutil.rmtree(self.top)
            self.top.mkdir(0o700)
            for directory in sorted(state.directories):
                (self.top / directory).mkdir()
        else:
            for path in self._files():
                os.unlink(path)
            os_directories = [each for each in state.directories if each not in self._whole]
            assert not os_directories, "a directory that no start makes"
        self._whole = None
        for (name, *more), content in state.files():
            (self.top / name).write_bytes(content)
            for other in more:
                (self.top / other).hardlink_to(self.top / name)
        if state.ledger and os.path.dirname(LEDGER) in state.directories:
            (self.top / LEDGER).write_bytes(state.ledger)

    def _files(self) -> list[str]:
        """Every file, in whichever of the directories that a start makes."""
        return [f"{each}/{name}" for each in self._directories for name in os.listdir(each)]

    def _look(self, promises: Promises) -> str | None:
        try:
            forward = start(self.layout, Medium(), random=self._random)
        except ApplianceError as error:
            return f"the start failed: {error}"
        try:
            fault = self._compare(forward, promises)
        finally:
            forward.ledger.close()
        if fault is None and self.twice:
            before = sorted(self._files())
            again = start(self.layout, Medium(), random=self._random)
            again.ledger.close()
            if again.fates or sorted(self._files()) != before:
                fault = f"a second start found something to do: {again.fates}"
        self._whole = self._made
        return fault

    def _compare(self, forward: Forward, promises: Promises, *, swept: bool = False) -> str | None:
        """The first thing that does not hold."""
        records: dict[str, Record] = {}
        aside: dict[str, bytes] = {}
        for name in self._files():
            path = Path(name)
            if path.parent in (self.layout.ledger.parent, self.layout.journal):
                continue
            if path.parent == self.layout.quarantine:
                aside[path.name] = path.read_bytes()
                continue
            if path.parent == self.layout.incoming and free_segment_id_of(path.name):
                continue
            object_id = object_id_of(path.name)
            if object_id is None or path != self.layout.object_file(object_id):
                return f"{path.parent.name}/{path.name} is left over"
            with path.open("rb") as file:
                try:
                    records[object_id] = verify(file, INDEX_KEY)
                except SealError as error:
                    return f"object {object_id} is not whole: {error.message}"
        # A name or a record that was not durable yet may have been adopted already, and its row is not there: nobody
        # was answered for it. The sweep that follows a start enters it.
        surplus = records.keys() - set(forward.ledger.ids("")) - promises.answered.keys()
        if surplus and not swept:
            self.surplus += 1
            for fates in recovery.sweep(forward.adoption, lambda: NOW):
                forward.fates.extend(fates)
            return self._compare(forward, promises, swept=True)
        return (
            _of_files(forward, records)
            or _of_queue(forward, records, promises)
            or _of_answers(forward, records, promises)
            or _of_requests(forward, promises)
            or _of_quarantine(forward, aside, promises)
        )


def _of_files(forward: Forward, records: dict[str, Record]) -> str | None:
    """The ledger agrees with the headers."""
    ledger = forward.ledger
    if (rows := set(ledger.ids(""))) != records.keys():
        return f"rows without files: {rows - records.keys()}; files without rows: {records.keys() - rows}"
    for object_id, record in records.items():
        if ledger.record(object_id) != record or record.object_id != object_id:
            return f"row and header of {object_id} differ"
    for state in ("leaving", "lost"):
        if left := ledger.exceptional(state):
            return f"{left} are {state}"
    return None


def _of_queue(forward: Forward, records: dict[str, Record], promises: Promises) -> str | None:
    """What is not proven is owed, and what is proven is not."""
    with forward.ledger.reading() as sqlite:
        owed = dict(
            sqlite.execute("SELECT o.object_id, d.state FROM delivery AS d JOIN object AS o ON o.id = d.object")
        )
    with forward.ledger.reading() as sqlite:
        on_hold = {found for (found,) in sqlite.execute("SELECT object_id FROM object WHERE hold IS NOT NULL")}
    if released := promises.on_hold - on_hold:
        return f"on hold no more: {released}"
    for object_id in records:
        state = "delivered" if object_id in promises.proven else "waiting"
        # Its proof may be durable although the cut came before anybody heard of it.
        if owed.get(object_id) not in (state, "delivered"):
            return f"object {object_id} is {owed.get(object_id)}, not {state}"
    return None


def _of_answers(forward: Forward, records: dict[str, Record], promises: Promises) -> str | None:
    """What was answered is there, or another object of the same bytes; what has gone stays away."""
    held = {(record.instance_tag, record.data_set_digest) for record in records.values()}
    for object_id, content in promises.answered.items():
        if object_id not in promises.may_go and content not in held:
            return f"answered and lost: {object_id}"
    if back := promises.gone & records.keys():
        return f"forgotten and back: {back}"
    return None


def _of_requests(forward: Forward, promises: Promises) -> str | None:
    """What was answered is there, once; what was reported stays over."""
    with forward.ledger.reading() as sqlite:
        rows = sqlite.execute("SELECT request_id, request, state FROM commitment").fetchall()
    if lost := promises.requested - promises.reported - promises.may_go - {row[0] for row in rows}:
        return f"commitment requests answered and lost: {lost}"
    for request_id, sealed, state in rows:
        if request_id in promises.reported and state != "reported":
            return f"commitment request {request_id} was reported on and is {state} again"
        if sealed and open_request(sealed, INDEX_KEY).request_id != request_id:
            return f"commitment request {request_id} is another"
    return None


def _of_quarantine(forward: Forward, aside: dict[str, bytes], promises: Promises) -> str | None:
    """What was damaged is there, as it was, and nothing else is."""
    names = {name for name in aside if not name.startswith("ledger.")}
    for name, content in promises.damaged.items():
        kept = [each for each in aside if each == name or each.startswith(f"{name}.")]
        if content not in [aside[each] for each in kept]:
            return f"set aside and lost: {name}"
        names -= set(kept)
    if names:
        return f"in quarantine without a reason: {sorted(names)}"
    unexpected = [fate for fate in forward.fates if fate.reason and not promises.damaged]
    return f"found damaged: {unexpected}" if unexpected else None
