"""How objects leave the vault: forgotten after proof, or set aside because they cannot be used.

The row changes first and durably, then the file, then the row goes: no state claims a file that is not there, and a cut
in between leaves a row that `finish` acts on at start-up. Decides nothing: what may go, `evictable` and retention say.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects


def evict(ledger: Ledger, objects: Objects, now: float, keep: float, limit: int) -> list[str]:
    """Forget up to `limit` objects whose proof is `keep` seconds old; their ids. `now` is in Unix seconds."""
    going = ledger.leave(ledger.evictable(now, keep, limit), now, keep)
    if going:
        _remove(ledger, objects, going)
    return going


def set_aside(ledger: Ledger, objects: Objects, object_id: str) -> None:
    """Put an adopted object in quarantine and hold what it owes: it was found damaged."""
    ledger.quarantine(object_id)
    objects.set_aside(object_id)


def finish(ledger: Ledger, objects: Objects) -> None:
    """At start-up: complete what a cut left half done."""
    resume(ledger, objects)
    for object_id in ledger.exceptional("quarantined"):
        objects.set_aside(object_id)


def resume(ledger: Ledger, objects: Objects) -> None:
    """Complete what was left half done, here or by a medium that refused in between."""
    if going := ledger.exceptional("leaving"):
        _remove(ledger, objects, going)


def _remove(ledger: Ledger, objects: Objects, going: Sequence[str]) -> None:
    """The waiting names are durably gone too before the rows go, or a cut could bring a proven object back as new."""
    objects.remove(going)
    objects.leave_incoming(going)
    objects.settle_incoming()
    with ledger.transaction():
        ledger.keep_marks()
        for object_id in going:
            ledger.forget(object_id)
