"""What the sealed facts of a study say, as text for a person or a program. The sender's words, washed; never trusted.

Reads headers of objects with an identity; of an object that was sealed without facts, the beginning of its payload.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.base.text import wash, wash_words
from appliance.upper_layer import study_facts

if TYPE_CHECKING:
    from appliance.seal.keys import Identity

NAMES = {
    study_facts.PATIENT_NAME: "patient_name",
    study_facts.PATIENT_ID: "patient_id",
    study_facts.BIRTH_DATE: "birth_date",
    study_facts.SEX: "sex",
    study_facts.STUDY_DATE: "study_date",
    study_facts.STUDY_TIME: "study_time",
    study_facts.STUDY_DESCRIPTION: "study_description",
    study_facts.ACCESSION_NUMBER: "accession_number",
    study_facts.STUDY_UID: "study_uid",
    study_facts.MODALITY: "modality",
    study_facts.SERIES_DESCRIPTION: "series_description",
    study_facts.SERIES_NUMBER: "series_number",
    study_facts.SERIES_UID: "series_uid",
    study_facts.BODY_PART: "body_part",
}
_LONGEST = 194
_META = 132  # preamble and prefix; the length of the group follows as an element of 12 bytes


def read_facts(path: Path, identities: list[Identity], transfer_syntax: str) -> dict[int, bytes]:
    """The values by tag. Raises SealError, and OSError where the file cannot be read."""
    from appliance.seal.facts import open_facts
    from appliance.seal.opening import Opening, read_header

    with path.open("rb") as file:
        found = open_facts(read_header(file), identities)
        if found is not None:
            return study_facts.decode(found)
        file.seek(0)
        return _from_payload(bytes(Opening(file, identities).read_chunk()), transfer_syntax)


def _from_payload(start: bytes, transfer_syntax: str) -> dict[int, bytes]:
    """From the first chunk of an object that was sealed before objects had facts."""
    from appliance.upper_layer.data_head import HeadParser

    head = HeadParser(transfer_syntax, study_facts.TAGS)
    meta = int.from_bytes(start[_META + 8 : _META + 12], "little")
    head.feed(memoryview(start)[_META + 12 + meta :])
    return {tag: value.strip(b"\0 ") for tag, value in head.values().items()}


def in_words(values: dict[int, bytes]) -> dict[str, str]:
    """Every fact by its name, "" where there is none."""
    from pydicom import charset

    stated = values.get(study_facts.SPECIFIC_CHARACTER_SET, b"").decode("ascii", "replace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of character sets that nobody knows
        try:
            encodings = charset.convert_encodings([each.strip() for each in stated.split("\\")])
        except Exception:  # noqa: BLE001, whatever a stranger's character set does to the library
            encodings = ["iso8859"]
        return {name: _text(values.get(tag, b""), encodings, tag) for tag, name in NAMES.items()}


def _text(value: bytes, encodings: list[str], tag: int) -> str:
    from pydicom import charset
    from pydicom.charset import decode_bytes

    delimiters = {0xA, 0xC, 0xD, 0x9} | ({0x5E, 0x3D} if tag == study_facts.PATIENT_NAME else {0x5C})
    try:
        return wash_words(decode_bytes(value, encodings or [charset.default_encoding], delimiters), _LONGEST).strip()
    except Exception:  # noqa: BLE001, as above
        return wash(value, _LONGEST)
