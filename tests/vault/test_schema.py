"""The ledger's schema: brought up to date from every version before, with what was in it; its tallies count right."""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from appliance.base.errors import LocalError
from appliance.vault.ledger import Ledger
from appliance.vault.schema import VERSIONS, migrate
from tests.vault.samples import NOW


def at_version(path: Path, count: int) -> sqlite3.Connection:
    """A ledger as the version with so many migrations made it."""
    older = Migrations("ledger")
    for name in list(VERSIONS)[:count]:
        older(name=name)(VERSIONS[name])
    connection = sqlite3.connect(path, isolation_level=None)
    older.apply(Database(connection))
    return connection


def schema(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def enter(connection: sqlite3.Connection, number: int, state: str = "present", size: int = 7) -> None:
    connection.execute(
        "INSERT INTO object (id, object_id, state, received, size, instance_tag, data_set_digest) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, f"{number:032x}", state, NOW, size, os.urandom(16), bytes(32)),
    )


def owe(connection: sqlite3.Connection, number: int, destination: str, state: str = "waiting") -> None:
    connection.execute(
        "INSERT INTO delivery (object, destination, state, since, due) VALUES (?, ?, ?, ?, 0)",
        (number, destination, state, NOW),
    )


@pytest.mark.parametrize("count", range(len(VERSIONS) + 1))
def test_every_version_comes_to_the_same_schema_and_loses_nothing(tmp_path: Path, count: int) -> None:
    newest = sqlite3.connect(":memory:", isolation_level=None)
    assert migrate(Database(newest))
    older = at_version(tmp_path / "ledger.sqlite", count)
    if count:
        enter(older, 1)
        owe(older, 1, "pacs", "held")
    assert migrate(Database(older)) is not bool(count)
    assert schema(older) == schema(newest)
    if count:
        assert older.execute("SELECT object_id, state, hold FROM object").fetchall() == [(f"{1:032x}", "present", None)]
        assert older.execute("SELECT destination, state, asks, missed FROM delivery").fetchall() == [
            ("pacs", "held", 0, 0)
        ]
    assert not migrate(Database(older)), "once is enough"
    older.close()
    newest.close()
    if count:
        ledger = Ledger(tmp_path / "ledger.sqlite")
        assert ledger.counts()["pacs"].held == 1
        ledger.close()


def test_what_a_later_version_wrote_is_left_alone(tmp_path: Path) -> None:
    connection = at_version(tmp_path / "ledger.sqlite", len(VERSIONS))
    later = Migrations("ledger")
    later(name="9999-from-the-future")(lambda db: None)
    later.apply(Database(connection))
    before = schema(connection)
    with pytest.raises(LocalError, match="later version"):
        migrate(Database(connection))
    assert schema(connection) == before
    connection.close()


def test_the_tallies_are_what_one_would_count() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(Database(connection))
    connection.execute("PRAGMA recursive_triggers = ON")
    dice = random.Random(3)
    states = ("waiting", "leased", "held", "stored", "gathering", "delivered")
    known: set[tuple[int, str]] = set()
    for number in range(1, 400):
        enter(connection, number, size=dice.randrange(1 << 40))
        for destination in dice.sample(("a", "b", "c"), dice.randrange(4)):
            owe(connection, number, destination, dice.choice(states))
            known.add((number, destination))
        if known:
            key = dice.choice(sorted(known))
            if dice.random() < 0.3:
                connection.execute("DELETE FROM delivery WHERE object = ? AND destination = ?", key)
                known.discard(key)
            else:
                connection.execute(
                    "UPDATE delivery SET state = ? WHERE object = ? AND destination = ?", (dice.choice(states), *key)
                )
        connection.execute(
            "UPDATE object SET state = ? WHERE id = ?",
            (dice.choice(("present", "leaving", "lost")), dice.randrange(1, number + 1)),
        )
    deliveries = connection.execute("SELECT destination, state, rows FROM delivery_tally WHERE rows").fetchall()
    counted = connection.execute("SELECT destination, state, count(*) FROM delivery GROUP BY 1, 2").fetchall()
    assert Counter(deliveries) == Counter(counted)
    objects = connection.execute("SELECT state, rows, bytes FROM object_tally WHERE rows").fetchall()
    assert Counter(objects) == Counter(
        connection.execute("SELECT state, count(*), sum(size) FROM object GROUP BY 1").fetchall()
    )
    connection.close()


def test_a_tally_is_kept_in_a_statement_that_replaces_rows() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(Database(connection))
    enter(connection, 1)
    owe(connection, 1, "a")
    connection.execute(
        "INSERT INTO delivery (object, destination, state, since, due) VALUES (1, 'a', 'held', 0, 0) "
        "ON CONFLICT (object, destination) DO UPDATE SET state = 'held'"
    )
    assert connection.execute("SELECT state, rows FROM delivery_tally WHERE rows").fetchall() == [("held", 1)]
    connection.close()
