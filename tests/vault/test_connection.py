from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.vault import entries
from appliance.vault.connection import Connection, LedgerDamaged, LedgerTaken
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused


def test_every_commit_is_durable(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "l.sqlite")
    with connection.reading() as sqlite:
        assert sqlite.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert sqlite.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert sqlite.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert sqlite.execute("PRAGMA temp_store").fetchone() == (2,)  # MEMORY
    connection.close()


def test_new_and_not_new(tmp_path: Path) -> None:
    for new in (True, False):
        connection = Connection(tmp_path / "l.sqlite")
        assert connection.new is new
        connection.close()


def test_one_owner_even_for_readers(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    connection = Connection(path)
    with pytest.raises(LedgerTaken):
        Connection(path)
    read = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM object')"
    other = subprocess.run([sys.executable, "-c", read, str(path)], capture_output=True, text=True)
    assert "database is locked" in other.stderr
    with connection.transaction() as sqlite:
        sqlite.execute("INSERT INTO fact VALUES ('a', x'00')")
    connection.close()


def test_all_or_nothing_and_the_outermost_decides(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "l.sqlite")
    with pytest.raises(RuntimeError), connection.transaction() as sqlite:
        with connection.transaction():
            sqlite.execute("INSERT INTO fact VALUES ('a', x'00')")
        raise RuntimeError
    with connection.transaction() as sqlite:
        sqlite.execute("INSERT INTO fact VALUES ('b', x'00')")
    with connection.reading() as sqlite:
        assert sqlite.execute("SELECT name FROM fact").fetchall() == [("b",)]
    connection.close()


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_bytes(b"this is not a database, " * 100)
    with pytest.raises(LedgerDamaged):
        Connection(path)


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiskRefused) as caught:
        Connection(tmp_path / "unmounted" / "l.sqlite")
    assert caught.value.condition is Condition.MISSING


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_a_ledger_of_another_user_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Connection(tmp_path / "l.sqlite").close()
    (tmp_path / "l.sqlite").chmod(0o600)
    tmp_path.chmod(0o777)
    monkeypatch.chdir(tmp_path)  # its parents are closed to others
    os.seteuid(65534)
    try:
        with pytest.raises(DiskRefused, match="belongs to another user") as caught:
            Connection(Path("l.sqlite"))
    finally:
        os.seteuid(0)
    assert caught.value.condition is Condition.DENIED


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Connection(path).close()
    raw = sqlite3.connect(path)
    raw.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ledger', '9999-later', '')")
    raw.commit()
    raw.close()
    with pytest.raises(LocalError) as caught:
        Connection(path)
    assert "later version" in caught.value.message


def test_misuse_is_our_own_fault_and_repeats_no_value(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "l.sqlite")
    with pytest.raises(LocalError) as caught, connection.transaction() as sqlite:
        sqlite.execute("INSERT INTO delivery VALUES (1, 'secret', 'waiting', 0, 0, 0, 0, '', 0)")
    assert "secret" not in str(caught.value)
    connection.close()


def failing(connection: Connection, code: int, name: str) -> DiskRefused:
    """What comes of an error of SQLite's."""
    error = sqlite3.OperationalError("")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    with pytest.raises(DiskRefused) as caught, connection.reading():
        raise error
    return caught.value


def test_damage_that_sqlite_sees_after_its_medium_failed_is_the_mediums(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "l.sqlite")
    failing(connection, sqlite3.SQLITE_IOERR, "SQLITE_IOERR_FSYNC")
    assert not isinstance(failing(connection, sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"), LedgerDamaged)
    assert connection.failed and not connection.damaged
    assert connection.let_go(DiskRefused("gone", Condition.BROKEN))
    connection.take_up(Medium())
    assert not connection.failed
    assert isinstance(failing(connection, sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"), LedgerDamaged)
    assert connection.damaged
    connection.close()


def test_damage_that_sqlite_sees_after_the_journal_failed_is_the_mediums(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "l.sqlite")

    def fail(_: object) -> None:
        raise DiskRefused("the journal cannot be written", Condition.BROKEN)

    connection.mirror = fail
    with pytest.raises(DiskRefused, match="journal"), connection.transaction():
        connection.enter(entries.go("pacs"))
    assert not isinstance(failing(connection, sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"), LedgerDamaged)
    assert connection.failed and not connection.damaged
    connection.close()


def test_damage_on_a_medium_that_is_not_well_is_the_mediums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(tmp_path / "l.sqlite")
    with monkeypatch.context() as patch:
        patch.setattr("appliance.vault.medium.given_up", lambda _: errno.EIO)
        assert not isinstance(failing(connection, sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"), LedgerDamaged)
    assert connection.failed and not connection.damaged
    connection.close()
