"""What a STOW-RS answer says of each instance: DICOM JSON or XML (PS3.18 10.5.3, I.2, F; PS3.19 A.1). Pure.

Reads what a stranger sent: a result, or None where it is none. It judges nothing, and keeps no text of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree  # entities are refused with the document type, below

_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"

JSON = "application/dicom+json"
XML = "application/dicom+xml"
ACCEPT = f"{JSON}, {XML};q=0.5"


@dataclass(frozen=True, slots=True)
class StoreResult:
    """By SOP Instance UID: what was stored, with a Warning Reason or None; what was not, with a Failure Reason or
    None."""

    stored: dict[str, int | None]
    failed: dict[str, int | None]


def parse(media_type: str, body: bytes) -> StoreResult | None:
    """The result in an answer of this media type; None for what is no DICOM data set in JSON or XML."""
    try:
        if media_type in (JSON, "application/json"):
            document = json.loads(body)
        elif media_type in (XML, "application/xml", "text/xml"):
            document = _from_xml(body)
        else:
            return None
        data_sets = document if isinstance(document, list) else [document]
        stored: dict[str, int | None] = {}
        failed: dict[str, int | None] = {}
        for data_set in data_sets:
            if not isinstance(data_set, dict):
                return None
            stored.update(_references(data_set, _REFERENCED_SOP_SEQUENCE, _WARNING_REASON))
            failed.update(_references(data_set, _FAILED_SOP_SEQUENCE, _FAILURE_REASON))
        return StoreResult(stored, failed)
    except (ValueError, RecursionError, ElementTree.ParseError):
        return None


def uids(body: bytes, tag: str) -> set[str]:
    """The values of one UID attribute in an array of DICOM JSON objects, as QIDO-RS answers; none for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    items = found if isinstance(found, list) else []
    return {_uid(value) for item in items if isinstance(item, dict) for value in _values(item, tag)}


def _references(data_set: dict[str, Any], sequence: str, reason: str) -> Iterator[tuple[str, int | None]]:
    for item in _values(data_set, sequence):
        if isinstance(item, dict):
            for uid in _values(item, _REFERENCED_SOP_INSTANCE_UID):
                yield _uid(uid), _number(next(_values(item, reason), None))


def _values(data_set: dict[str, Any], tag: str) -> Iterator[Any]:
    attribute = data_set.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    yield from values if isinstance(values, list) else ()


def _uid(value: Any) -> str:
    return value.rstrip("\0 ") if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    """An US value; some services write numbers as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    return value if type(value) is int and 0 <= value <= 0xFFFF else None


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type: with it go entities, which may expand without end or name files."""

    def doctype(self, *_: str | None) -> None:
        raise ValueError("a document type")


def _from_xml(body: bytes) -> dict[str, Any]:
    """The attributes of a Native DICOM Model as DICOM JSON has them."""
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314  # see _Builder
    parser.feed(body)
    root = parser.close()
    if _name(root) != "NativeDicomModel":
        raise ValueError("not a Native DICOM Model")
    return _attributes(root)


def _attributes(parent: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in parent:
        if _name(element) == "DicomAttribute":
            found[element.get("tag", "").upper()] = {"Value": [_attribute_value(each) for each in element]}
    return found


def _attribute_value(element: ElementTree.Element) -> Any:
    return _attributes(element) if _name(element) == "Item" else (element.text or "")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
