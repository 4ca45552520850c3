"""Group commit: one flush of a directory serves everyone who asked before it began.

Owns no thread and no timer. The first to ask leads and flushes; whoever asks meanwhile gathers into the next batch,
and one of them leads that when the flush under way has ended. On an idle box nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition as ConditionVariable

from appliance.vault.refusals import Condition, DiskRefused


class _Batch:
    """Those who share one flush, and how it ended: `refusal` is None once it went well."""

    __slots__ = ("done", "refusal")

    def __init__(self) -> None:
        self.done = False
        self.refusal: DiskRefused | None = DiskRefused("a flush was interrupted", Condition.OTHER)


class Flusher:
    """Shares calls of `sync` among threads. Make it after a fork: a lock that another thread held would stay shut."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._changed = ConditionVariable()
        self._gathering = _Batch()
        self._flushing = False

    def flush(self) -> None:
        """Return when a `sync` that began after this call has ended well; raise the `DiskRefused` that it ended with.

        A `sync` that was already under way when we came may have missed our name, so we never join that one.
        """
        with self._changed:
            batch = self._gathering
            while self._flushing and not batch.done:
                self._changed.wait()
            lead = not batch.done
            if lead:
                self._gathering = _Batch()
                self._flushing = True
        if lead:
            self._lead(batch)
        if batch.refusal:
            raise batch.refusal.again()

    def _lead(self, batch: _Batch) -> None:
        try:
            self._sync()
            batch.refusal = None
        except DiskRefused as refusal:
            batch.refusal = refusal
        finally:
            with self._changed:
                batch.done = True
                self._flushing = False
                self._changed.notify_all()
