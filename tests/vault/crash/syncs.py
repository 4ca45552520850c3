"""Every flush that the vault asks for, by its site, and where it shows that it is needed: the scenario in which a vault
without it breaks a promise. Or why no promise hangs on it.

A site is the way to the flush, innermost function first, and what is flushed. A new flush belongs in here.
"""

from __future__ import annotations

_ADOPTING = "adoption.Adoption._take < adoption.Adoption.adopt"
_COMMITTING = "connection.Connection.transaction"
_LOST = "proofs and holds, and the ledger lost"
_EVICTED = "an eviction, and the ledger lost"
_MOVED = "a rename is atomic in the journal, and a file that is back at its old name is moved again"
_LEDGER_MOVED = "a rename is atomic in the journal; that the old name has gone durably is what counts"
_SQLITE = "SQLite flushes the directory itself, when it makes the new ledger and before it writes to it"

NEEDED = {
    # What is answered for
    "incoming.Part.commit < intake.Instance.commit: data": "one instance",
    "incoming.Part.commit < intake.Instance.commit: incoming": "one instance",
    "incoming.Part.commit < incoming.Incoming.keep < intake.Instance.commit: data": "a small instance",
    "incoming.Part.commit < incoming.Incoming.keep < intake.Instance.commit: incoming": "a small instance",
    "segment.Segment._sync < segment.Segment.append < segments.Segments.append: data": "the first segment",
    "segments.Segments._take < segments.Segments._make < segments.Segments.supply: incoming": "the first segment",
    "segments.Segments._take < segments.Segments._reuse < segments.Segments.supply: incoming": "a segment used again",
    "waiting_files.keep_file < commitment_requests.keep: data": "a commitment request",
    "waiting_files.keep_file < commitment_requests.keep: incoming": "a commitment request",
    # Adoption
    "objects.Objects.make_durable < adoption.Adoption._make_durable < adoption.Adoption._take: data": (
        "the first segment"
    ),
    f"objects.Objects.settle < {_ADOPTING}: objects/xx": "eviction",
    "objects.Objects.settle < objects.Objects.remove < adoption.Adoption._take: objects/xx": "adoption",
    "objects.Objects.settle_incoming < objects.Objects.free_segment < adoption.Adoption.retire_segments: incoming": (
        "eviction from a segment"
    ),
    # What leaves
    "objects.Objects.settle < objects.Objects.remove < departure._remove: objects/xx": "eviction",
    "objects.Objects.settle_incoming < departure._remove < departure.evict: incoming": "eviction",
    "objects.Objects.settle_incoming < departure._remove < departure.resume: incoming": "a start amid an eviction",
    "waiting_files.WaitingFiles.settle: incoming": "commitment requests to their end",
    # What cannot be used
    "objects.Objects.set_aside_waiting < adoption.Adoption._put_aside < adoption.Adoption._take: data": (
        "what waits in a segment is damaged"
    ),
    "objects.Objects.set_aside_waiting < adoption.Adoption._put_aside < adoption.Adoption._take: quarantine": (
        "what waits in a segment is damaged"
    ),
    "objects.move_aside < objects.Objects._set_aside < objects.Objects.set_aside_segment: incoming": (
        "a segment is damaged"
    ),
    "recovery._move_aside < recovery._set_aside_ledger < recovery.open_ledger: ledger": "the ledger is damaged",
    "recovery._finish_setting_aside < recovery.open_ledger: ledger": "a start amid setting the ledger aside",
    # Another header
    "rewrapping.replace_header: data": "rewrapping",
    # The journal, where the ledger is lost
    f"journal.Journal._begin < journal.Journal.append < {_COMMITTING}: data": _LOST,
    f"journal.Journal._begin < journal.Journal.append < {_COMMITTING}: journal": _LOST,
    f"journal.Journal.append < {_COMMITTING} < holds.Holds.hold: data": _LOST,
    f"journal.Journal.append < {_COMMITTING} < deliveries.Deliveries.delivered: data": _EVICTED,
    f"journal.Journal.append < {_COMMITTING} < departure._remove: data": _EVICTED,
    # The directories
    "layout._settle < layout.StateLayout.create: state": "the first start",
    "layout._settle < layout.StateLayout.create: above": "the first start",
    "objects.Objects.prepare < recovery.recover: objects": "the first start",
}

_JOURNAL = "tests/vault/test_journal_crash.py: on a disk of its own, what the journal says after each cut"
ELSEWHERE = {
    "journal.Journal._begin": _JOURNAL,
    "journal.Journal.append": _JOURNAL,
    "journal.Journal._write_base": _JOURNAL,
}
"""Functions that the scenarios do not reach."""

NOT_NEEDED = {
    "rewrapping.replace_header: objects/xx": (
        "the file with the old header and the one with the new are both the object; who asked may be told too early"
    ),
    "segments.Segments._fill < segments.Segments._take < segments.Segments._make: data": (
        "the flush of the first record covers the zeros; this one keeps that flush short"
    ),
    "objects.move_aside < waiting_files.WaitingFiles.set_aside: quarantine": _MOVED,
    "objects.move_aside < waiting_files.WaitingFiles.set_aside: incoming": _MOVED,
    "objects.move_aside < objects.Objects._set_aside < objects.Objects.set_aside_waiting: quarantine": _MOVED,
    "objects.move_aside < objects.Objects._set_aside < objects.Objects.set_aside_waiting: incoming": _MOVED,
    "objects.move_aside < objects.Objects._set_aside < objects.Objects.set_aside_segment: quarantine": _MOVED,
    "objects.move_aside < objects.Objects.set_aside < departure.set_aside: quarantine": _MOVED,
    "objects.move_aside < objects.Objects.set_aside < departure.set_aside: objects/xx": _MOVED,
    "recovery._move_aside < recovery._set_aside_ledger < recovery.open_ledger: quarantine": _LEDGER_MOVED,
    "recovery._move_aside < recovery._finish_setting_aside < recovery.open_ledger: quarantine": _LEDGER_MOVED,
    "recovery._move_aside < recovery._finish_setting_aside < recovery.open_ledger: ledger": _SQLITE,
}
