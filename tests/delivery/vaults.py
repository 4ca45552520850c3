"""Sealed instances for the tests of this room: a state directory, and instances put into its `incoming/`."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

from appliance.scp.part10 import file_head
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Identity, generate_identity
from appliance.seal.record import RecordFacts
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from appliance.vault.objects import Objects

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
PRIVATE_CLASS = "1.3.46.670589.5.0.1"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
J2K = "1.2.840.10008.1.2.4.90"
ROOT = "1.2.826.0.1.3680043.9.9999"


def data_set(sop_class: str, sop_instance: str, pixels: int) -> bytes:
    """A data set in Explicit VR Little Endian with `pixels` random bytes in it."""

    def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        if vr == b"OW":
            return struct.pack("<HH2sxxL", group, number, vr, len(value)) + value
        return struct.pack("<HH2sH", group, number, vr, len(value)) + value

    return b"".join(
        (
            element(8, 0x16, b"UI", sop_class.encode()),
            element(8, 0x18, b"UI", sop_instance.encode()),
            element(8, 0x60, b"CS", b"CT"),
            element(0x10, 0x10, b"PN", b"Delivered^Test"),
            element(0x20, 0xD, b"UI", f"{ROOT}.1".encode()),
            element(0x20, 0xE, b"UI", f"{ROOT}.1.1".encode()),
            element(0x7FE0, 0x10, b"OW", os.urandom(pixels)),
        )
    )


@dataclass
class State:
    """A state directory with keys. `sent` has every data set that was put, by SOP Instance UID."""

    root: Path
    identity: Identity = field(default_factory=lambda: generate_identity("classical"))
    index_key: IndexKey = field(default_factory=IndexKey.generate)
    sent: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = StateLayout(self.root)
        self.layout.create()
        Objects(self.layout).prepare()
        self.incoming = Incoming(self.layout)
        self.intake = Intake(self.incoming, [self.identity.recipient], self.index_key)

    def put(
        self,
        content: bytes | None = None,
        *,
        sop_class: str = CT,
        syntax: str = EXPLICIT,
        uid: str = "",
        pixels: int = 3000,
        calling_ae: str = "CT1",
        modality: str = "CT",
        study: str = "",
        facts: bytes = b"",
    ) -> str:
        """Seal one instance into `incoming/`; its object id."""
        uid = uid or f"{ROOT}.2.{len(self.sent) + 1}"
        content = data_set(sop_class, uid, pixels) if content is None else content
        self.sent[uid] = content
        head = file_head(
            sop_class=sop_class,
            sop_instance=uid,
            transfer_syntax=syntax,
            calling_ae=calling_ae,
            called_ae="EDGE01",
            own_ae="EDGE01",
        )
        instance = self.intake.begin(head)
        instance.write(content)
        return instance.commit(
            RecordFacts(
                object_id=instance.object_id,
                received=time.time(),
                peer="CT suite",
                calling_ae=calling_ae,
                called_ae="EDGE01",
                sop_class=sop_class,
                transfer_syntax=syntax,
                modality=modality,
                study_tag=self.index_key.tag("study", study),
                series_tag=b"",
                instance_tag=self.index_key.tag("instance", uid),
            ),
            facts,
        )
