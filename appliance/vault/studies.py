"""Which studies the vault holds: what the ledger knows of them, by keyed tags. Reads only, a page at a time.

Whose studies they are, the ledger does not know: that lies in the header of each object, and an identity shows it. So a
study is named by an object of it, and goes when its last object goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.vault.ledger import Ledger

_START = """
    SELECT study_tag, series_tag, count(*), min(id), max(id) FROM object INDEXED BY object_study
    WHERE state = 'present' GROUP BY study_tag, series_tag ORDER BY study_tag, series_tag LIMIT :limit"""
_ON = """
    SELECT study_tag, series_tag, count(*), min(id), max(id) FROM object INDEXED BY object_study
    WHERE state = 'present' AND (study_tag, series_tag) > (:study, :series)
    GROUP BY study_tag, series_tag ORDER BY study_tag, series_tag LIMIT :limit"""
_OBJECTS = """
    SELECT object_id, id FROM object INDEXED BY object_study WHERE state = 'present' AND study_tag =
    (SELECT study_tag FROM object WHERE object_id = :object_id) AND id > :after ORDER BY id LIMIT :limit"""

Cursor = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Series:
    """One series. `study` tells which of them are of one study; `object_id` is the first of `objects`, `received` and
    `latest` are Unix times of the first and the last."""

    study: bytes
    series: bytes
    objects: int
    object_id: str
    received: float
    latest: float
    peer: str
    modality: str
    transfer_syntax: str


class Studies:
    """Pages of series, those of a study in a row. Thread-safe, as the ledger is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def page(self, after: Cursor | None, limit: int) -> tuple[list[Series], Cursor | None]:
        """Up to `limit` series behind `after`, None for the first page; and where to go on, None at the end."""
        with self._ledger.reading() as sqlite:
            values = {"limit": limit} | ({"study": after[0], "series": after[1]} if after else {})
            groups = sqlite.execute(_ON if after else _START, values).fetchall()
            found = []
            for study, series, objects, first, last in groups:
                row = sqlite.execute(
                    "SELECT object_id, received, (SELECT received FROM object WHERE id = ?2), peer, modality, "
                    "transfer_syntax FROM object WHERE id = ?1",
                    (first, last),
                ).fetchone()
                found.append(Series(study, series, objects, *row))
        return found, (found[-1].study, found[-1].series) if len(found) == limit else None

    def objects(self, object_id: str, after: int, limit: int) -> tuple[list[str], int | None]:
        """The objects of the study that `object_id` is of, it too; a page, and where to go on."""
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(_OBJECTS, {"object_id": object_id, "after": after, "limit": limit}).fetchall()
        return [found for found, _ in rows], rows[-1][1] if len(rows) == limit else None
