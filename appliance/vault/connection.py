"""The ledger's SQLite connection: opened for good, used by one thread at a time, every commit durable.

Owns the pragmas, the lock, transactions, and the translation of SQLite's errors. Knows no table. The file is let go of
where its medium failed, so that it can be mended while we run, and taken up again.
"""

from __future__ import annotations

import os
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from sqlite_utils import Database

from appliance.base.errors import LocalError
from appliance.vault import instances
from appliance.vault.entries import Entry
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.schema import migrate

_CONDITIONS = {
    sqlite3.SQLITE_FULL: Condition.FULL,
    sqlite3.SQLITE_READONLY: Condition.READ_ONLY,
    sqlite3.SQLITE_IOERR: Condition.BROKEN,
    sqlite3.SQLITE_CANTOPEN: Condition.MISSING,
    sqlite3.SQLITE_PERM: Condition.DENIED,
    sqlite3.SQLITE_AUTH: Condition.DENIED,
    sqlite3.SQLITE_NOMEM: Condition.EXHAUSTED,
}

_FAILURES = (Condition.BROKEN, Condition.READ_ONLY, Condition.MISSING)
_PATIENCE = 1.0  # seconds

CHECKPOINT = 4000
"""Pages in the WAL (16 MiB) before they go into the ledger. Batches that follow each other change the same pages; the
more of them share a checkpoint, the less is written twice."""


class LedgerDamaged(DiskRefused):
    """The ledger's file is not a whole SQLite database. It can be set aside and rebuilt from the objects."""


class LedgerTaken(LocalError):
    """Another process has the ledger open; it has one owner."""


class Connection:
    """One SQLite connection and one lock. WAL with synchronous=FULL: a commit that returned survives a power cut.

    locking_mode=EXCLUSIVE, because a second process that opens the same WAL, even to read, can lock the owner out;
    it is told at once instead, and no -shm file is needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._depth = 0
        self._entries: list[Entry] = []
        self.mirror: Callable[[Sequence[Entry]], None] | None = None
        """Takes what must outlive the ledger, durably, before the transaction that it belongs to is committed."""
        self.failed = False
        """Whether the medium failed a statement since the ledger was opened."""
        self.damaged = False
        """Whether a statement found that the file is no whole database."""
        self._away: DiskRefused | None = None
        self._open("rwc")

    def _open(self, mode: str) -> None:
        if _of_another_user(self.path):  # to SQLite that is SQLITE_CANTOPEN, as if there were no file
            raise DiskRefused("cannot use the ledger: it belongs to another user", Condition.DENIED)
        with self._errors():
            # The empty isolation level is what sqlite-utils asks for; every write below begins its own transaction.
            name = f"file:{urllib.parse.quote(str(self.path))}?mode={mode}"
            self._sqlite = sqlite3.connect(name, uri=True, timeout=0, check_same_thread=False)
            try:
                self._sqlite.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._sqlite.execute("PRAGMA synchronous = FULL")
                self._sqlite.execute("PRAGMA foreign_keys = ON")
                # Else what a statement may have to undo goes to a file in /tmp once it was more than 64 KiB, and from
                # then on: a connection that keeps its lock keeps that file too, and six times the WAL is written there.
                self._sqlite.execute("PRAGMA temp_store = MEMORY")
                self._sqlite.execute("PRAGMA journal_size_limit = 67108864")
                self._sqlite.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
                self.db = Database(self._sqlite, recursive_triggers=False, execute_plugins=False)
                self.db.enable_wal()
                self.new = migrate(self.db)
                instances.remember(self.db)
            except BaseException:
                self._sqlite.close()
                raise

    def close(self) -> None:
        """Checkpoint and close. Nothing is lost without it."""
        with self._lock:
            self._sqlite.close()

    def let_go(self, why: DiskRefused) -> bool:
        """Close the file, for its medium failed or went; all is refused with `why` until `take_up`. False where
        somebody is at work with it and does not come to an end."""
        if not self._lock.acquire(timeout=_PATIENCE):
            return False
        try:
            if self._away is None:
                with suppress(sqlite3.Error):
                    self._sqlite.close()
            self._away = why
            return True
        finally:
            self._lock.release()

    def take_up(self, medium: Medium) -> None:
        """Open the file again that was let go of; never make one. Raises `DiskRefused`; then it stays away.

        What is still cached of it may be what a failed flush left there, and not be on the medium: it is read anew.
        """
        with self._lock:
            if self._away is None:
                return
            for path in (self.path, self.path.with_name(self.path.name + "-wal")):
                if medium.exists(path):
                    with medium.open(path) as file:
                        medium.drop_cache(file.fileno())
            self.failed = False
            self._open("rw")
            self._away = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the ledger; what is written is committed durably when the outermost of these ends, all or nothing."""
        with self._lock, self._errors():
            self._be_there()
            if self._depth == 0:
                self._sqlite.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._sqlite
                if self._depth == 1:
                    self._write_entries()
                    self._sqlite.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._entries = []

    def _write_entries(self) -> None:
        if not (self._entries and self.mirror):
            return
        try:
            self.mirror(self._entries)
        except DiskRefused as refusal:  # of the medium that is the ledger's too
            self.failed |= refusal.condition in _FAILURES
            raise

    def enter(self, entry: Entry) -> None:
        """Within a transaction: have this in the journal, before the commit. All that a transaction enters shares one
        flush. Without a journal it is nothing."""
        assert self._depth
        if self.mirror:
            self._entries.append(entry)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the ledger to read from it."""
        with self._lock, self._errors():
            self._be_there()
            yield self._sqlite

    def _be_there(self) -> None:
        if self._away:
            raise self._away.again()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            refusal = _translated(error)
            if isinstance(refusal, LedgerDamaged) and (self.failed or not self._medium_is_well()):
                # Where reading or writing fails SQLite may call its file damaged. The medium tells, once it is back.
                refusal = DiskRefused("cannot use the ledger: its medium failed", Condition.BROKEN)
            self.damaged |= isinstance(refusal, LedgerDamaged)
            self.failed |= isinstance(refusal, DiskRefused) and refusal.condition in _FAILURES
            raise refusal from error

    def _medium_is_well(self) -> bool:
        try:
            Medium().check_alive(self.path.parent)
        except DiskRefused:
            return False
        return True


def _of_another_user(path: Path) -> bool:
    ours = os.access(path, os.R_OK | os.W_OK, effective_ids=True)
    if ours or not os.access(path, os.F_OK, effective_ids=True):
        return False
    return not os.statvfs(path).f_flag & os.ST_RDONLY  # there, nobody may write


def _translated(error: sqlite3.Error) -> DiskRefused | LocalError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return LocalError(f"the ledger was used wrongly: {type(error).__name__}")
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LedgerDamaged("the ledger is damaged", Condition.BROKEN)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerTaken("another process has the ledger open", fix="Ask the running `forward` instead.")
    if primary in _CONDITIONS:
        return DiskRefused(f"cannot use the ledger: {error.sqlite_errorname}", _CONDITIONS[primary])
    return LocalError(f"the ledger refused a statement: {error.sqlite_errorname}")
