"""Whether the vault still stands where `forward` opened it: on the same file system, and one that takes writes.

Where it does not, ledger and journal are let go of. While a file is open the kernel keeps a file system that failed,
and whoever mounts its device again gets the failed one. When there is a whole one with this ledger again, it is taken
up. Makes nothing: a mount point without its file system must not become another vault.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from appliance.base.errors import ApplianceError
from appliance.vault.declared_mount import DeclaredMount, check_mounted
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused


class Turn(Enum):
    """What a look at the medium found."""

    LOST = "lost"
    REGAINED = "regained"


class Footing:
    """Used by one thread, every few seconds. It costs an open, a stat and a read of /proc."""

    def __init__(
        self,
        layout: StateLayout,
        ledger: Ledger,
        journal: Journal,
        ours: Callable[[], bool] = lambda: True,
        medium: Medium | None = None,
        mount: DeclaredMount | None = None,
    ) -> None:
        """`ours` says whether the ledger is the one of this vault, once it is open again. Raises `DiskRefused`."""
        self._layout = layout
        self._ledger = ledger
        self._journal = journal
        self._ours = ours
        self._medium = medium or Medium()
        self._mount = mount
        self._file = self._medium.identity(layout.ledger)
        self.refusal: DiskRefused | None = None
        """Why the vault cannot be used; None while it can."""

    def look(self) -> Turn | None:
        """See whether anything changed, and act on it."""
        return self._leave() if self.refusal is None else self._return()

    def _leave(self) -> Turn | None:
        why = self._objection()
        if why is None or not self._ledger.let_go(why):
            return None
        self._journal.let_go()
        self.refusal = why
        return Turn.LOST

    def _objection(self) -> DiskRefused | None:
        try:
            check_mounted(self._mount)
            self._medium.check_alive(self._layout.ledger.parent)
            if self._medium.identity(self._layout.ledger) != self._file:
                return DiskRefused("another file system is mounted at the state directory", Condition.MISSING)
        except DiskRefused as refusal:
            return refusal
        if self._ledger.failed:
            return DiskRefused("the medium failed the ledger", Condition.BROKEN)
        return None

    def _return(self) -> Turn | None:
        try:
            check_mounted(self._mount)
            for directory in (self._layout.ledger.parent, self._layout.incoming, self._layout.objects):
                self._medium.check_alive(directory)
            if not self._medium.exists(self._layout.ledger):  # all but it came through the repair
                self._ledger.damaged = True
                raise DiskRefused("the ledger did not come back with the objects", Condition.BROKEN)
            self._file = self._medium.identity(self._layout.ledger)
            self._ledger.take_up(self._medium)
            if not self._ours():
                why = DiskRefused("the ledger that is mounted there is another vault's", Condition.MISSING)
                self._ledger.let_go(why)
                raise why
        except DiskRefused as refusal:
            self.refusal = refusal
            return None
        except ApplianceError as error:
            self.refusal = DiskRefused(error.message, Condition.OTHER)
            return None
        self.refusal = None
        return Turn.REGAINED
