"""kill -9 at random moments: what was acknowledged is there, whole, and nothing half-written is visible.

It cannot find a missing flush, since the kernel survives; the transcripts in test_incoming, test_segment, test_adoption
and test_segment_adoption do.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.vault.adoption import Fate
from appliance.vault.recovery import recover
from tests.vault.samples import HEAD, IDENTITY, INDEX_KEY, NOW, Vault

CYCLES = 10


def _received_until_killed(root: Path, seconds: float, *how: str) -> dict[str, int]:
    """The ids that a receiver acknowledged, with their sizes. Killed `seconds` after its first word."""
    receiver = subprocess.Popen(
        [sys.executable, "-m", "tests.vault.receiver", str(root), str(IDENTITY.recipient), INDEX_KEY.export(), *how],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert receiver.stdout
    said = b""
    try:
        assert select.select([receiver.stdout], [], [], 20)[0], "the receiver said nothing"
        give_up = time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            if select.select([receiver.stdout], [], [], left)[0]:
                said += os.read(receiver.stdout.fileno(), 65536)
    finally:
        receiver.send_signal(signal.SIGKILL)
        said += receiver.stdout.read()
        receiver.stdout.close()
        receiver.wait()
    lines = [line.split() for line in said.decode().splitlines(keepends=True) if line.endswith("\n")]
    return {object_id: int(size) for object_id, size in lines}


@pytest.mark.parametrize("how", [(), ("segment",)], ids=["files", "segments"])
def test_what_was_acknowledged_is_there_and_whole(vault: Vault, how: tuple[str, ...]) -> None:
    moments = random.Random(4)
    acknowledged: dict[str, int] = {}
    for _ in range(CYCLES):
        acknowledged |= _received_until_killed(vault.root, moments.uniform(0.01, 0.15), *how)
        for step in recover(vault.adoption, NOW):
            assert {adopted.fate for adopted in step.fates} <= {Fate.ADOPTED}
    assert len(acknowledged) >= CYCLES
    assert vault.objects.waiting() == []
    assert vault.objects.quarantined() == []
    adopted = set(vault.ledger.ids(""))
    # An instance may be durable and its word lost: at most one a thread and cycle.
    assert acknowledged.keys() <= adopted
    assert len(adopted) <= len(acknowledged) + 2 * CYCLES
    left = {path for path in vault.files() if path.endswith(".free")}
    assert vault.files() - left == {f"objects/{object_id[:2]}/{object_id}.dcm.age" for object_id in adopted}
    assert len(left) == len(how)  # each receiver took up the segment of the one before
    for object_id in adopted:
        plain = vault.plaintext(object_id)
        size = acknowledged.get(object_id, len(plain) - len(HEAD))
        assert plain == HEAD + object_id.encode() * (size // 32)
    print(f"{CYCLES} kills, {len(acknowledged)} acknowledged, {len(adopted)} found whole")
