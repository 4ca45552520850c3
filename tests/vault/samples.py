"""What the tests of the vault store: keys, facts, and a whole instance in one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.seal.index_key import IndexKey
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening
from appliance.seal.record import Record, RecordFacts
from appliance.vault.adoption import Adoption
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from appliance.vault.segments import Segments

HEAD = bytes(128) + b"DICM" + b"head of a Part 10 file"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
STUDY_UID = "1.2.826.0.1.3680043.8.498.77777777777777777777777777777777"
NOW = 1_700_000_000.0
IDENTITY = generate_identity("classical")
INDEX_KEY = IndexKey(bytes(range(32)))


def facts(object_id: str, instance_uid: str = "", **changes: Any) -> RecordFacts:
    """What `receive` knows of an instance; no UID, no tag."""
    values: dict[str, Any] = {
        "object_id": object_id,
        "received": NOW,
        "peer": "CT suite 2",
        "calling_ae": "CT1",
        "called_ae": "EDGE01",
        "sop_class": CT,
        "transfer_syntax": EXPLICIT,
        "modality": "CT",
        "study_tag": INDEX_KEY.tag("study", STUDY_UID),
        "series_tag": b"",
        "instance_tag": INDEX_KEY.tag("instance", instance_uid),
    }
    return RecordFacts(**values | changes)


def record(number: int, **changes: Any) -> Record:
    """A record as an adopted object has it; different for each number."""
    values: dict[str, Any] = {
        "object_id": f"{number:032x}",
        "received": NOW + number,
        "peer": "CT suite 2",
        "calling_ae": "CT1",
        "called_ae": "EDGE01",
        "sop_class": CT,
        "transfer_syntax": EXPLICIT,
        "modality": "CT",
        "study_tag": b"s" * 16,
        "series_tag": b"r" * 16,
        "instance_tag": number.to_bytes(16, "big"),
        "size": 1000,
        "data_set_digest": number.to_bytes(32, "big"),
        "payload_digest": number.to_bytes(32, "little"),
    }
    return Record(**values | changes)


def to_pacs(_: Record) -> tuple[str, ...]:
    """The simplest routing."""
    return ("pacs",)


@dataclass
class Vault:
    """A whole vault on a real file system."""

    root: Path
    medium: Medium = field(default_factory=Medium)
    recipients: tuple[Any, ...] = (IDENTITY.recipient,)
    route: Callable[[Record], tuple[str, ...]] = to_pacs
    segment: int = 0
    """Bytes of the segments into which small instances go; 0: none."""

    def __post_init__(self) -> None:
        self.layout = StateLayout(self.root)
        self.layout.create()
        self.incoming = Incoming(self.layout, self.medium)
        if self.segment:
            self.incoming.segments = supplied(self.layout, self.medium, self.segment)
        self.intake = Intake(self.incoming, self.recipients, INDEX_KEY)
        self.objects = Objects(self.layout, self.medium)
        self.objects.prepare()
        self.ledger = Ledger(self.layout.ledger)
        self.adoption = Adoption(self.objects, self.ledger, INDEX_KEY, self.route)

    def store(self, data_set: bytes = b"", instance_uid: str = "", **changes: Any) -> str:
        """What `receive` does for one C-STORE; the object id."""
        with self.intake.begin(HEAD) as instance:
            instance.write(data_set or os.urandom(2000))
            return instance.commit(facts(instance.object_id, instance_uid, **changes))

    def adopt(self, now: float = NOW) -> list[Any]:
        """What `forward` does about it."""
        return self.adoption.adopt(self.objects.waiting(), now)

    def plaintext(self, object_id: str) -> bytes:
        """The whole Part 10 file of an adopted object."""
        with self.objects.open(object_id) as file:
            return plaintext(file)

    def files(self) -> set[str]:
        """Every file below the state directory but the ledger's, relative to it."""
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and path.parent != self.layout.ledger.parent
        }

    def close(self) -> None:
        if self.incoming.segments:
            self.incoming.segments.close()
        self.ledger.close()


def supplied(layout: StateLayout, medium: Medium | None = None, size: int = 1 << 20) -> Segments:
    """A worker's segments, with one ready. No more are made before they are asked for: the thread rests."""
    segments = Segments(layout, medium, size=size, quiet=3600)
    assert segments.supply()
    return segments


def plaintext(file: Any) -> bytes:
    """Everything in a sealed object; raises unless it is whole."""
    opening = Opening(file, [IDENTITY])
    plain = b"".join(bytes(chunk) for chunk in opening)
    assert opening.whole
    return plain
