"""A copy of the guest's disk: repaired by its own journal, started as `forward` starts, and compared with the answers.

Never mounts it: e2fsck replays the journal and debugfs reads the files out, so that no right is needed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from appliance.cli.demo.dcmtk import data_set
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import HybridIdentity, Identity
from appliance.seal.opening import Opening
from appliance.vault.adoption import Adoption
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.recovery import recover

_TIME = 1_700_000_000.0


@dataclass
class Found:
    """What a copy holds."""

    repaired: bool
    """e2fsck needed no more than its journal, and found nothing left to do."""
    whole: int = 0
    lost: list[str] = field(default_factory=list)
    """SOP Instance UIDs that were answered and are not there, or not whole."""
    surplus: int = 0
    """Instances that were durable before the sender could be told."""
    set_aside: int = 0


def look(
    image: Path, work: Path, answered: dict[str, bytes], identity: Identity | HybridIdentity, index_key: IndexKey
) -> Found:
    """Repair `image` and start on what it holds, below `work`, which is emptied first and afterwards."""
    found = Found(_repair(image))
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump /appliance {work}", image], check=True, capture_output=True)
    layout = StateLayout(work / "appliance")
    layout.create()
    ledger = Ledger(layout.ledger)
    try:
        objects = Objects(layout)
        adoption = Adoption(objects, ledger, index_key, lambda _: ("pacs",))
        for _ in recover(adoption, _TIME):
            pass
        by_tag = {ledger.record(object_id).instance_tag: object_id for object_id in ledger.ids("")}
        for uid, digest in answered.items():
            object_id = by_tag.pop(index_key.tag("instance", uid), None)
            if object_id and _digest(objects, object_id, identity) == digest:
                found.whole += 1
            else:
                found.lost.append(uid)
        found.surplus = len(by_tag)
        found.set_aside = len(objects.quarantined())
    finally:
        ledger.close()
    shutil.rmtree(work)
    return found


def _repair(image: Path) -> bool:
    """By the journal alone: a second look must find nothing."""
    first = subprocess.run(["e2fsck", "-fp", image], capture_output=True)
    second = subprocess.run(["e2fsck", "-fn", image], capture_output=True)
    return first.returncode in (0, 1) and second.returncode == 0


def _digest(objects: Objects, object_id: str, identity: Identity | HybridIdentity) -> bytes | None:
    """Of the data set; None where the object does not open whole."""
    with objects.open(object_id) as file:
        opening = Opening(file, [identity])
        plain = b"".join(bytes(chunk) for chunk in opening)
        return hashlib.sha256(data_set(plain)).digest() if opening.whole else None
