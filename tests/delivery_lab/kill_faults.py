"""`forward` is killed: while an instance is half on its way, between its answer and its proof, in start-up.

What each kill hit is read afterwards from what lies upstream and in the ledger. Every copy too many is explained: it
was sent while the ledger had no proof of it.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from appliance.delivery.file_meta import parse_file_meta
from appliance.vault.layout import StateLayout
from tests.delivery.upstream import StoreScp
from tests.delivery_lab.lab import Fault, Lab, storescp, whole
from tests.delivery_lab.marksman import Marksman, Shot
from tests.delivery_lab.row import Row

_SMALL, _LARGE = 100_000, 4_000_000  # bytes; a small one is in the kernel's hands as a whole before anybody hits it
_ROUND = 6  # instances that come between two kills, one of them large
_ENVELOPE = 4096  # bytes of an instance at most, beside its pixels, in PDUs and commands
_MISSED = 6.0  # seconds after which a round in which nothing was hit ends all the same
_HALF, _UNPROVEN, _START, _BETWEEN = "an instance half sent", "one stored and not proven", "start-up", "in between"


class Rounds:
    """One start and one kill after another, and what they came to."""

    def __init__(self, lab: Lab, upstream: StoreScp, relay: Marksman) -> None:
        self._lab, self._upstream, self._relay = lab, upstream, relay
        self._dice = random.Random(7)
        self._objects: dict[str, str] = {}
        self._files: set[str] = set()
        self._arrived: set[str] = set()
        self.moments: Counter[str] = Counter()
        self.well_aimed = 0
        self.halves = self.unproven = self.copies = 0

    def kill(self, number: int) -> None:
        """A round: new instances, a start, and a kill at one of the moments."""
        lab, dice = self._lab, self._dice
        ids = lab.put(_ROUND - 1, pixels=_SMALL) + lab.put(1, pixels=_LARGE)
        self._objects |= dict(zip(list(lab.box.state.sent)[-_ROUND:], ids, strict=True))
        proven = self.proven()
        lab.box.start()
        shot = Shot(lab.box.process)

        def soon() -> None:  # a proof is committed a moment after the answer
            timer = threading.Timer(dice.random() * 0.1, shot.fire)
            timer.daemon = True
            timer.start()

        if number % 10 == 9:
            time.sleep(dice.random())
            shot.fire()
        elif number % 2:
            self._relay.aim(shot.fire, bytes_out=dice.randrange(1, (_ROUND - 1) * _SMALL + _LARGE))
        else:
            self._relay.aim(dice.choice((shot.fire, soon)), answers=dice.randrange(2, 2 + _ROUND))
        shot.ends(_MISSED)
        lab.box.process = None
        lab.await_(lambda: not _children(self._upstream), "storescp ends its associations")
        self._look(proven)

    def _look(self, proven: set[str]) -> None:
        """What the kill left; `proven` are the objects that were proven when the round began."""
        complete = self.arrivals(proven)
        halves = sum(map(_is_half, self._relay.unanswered()))
        unproven = {self._objects[uid] for uid in complete} - self.proven()
        self.halves += halves
        self.unproven += len(unproven)
        hit = [moment for moment, true in ((_HALF, halves), (_UNPROVEN, unproven)) if true]
        self.well_aimed += bool(hit)
        self.moments.update(hit or [_BETWEEN if complete else _START])

    def arrivals(self, proven: set[str]) -> set[str]:
        """What was stored upstream since the last look. Each copy of what was there before is demanded to have had no
        proof when the run began that sent it."""
        sent = self._lab.box.state.sent
        names = {path.name for path in self._upstream.directory.iterdir()} - self._files
        self._files |= names
        complete: Counter[str] = Counter()
        for name in names:
            content = (self._upstream.directory / name).read_bytes()
            with contextlib.suppress(Exception):  # not even its head is whole
                meta = parse_file_meta(content)
                complete[meta.sop_instance] += content[meta.data_set_offset :] == sent.get(meta.sop_instance)
        complete = +complete
        for uid, times in complete.items():
            again = uid in self._arrived
            self.copies += again
            assert times == 1, f"{uid} was stored {times} times by one run"
            assert not again or self._objects[uid] not in proven, f"{uid} was sent again, though it was proven"
        self._arrived |= complete.keys()
        return set(complete)

    def proven(self) -> set[str]:
        """The objects whose proof the ledger has."""
        return _proven(self._lab.box.state.layout)


def _is_half(sent: int) -> bool:
    """Whether so many bytes without an answer are the beginning of an instance: more than a command, less than all."""
    return _ENVELOPE < sent < _SMALL or _SMALL + 2 * _ENVELOPE < sent < _LARGE


def _proven(layout: StateLayout) -> set[str]:
    """The objects that a ledger calls delivered; of a copy, for `forward` alone may touch its own."""
    if not layout.ledger.exists():
        return set()
    with tempfile.TemporaryDirectory() as directory:
        for path in layout.ledger.parent.glob(f"{layout.ledger.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, directory)
        with contextlib.closing(sqlite3.connect(Path(directory) / layout.ledger.name)) as ledger:
            rows = ledger.execute(
                "SELECT object_id FROM delivery AS d JOIN object ON object.id = d.object WHERE d.state = 'delivered'"
            )
            return {object_id for (object_id,) in rows}


def _children(upstream: StoreScp) -> list[str]:
    """The processes of storescp that still have an association."""
    assert upstream.process
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if parent == str(upstream.process.pid) and state != "Z":
                found.append(path.parent.name)
    return found


def _killed(lab: Lab) -> Row:
    """kill -9 at a byte of an instance, at an answer or a moment behind it, in start-up; each time something new is
    there."""
    with storescp(lab) as upstream, Marksman(upstream.port) as relay:
        lab.box.destination("pacs", relay.port)
        lab.box.configure()
        lab.watch()
        rounds = Rounds(lab, upstream, relay)
        for number in range(lab.kills):
            rounds.kill(number)
            if not number:
                lab.hear(lab.telling.dead)
        proven = rounds.proven()
        lab.box.start()
        lab.box.ready()
        lab.all_delivered()
        rounds.arrivals(proven)
        moments = ", ".join(f"{moment}: {times}" for moment, times in rounds.moments.most_common())
        lab.seen.append(
            f"{lab.kills} kills hit {moments} ({rounds.well_aimed} hit an instance or a proof on its way); they left "
            f"{rounds.halves} instances half sent and {rounds.unproven} stored without a proof; each of the "
            f"{rounds.copies} copies too many was sent while the ledger had no proof"
        )
        assert rounds.well_aimed >= lab.kills / 2, f"badly aimed: {lab.seen}"
        return lab.arrived(whole(upstream, lab.box.state.sent), twice=rounds.unproven)


FAULTS = (Fault("forward is killed again and again", _killed),)
