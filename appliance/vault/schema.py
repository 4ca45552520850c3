"""The schema of the ledger, as a list of migrations that sqlite-utils applies, each once and in a transaction.

Holds no UID, name or date of a patient: what must be compared is a keyed tag. A migration that was released is never
changed; what changes is a new one at the end.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from appliance.base.errors import LocalError
from appliance.vault import instances


def _objects_and_deliveries(db: Database) -> None:
    db["fact"].create({"name": str, "value": bytes}, pk="name", strict=True)
    db["object"].create(
        {
            "id": int,
            "object_id": str,
            "state": str,  # present | leaving | lost | quarantined
            "received": float,
            "adopted": float,
            "proven": float,  # when the last destination proved it; NULL while one owes it
            "peer": str,
            "calling_ae": str,
            "called_ae": str,
            "sop_class": str,
            "transfer_syntax": str,
            "modality": str,
            "study_tag": bytes,
            "series_tag": bytes,
            "instance_tag": bytes,
            "size": int,
            "data_set_digest": bytes,
            "payload_digest": bytes,
        },
        pk="id",
        strict=True,
        not_null={"object_id", "state", "received", "size", "instance_tag", "data_set_digest"},
    )
    db["object"].create_index(["object_id"], unique=True)
    db["object"].create_index(["instance_tag"])
    db.execute("CREATE INDEX object_proven ON object(proven) WHERE proven IS NOT NULL AND state = 'present'")
    db.execute("CREATE INDEX object_exceptional ON object(state) WHERE state <> 'present'")
    # Clustered by object, so that new rows are neighbours however many there are.
    db.execute(
        """CREATE TABLE delivery (
            object INTEGER NOT NULL REFERENCES object(id),
            destination TEXT NOT NULL,
            state TEXT NOT NULL,            -- waiting | leased | held | delivered
            since REAL NOT NULL,            -- when the object was received
            due REAL NOT NULL,              -- waiting: not before; leased: the lease ends
            attempts INTEGER NOT NULL DEFAULT 0,
            status INTEGER,                 -- delivered: the upstream's status
            error TEXT NOT NULL DEFAULT '', -- the last failure, without what might name a patient
            done REAL,
            PRIMARY KEY (object, destination)
        ) STRICT, WITHOUT ROWID"""
    )
    # Only what is open stands in these two, so a lease costs the same with a million delivered rows as with none.
    db.execute("CREATE INDEX delivery_due ON delivery(destination, due) WHERE state IN ('waiting', 'leased')")
    db.execute("CREATE INDEX delivery_since ON delivery(destination, since) WHERE state <> 'delivered'")
    db.execute("CREATE INDEX delivery_held ON delivery(destination) WHERE state = 'held'")
    db["accepted"].create(
        {"destination": str, "sop_class": str, "transfer_syntax": str, "seen": float},
        pk=("destination", "sop_class", "transfer_syntax"),
        strict=True,
    )
    _tally(db, "delivery_tally", "delivery", ("destination", "state"), "0")
    _tally(db, "object_tally", "object", ("state",), "size")


def _commitments(db: Database) -> None:
    db.execute(
        """CREATE TABLE commitment (
            id INTEGER PRIMARY KEY,
            request_id TEXT NOT NULL UNIQUE,
            peer TEXT NOT NULL,
            transaction_tag BLOB NOT NULL,  -- keyed, of its Transaction UID
            content_tag BLOB NOT NULL,      -- keyed, of that and all that it names
            state TEXT NOT NULL,            -- asked | decided | reported | given up
            entered REAL NOT NULL,
            due REAL NOT NULL,              -- not looked at before; unused once it is over
            attempts INTEGER NOT NULL DEFAULT 0,
            request BLOB,                   -- sealed (seal/FORMAT.md, 8); NULL once it is over
            reasons BLOB,                   -- two bytes for each instance, 0 for committed; NULL until it is decided
            error TEXT NOT NULL DEFAULT '',
            ended REAL
        ) STRICT"""
    )
    db.execute("CREATE INDEX commitment_transaction ON commitment(peer, transaction_tag)")
    db.execute("CREATE INDEX commitment_due ON commitment(due) WHERE state IN ('asked', 'decided')")
    db.execute("CREATE INDEX commitment_ended ON commitment(ended) WHERE ended IS NOT NULL")


def _kept_commitments(db: Database) -> None:
    # A fifth state: kept, decided while nothing leads to the peer.
    db.execute("CREATE INDEX commitment_kept ON commitment(peer) WHERE state = 'kept'")


def _holds(db: Database) -> None:
    # When a person put the object on hold; it then leaves for nobody. Eviction looks at this index alone.
    db.execute("ALTER TABLE object ADD COLUMN hold REAL")
    db.execute("DROP INDEX object_proven")
    db.execute(
        "CREATE INDEX object_proven ON object(proven) WHERE proven IS NOT NULL AND state = 'present' AND hold IS NULL"
    )
    db.execute("CREATE INDEX object_hold ON object(hold) WHERE hold IS NOT NULL")


def _studies(db: Database) -> None:
    # Objects that came together are neighbours here, however random tags are: they are of one study.
    db.execute("CREATE INDEX object_study ON object(study_tag, series_tag) WHERE state = 'present'")


def _proofs(db: Database) -> None:
    # Another state of a delivery: stored, which the destination said and has not proven yet. Its `due` is when the
    # destination is asked to commit to it, or asked again; `done` is when it was stored.
    db.execute("ALTER TABLE delivery ADD COLUMN asks INTEGER NOT NULL DEFAULT 0")  # requests since it was stored
    db.execute("ALTER TABLE delivery ADD COLUMN missed INTEGER NOT NULL DEFAULT 0")  # reports that said: not there
    db.execute("CREATE INDEX delivery_stored ON delivery(destination, due) WHERE state = 'stored'")
    db.execute("CREATE INDEX delivery_asked ON delivery(destination) WHERE state = 'stored' AND asks > 1")
    db.execute(
        """CREATE TABLE proof_request (
            id INTEGER PRIMARY KEY,
            destination TEXT NOT NULL,
            transaction_tag BLOB NOT NULL,  -- keyed, of its Transaction UID
            at REAL NOT NULL,
            taken INTEGER NOT NULL DEFAULT 1,  -- 0: the destination refused it, or nobody knows whether it heard it
            answered REAL                   -- when its report came
        ) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX proof_request_transaction ON proof_request(destination, transaction_tag)")
    db.execute("CREATE INDEX proof_request_open ON proof_request(destination, at) WHERE answered IS NULL AND taken")
    db.execute("CREATE INDEX proof_request_at ON proof_request(at)")
    db.execute(
        """CREATE TABLE proof_reference (
            request INTEGER NOT NULL REFERENCES proof_request(id) ON DELETE CASCADE,
            object INTEGER NOT NULL REFERENCES object(id) ON DELETE CASCADE,
            PRIMARY KEY (request, object)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX proof_reference_object ON proof_reference(object)")


def _gathering(db: Database) -> None:
    # Another state of a delivery: gathering, while its study is not complete. One row a study and destination says
    # when it will be, if nothing more comes; so an instance that comes costs the same in a study of ten thousand.
    db.execute(
        """CREATE TABLE study_quiet (
            destination TEXT NOT NULL,
            study_tag BLOB NOT NULL,        -- keyed
            due REAL NOT NULL,              -- complete then
            latest REAL NOT NULL,           -- and then at the latest, whatever comes
            quiet REAL NOT NULL,            -- seconds
            PRIMARY KEY (destination, study_tag)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX study_quiet_due ON study_quiet(destination, due)")


migrations = Migrations("ledger")
VERSIONS = {
    "0001-objects-and-deliveries": _objects_and_deliveries,
    "0002-commitments": _commitments,
    "0003-kept-commitments": _kept_commitments,
    "0004-holds": _holds,
    "0005-studies": _studies,
    "0006-proofs": _proofs,
    "0007-gathering": _gathering,
    "0008-instances": instances.create,
}
for _name, _migration in VERSIONS.items():
    migrations(name=_name)(_migration)


def _tally(db: Database, tally: str, table: str, keys: tuple[str, ...], amount: str) -> None:
    """Keep counts by trigger: `status` asks often, and counting a million rows would hold up the queue.

    The triggers avoid conflict clauses, for those of the statement that fires a trigger override its own.
    """
    db[tally].create({**dict.fromkeys(keys, str), "rows": int, "bytes": int}, pk=keys, strict=True)

    def change(row: str, sign: str) -> str:
        values = ", ".join(f"{row}.{key}" for key in keys)
        where = " AND ".join(f"{key} = {row}.{key}" for key in keys)
        size = "0" if amount == "0" else f"{row}.{amount}"
        return (
            f"INSERT INTO {tally} SELECT {values}, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM {tally} WHERE {where});"  # noqa: S608
            f"UPDATE {tally} SET rows = rows {sign} 1, bytes = bytes {sign} {size} WHERE {where};"
        )

    db.execute(f"CREATE TRIGGER {tally}_insert AFTER INSERT ON {table} BEGIN {change('new', '+')} END")
    db.execute(f"CREATE TRIGGER {tally}_delete AFTER DELETE ON {table} BEGIN {change('old', '-')} END")
    db.execute(
        f"CREATE TRIGGER {tally}_update AFTER UPDATE OF state ON {table} WHEN new.state <> old.state "
        f"BEGIN {change('old', '-')} {change('new', '+')} END"
    )


def migrate(db: Database) -> bool:
    """Bring the schema up to date; True if the ledger is new. Refuses a ledger that a later version wrote."""
    applied = {migration.name for migration in migrations.applied(db)}
    if applied - VERSIONS.keys():
        raise LocalError(
            "the ledger was written by a later version of the appliance",
            fix="Install that version again; or set the ledger aside, and it is rebuilt from the objects.",
        )
    migrations.apply(db)
    return not applied
