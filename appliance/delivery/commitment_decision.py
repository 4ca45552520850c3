"""Decides a commitment request: which of the named instances this box holds, whole, on its medium.

The promise is our own, for what we hold: an instance that was delivered and forgotten is none of ours any more, since
the ledger proves nothing of it after its row is gone. Each object is read back past the page cache and compared with
its record; that needs the index key, and no identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from appliance.upper_layer.commitment import CLASS_INSTANCE_CONFLICT, NO_SUCH_INSTANCE, PROCESSING_FAILURE, Reference
from appliance.vault import recovery
from appliance.vault.adoption import Adopted, Adoption, Fate
from appliance.vault.commitments import Candidate, Commitments

COMMITTED = 0


class Decision:
    """Looks at instances. One thread; what damage it finds goes to `tell`, as at start-up."""

    def __init__(self, adoption: Adoption, commitments: Commitments, tell: Callable[[Iterable[Adopted]], None]) -> None:
        self._adoption = adoption
        self._commitments = commitments
        self._tell = tell

    def missing(self, references: Iterable[Reference]) -> bool:
        """Whether an instance is not here, or not yet."""
        return any(not _present(self._commitments.holders(instance)) for _, instance in references)

    def reasons(self, references: Sequence[Reference], stopping: Callable[[], bool]) -> list[int] | None:
        """A Failure Reason for each reference in order, 0 for one that is committed; None if told to stop."""
        known: dict[Reference, int] = {}
        for reference in references:
            if stopping():
                return None
            if reference not in known:
                known[reference] = self._reason(*reference)
        return [known[reference] for reference in references]

    def _reason(self, sop_class: str, sop_instance: str) -> int:
        """Where several objects hold one instance, with other content each, all of them must be whole: nobody knows
        which one was meant."""
        holders = self._commitments.holders(sop_instance)
        present = _present(holders)
        if not present:
            return PROCESSING_FAILURE if any(each.state == "quarantined" for each in holders) else NO_SUCH_INSTANCE
        fitting = [each for each in present if each.sop_class == sop_class]
        if not fitting:
            return CLASS_INSTANCE_CONFLICT
        worst = COMMITTED
        for each in fitting:
            fates = recovery.verify(self._adoption, each.object_id)
            self._tell(fates)
            for fate in fates:
                worst = NO_SUCH_INSTANCE if fate.fate is Fate.LOST else PROCESSING_FAILURE
        return worst


def _present(holders: Iterable[Candidate]) -> list[Candidate]:
    return [each for each in holders if each.state == "present"]
