"""A destination whose proof is storage commitment, and which does not commit as it should."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.uid import UID

from appliance.cli.demo.evidence import Verdict
from tests.delivery.commitment_scp import Asked, CommittingPacs, Decide
from tests.delivery.vaults import CT, ROOT
from tests.delivery_lab import warp
from tests.delivery_lab.lab import Fault, Lab
from tests.delivery_lab.marksman import Marksman, Shot
from tests.delivery_lab.row import Row

_COUNT = 8
_SHOT = 20.0  # seconds after which a kill comes all the same


@dataclass
class Archive(CommittingPacs):
    """Keeps every copy that it gets, and may say more than it was asked."""

    copies: list[tuple[str, bytes]] = field(default_factory=list)
    also: Callable[[Archive, Asked, Any], None] = lambda *_: None
    """What it reports beside, before the report itself."""

    def _store(self, event: Any) -> int:
        status = super()._store(event)
        uid = event.request.AffectedSOPInstanceUID
        self.copies.append((uid, self.stored[uid]))
        return status

    def report(
        self, asked: Asked, association: Any = None, *, decide: Decide | None = None, transaction: str = ""
    ) -> None:
        self.also(self, asked, association)
        with contextlib.suppress(RuntimeError):  # the association is gone
            super().report(asked, association, decide=decide, transaction=transaction)

    def idle(self) -> bool:
        """Whether nobody is associated with it."""
        return not self._server.active_associations


@contextmanager
def _archive(lab: Lab, **how: Any) -> Iterator[Archive]:
    """An archive that has instances, and `forward` on them."""
    for _ in range(_COUNT):
        lab.box.state.put()
    with Archive(**how) as archive:
        assert isinstance(archive, Archive)
        lab.begin(archive.port, address=f"127.0.0.1:{archive.port}", proof="commitment")
        yield archive


def _never(lab: Lab) -> Row:
    """No report for longer than its deadline; then it reports when it is asked again."""
    if warp.MISSING:
        return Row(lab.fault, Verdict.NOT_HERE, warp.MISSING)
    with warp.warped(lab.root) as time, _archive(lab, how="never") as archive:
        lab.hear(lambda: lab.telling.unproven(_COUNT, 0))
        lab.await_(lambda: archive.asked, "it is asked to commit")
        time.pass_(20 * 60, within=3)
        lab.await_(time.passed, "its deadline passes")
        lab.hear(lambda: lab.telling.unproven(_COUNT, _COUNT, "has not committed in time to 8 instances"))
        assert len({asked.transaction for asked in archive.asked}) == len(archive.asked) > 1
        archive.how = "same"
        time.pass_(60 * 60, within=6)
        lab.all_delivered()
        return lab.arrived(archive.copies)


def _twice(lab: Lab) -> Row:
    """With the report on its second request comes once more that on the first."""

    def also(archive: Archive, asked: Asked, association: Any) -> None:
        if asked is not archive.asked[0]:
            CommittingPacs.report(archive, archive.asked[0], association)

    with _archive(lab, also=also) as archive:
        lab.hear(lambda: lab.telling.unproven(_COUNT, 0))
        lab.all_delivered()
        lab.box.state.put()
        lab.all_delivered()
        lab.await_(lambda: "PROOF-REPORTED-AGAIN" in lab.box.log, "the second is known for what it is")
        lab.await_(lambda: archive.answers == [0, 0, 0], "all three are taken")
        return lab.arrived(archive.copies)


def _with_failures(lab: Lab) -> Row:
    """It lost one, which is sent again; another it refuses to commit to, until a person asks."""
    refuses = [True]
    lost, refused = f"{ROOT}.2.3", f"{ROOT}.2.5"

    def decide(_: str, instance: str) -> int:
        if instance == lost and sum(uid == lost for uid, _ in archive.copies) < 2:
            return 0x0112
        return 0x0110 if instance == refused and refuses else 0

    with _archive(lab, decide=lambda *each: decide(*each)) as archive:
        lab.held("it stored this and does not commit to it: 0x0110, processing failure")
        lab.await_(lambda: lab.box.delivered() == _COUNT - 1, "the others are proven")
        refuses.clear()
        lab.all_delivered()
        assert sorted(uid for uid, _ in archive.copies if uid in (lost, refused)) == [lost, lost, refused, refused]
        return lab.arrived(archive.copies, twice=2)


def _of_unknown(lab: Lab) -> Row:
    """First it reports on a transaction that nobody opened, then of instances that nobody asked for."""

    def also(archive: Archive, asked: Asked, association: Any) -> None:
        CommittingPacs.report(archive, asked, association, transaction=f"{ROOT}.99", decide=lambda *_: 0x0110)
        asked.references.append((UID(CT), UID(f"{ROOT}.98")))

    with _archive(lab, also=also, decide=lambda *_: 0) as archive:
        lab.hear(lambda: lab.telling.unproven(_COUNT, 0))
        lab.all_delivered()
        for words in ("PROOF-REPORT-UNKNOWN", "1 not asked for"):  # which is said after it is booked
            lab.await_(lambda words=words: words in lab.box.log, words)
        return lab.arrived(archive.copies)


def _not_offered(lab: Lab) -> Row:
    with _archive(lab, offers=False) as archive:
        lab.hear(lambda: lab.telling.unproven(_COUNT, 0, "it does not offer storage commitment"))
        archive.stop()
        archive.offers = True
        archive.start()
        lab.all_delivered()
        return lab.arrived(archive.copies)


def _killed(lab: Lab) -> Row:
    """kill -9 at a byte of the request to commit, at its answer, or at the report, which then nobody took."""
    if warp.MISSING:
        return Row(lab.fault, Verdict.NOT_HERE, warp.MISSING)
    dice, moments, kills = random.Random(7), Counter[str](), max(2, lab.kills // 10)
    with warp.warped(lab.root) as time, Archive() as archive, Marksman(archive.port) as relay:
        assert isinstance(archive, Archive)
        lab.box.destination("pacs", relay.port, address=f"127.0.0.1:{relay.port}", proof="commitment")
        lab.box.configure()
        lab.watch()
        for number in range(kills):
            for _ in range(_COUNT):
                lab.box.state.put()
            lab.box.start()
            lab.box.ready()
            lab.await_(lambda: _known(lab) == len(lab.box.state.sent), "all is stored there")
            asked, answers = len(archive.asked), len(archive.answers)
            shot = Shot(lab.box.process)
            if number % 3:
                relay.aim(shot.fire, answers=dice.randrange(2, 4))  # of the request, or the report itself
            else:
                relay.aim(shot.fire, bytes_out=dice.randrange(1, 1500))  # association and request have some more
            shot.ends(_SHOT)
            lab.box.process = None
            if not number:
                lab.hear(lab.telling.dead)
            lab.await_(archive.idle, "its associations end")
            moments[_moment(archive, asked, answers)] += 1
        lab.run()
        time.pass_(60 * 60, within=6)
        lab.all_delivered()
        lab.seen.append(
            f"{kills} kills hit {', '.join(f'{moment}: {times}' for moment, times in moments.most_common())}"
        )
        return lab.arrived(archive.copies)


def _known(lab: Lab) -> int:
    """How many instances the destination is known to have."""
    queue = lab.queue
    return int(queue["stored"] + queue["delivered"])


def _moment(archive: Archive, asked: int, answers: int) -> str:
    if len(archive.answers) > answers:
        return "a report that was taken" if archive.answers[-1] == 0 else "a report that nobody took"
    return "a request" if len(archive.asked) > asked else "what comes before the request"


FAULTS = (
    Fault("a commitment that never comes", _never, long=True),
    Fault("a commitment that comes twice", _twice, long=True),
    Fault("a commitment with failures", _with_failures, long=True),
    Fault("a commitment for unknown UIDs", _of_unknown),
    Fault("storage commitment is not offered", _not_offered, long=True),
    Fault("forward is killed while it asks for commitment", _killed, long=True),
)
