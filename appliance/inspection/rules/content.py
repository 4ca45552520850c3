"""What the beginning of a data set, or of a flow, should not hold: D28 to D31."""

from __future__ import annotations

from appliance.inspection.observations import CommandSeen, DataSetBegan, Smuggled
from appliance.inspection.registry import Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity

_ADVICE = "Keep the object away from workstations, and find out how it came into the sender."

EXECUTABLE = Rule(
    "D28", Severity.HIGH, "a program inside a DICOM object", _ADVICE, "malware", ("T1027.009", "T1105"), "110132"
)
SMUGGLED = Rule(
    "D29",
    Severity.MEDIUM,
    "a DICOM file outside of DICOM",
    "Find out which application sends it. Images in clear over other protocols are no better protected than in DICOM.",
    "exfiltration",
    ("T1048",),
    "110132",
)
DOCUMENT = Rule(
    "D30",
    Severity.MEDIUM,
    "an encapsulated document that is not what it says",
    _ADVICE,
    "malware",
    ("T1036.008",),
    "110132",
)
PATH = Rule(
    "D31",
    Severity.HIGH,
    "a path where a UID belongs",
    "Somebody tries to have a receiver write files elsewhere: find the sender, and look at the receiver's disk.",
    "protocol abuse",
    ("T1190",),
)

_DOCUMENTS = {"1.2.840.10008.5.1.4.1.1.104.1": "PDF", "1.2.840.10008.5.1.4.1.1.104.2": "XML"}


def executable(seen: DataSetBegan, registry: Registry) -> Finding | None:
    """D28. Vendors keep archives in private elements, so what is no program itself is told with less alarm."""
    what = seen.head.executable
    if not what:
        return None
    severity = Severity.MEDIUM if "OLE" in what else Severity.LOW if "ZIP" in what else None
    return Finding(EXECUTABLE, f"a value begins like {what}", seen.flow, _fields(seen), severity=severity)


def smuggled(seen: Smuggled, registry: Registry) -> Finding:
    """D29."""
    severity = Severity.HIGH if "program" in seen.what or "script" in seen.what else None
    return Finding(SMUGGLED, f"a flow begins with {seen.what}", seen.flow, severity=severity)


def document(seen: DataSetBegan, registry: Registry) -> Finding | None:
    """D30. What a document says that it is stands behind it, so its class tells."""
    expected = _DOCUMENTS.get(shown.sop_class(seen.command.sop_class))
    if not seen.head.document or expected in (None, seen.head.document):
        return None
    return Finding(
        DOCUMENT, f"a document of the class for {expected} does not begin like one", seen.flow, _fields(seen)
    )


def path_in_command(seen: CommandSeen, registry: Registry) -> Finding | None:
    """D31."""
    if not seen.command.path_in_uid:
        return None
    return Finding(PATH, f"in the SOP instance UID of a {seen.command.name}", seen.flow)


def path_in_data(seen: DataSetBegan, registry: Registry) -> Finding | None:
    """D31."""
    return Finding(PATH, "in a UID of a data set", seen.flow) if seen.head.path_in_uid else None


def _fields(seen: DataSetBegan) -> dict[str, str]:
    return {"command": seen.command.name, "sop_class": shown.sop_class(seen.command.sop_class)}


RULES = {CommandSeen: (path_in_command,), DataSetBegan: (executable, document, path_in_data), Smuggled: (smuggled,)}
