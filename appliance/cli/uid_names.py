"""Names of DICOM's own UIDs, for people: nobody knows 1.2.840.10008.5.1.4.1.1.2 by heart."""

from __future__ import annotations

import re

_UID = re.compile(r"\b1\.2\.840\.10008(?:\.\d+)+\b")


def with_names(text: str) -> str:
    """The same text, each registered UID (PS3.6 A) with its name before it."""
    if not _UID.search(text):
        return text
    from pydicom.uid import UID  # takes longer than all the rest of a command

    def named(found: re.Match[str]) -> str:
        name = UID(found[0]).name
        return found[0] if name == found[0] else f"{name} ({found[0]})"

    return _UID.sub(named, text)
