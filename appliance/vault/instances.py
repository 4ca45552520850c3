"""Which objects are of one instance: an index by keyed tag, whose newest entries are in memory until they are many.

Tags are random, so among a million objects an ordinary index has a page of its own written for each new one. Here the
tags of new objects go to a table in memory, and from there, a 256th part of them at a time, into `instance`: neighbours
together. Nothing hangs on that memory: `instance_part` says up to which object each part was carried over, and what is
above that is read from `object` again when the ledger is opened.
"""

from __future__ import annotations

from sqlite_utils import Database

PARTS = 256  # one for each first byte; a migration made them
EVERY = 256
"""Objects between two parts that are carried over. So 33,000 tags are in memory, 2 to 3 MB."""

WITH_TAG = """instance_tag = :tag AND
    id IN (SELECT object FROM instance WHERE tag = :tag UNION ALL SELECT object FROM new_instance WHERE tag = :tag)"""
"""Of a row of `object`: whether it is of the instance with this tag."""


def create(db: Database) -> None:
    """The lasting tables, with what `object` has. A part is of the tags with one first byte."""
    db.execute(
        """CREATE TABLE instance (
            tag BLOB NOT NULL,              -- keyed
            object INTEGER NOT NULL,
            PRIMARY KEY (tag, object)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE instance_part (
            part INTEGER PRIMARY KEY,
            first BLOB NOT NULL UNIQUE,
            past BLOB NOT NULL,             -- above every tag of the part
            carried INTEGER NOT NULL        -- its objects up to this one are in `instance`
        ) STRICT"""
    )
    db.execute("INSERT INTO instance SELECT instance_tag, id FROM object WHERE instance_tag <> x'' ORDER BY 1, 2")
    (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM object").fetchone()
    for part in range(PARTS):
        past = bytes([part + 1]) if part + 1 < PARTS else b"\xff" * 64
        db.execute("INSERT INTO instance_part VALUES (?, ?, ?, ?)", (part, bytes([part]), past, newest))
    db.execute("DROP INDEX idx_object_instance_tag")


def remember(db: Database) -> None:
    """What a connection has in memory: the tags that are not carried over yet, and the triggers that see to them."""
    db.execute(
        """CREATE TEMP TABLE new_instance (
            tag BLOB NOT NULL,
            object INTEGER NOT NULL,
            PRIMARY KEY (tag, object)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """INSERT INTO new_instance SELECT o.instance_tag, o.id
        FROM object AS o CROSS JOIN instance_part AS p ON p.first = substr(o.instance_tag, 1, 1)
        WHERE o.id > (SELECT min(carried) FROM instance_part) AND o.id > p.carried"""
    )
    part = f"part = new.id / {EVERY} % {PARTS} AND new.id % {EVERY} = 0"
    # One trigger, for in which order several would be fired is nowhere said. Numbers of objects that were the newest
    # and have gone are given again.
    db.execute(
        f"""CREATE TEMP TRIGGER instance_insert AFTER INSERT ON object WHEN new.instance_tag <> x'' BEGIN
            UPDATE instance_part SET carried = new.id - 1
            WHERE first = substr(new.instance_tag, 1, 1) AND carried >= new.id;
            INSERT INTO new_instance VALUES (new.instance_tag, new.id);
            INSERT INTO instance SELECT n.tag, n.object FROM instance_part AS p
            CROSS JOIN new_instance AS n ON n.tag >= p.first AND n.tag < p.past WHERE p.{part};
            DELETE FROM new_instance WHERE tag >= (SELECT first FROM instance_part WHERE {part})
            AND tag < (SELECT past FROM instance_part WHERE {part});
            UPDATE instance_part SET carried = new.id WHERE {part};
        END"""  # noqa: S608
    )
    db.execute(
        """CREATE TEMP TRIGGER instance_delete AFTER DELETE ON object BEGIN
            DELETE FROM instance WHERE tag = old.instance_tag AND object = old.id;
            DELETE FROM new_instance WHERE tag = old.instance_tag AND object = old.id;
        END"""
    )
