"""How rules show what a peer said: washed, without anything that could name a patient, a study or an instance."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from appliance.base.names import ae_title_from_wire, uid_from_wire
from appliance.base.text import wash
from appliance.inspection.associate import Associate

_MOST_CONTEXTS = 8
_STANDARD = "1.2.840.10008."


def title(field: bytes) -> str:
    """An AE title, quoted."""
    return f'"{wash(field.strip(b" ").rstrip(bytes(1)))}"'


@lru_cache(maxsize=512)
def ae(field: bytes) -> str | None:
    """An AE title to compare, None when it is none."""
    return ae_title_from_wire(field)


@lru_cache(maxsize=512)
def sop_class(value: bytes) -> str:
    """A UID of the standard's own; a private one is only said to be private, since it could be anything."""
    uid = uid_from_wire(value)
    return uid if uid and uid.startswith(_STANDARD) else "private"


def request(associate: Associate) -> dict[str, Any]:
    """The `dicom` object of an alert about an association request."""
    return {
        "calling_ae": wash(associate.calling.strip(b" ").rstrip(bytes(1))),
        "called_ae": wash(associate.called.strip(b" ").rstrip(bytes(1))),
        "max_pdu": associate.max_length,
        "impl_version": wash(associate.implementation_version, 16),
        "contexts": [
            {"id": each.context_id, "abstract": sop_class(each.abstract_syntax)}
            for each in associate.contexts[:_MOST_CONTEXTS]
        ],
    }
