"""make kills: 200 times kill -9 while instances come in, and 60 times while 10,000 objects are rewrapped. Each time all
that was acknowledged is there and whole. Tests do the same with less of it.

    python -m tests.vault.kills [--cycles N] [--objects N] [--rewrap-kills N]

It cannot find a missing flush, since the kernel survives: crash-states and power-cut do.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.seal.header import read_header
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening
from appliance.vault.adoption import Fate
from appliance.vault.recovery import recover
from appliance.vault.rewrapping import PART_SUFFIX
from tests.vault.samples import HEAD, IDENTITY, INDEX_KEY, NOW, Vault

REPOSITORY = Path(__file__).parents[2]
NEW = generate_identity("classical")
_SOME = 300


def received_until_killed(root: Path, seconds: float, *how: str) -> dict[str, int]:
    """The ids that a receiver acknowledged, with their sizes. Killed `seconds` after its first word."""
    receiver = subprocess.Popen(
        [sys.executable, "-m", "tests.vault.receiver", str(root), str(IDENTITY.recipient), INDEX_KEY.export(), *how],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
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


def receive(vault: Vault, cycles: int, how: Sequence[str]) -> str:
    """Kill a receiver so often; what came of it. Raises AssertionError where something acknowledged is not there."""
    moments = random.Random(4)
    acknowledged: dict[str, int] = {}
    for _ in range(cycles):
        acknowledged |= received_until_killed(vault.root, moments.uniform(0.01, 0.15), *how)
        for step in recover(vault.adoption, NOW):
            assert {adopted.fate for adopted in step.fates} <= {Fate.ADOPTED}
    assert len(acknowledged) >= cycles
    assert vault.objects.waiting() == []
    assert vault.objects.quarantined() == []
    adopted = set(vault.ledger.ids(""))
    # An instance may be durable and its word lost: at most one a thread and cycle.
    assert acknowledged.keys() <= adopted
    assert len(adopted) <= len(acknowledged) + 2 * cycles
    left = {path for path in vault.files() if path.endswith(".free")}
    assert vault.files() - left == {f"objects/{object_id[:2]}/{object_id}.dcm.age" for object_id in adopted}
    assert len(left) == len(how)  # each receiver took up the segment of the one before
    for object_id in adopted:
        plain = vault.plaintext(object_id)
        size = acknowledged.get(object_id, len(plain) - len(HEAD))
        assert plain == HEAD + object_id.encode() * (size // 32)
    return f"{cycles} kills, {len(acknowledged)} acknowledged, {len(adopted)} found whole"


def rewrap(vault: Vault, objects: int, most: int, pause: tuple[float, float], draw: random.Random) -> str:
    """Kill a rewrap of so many objects up to `most` times, so many seconds after it began; what came of it.

    The process that rewraps has no way to open a payload (rewrapper.py), and payloads are the same bytes afterwards.
    """
    object_ids = [vault.store(b"%d" % number * 300, str(number)) for number in range(objects)]
    vault.adopt()
    payloads = {object_id: _payload(vault, object_id) for object_id in object_ids}
    vault.ledger.close()
    command = [sys.executable, "-m", "tests.vault.rewrapper", str(vault.root), IDENTITY.export(), NEW.export()]
    kills = left = 0
    while True:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(*pause))
            if process.poll() is None and kills < most:
                process.kill()
                kills += 1
            rest = process.stdout.read()
        left += len(list(vault.layout.objects.rglob(f"*{PART_SUFFIX}")))
        everything = bool(rest) or kills % 10 == 0
        for object_id in object_ids if everything else draw.sample(object_ids, min(_SOME, objects)):
            assert _payload(vault, object_id) == payloads[object_id]
        if rest:
            break
    assert kills >= 1
    again = Vault(vault.root)
    assert list(recover(again.adoption, NOW, compare=True))[-1].fates == []
    assert not list(vault.layout.objects.rglob(f"*{PART_SUFFIX}"))
    assert set(again.ledger.ids("")) == set(object_ids)
    again.close()
    for number, object_id in enumerate(object_ids):
        with vault.objects.open(object_id) as file:
            assert b"".join(bytes(chunk) for chunk in Opening(file, [NEW])) == HEAD + b"%d" % number * 300
    return f"{objects} objects, {kills} kills, {left} parts left by them; each opened at all times"


def _payload(vault: Vault, object_id: str) -> bytes:
    """The digest of an object's payload, which opens with the old identity or the new one."""
    with vault.objects.open(object_id) as file:
        opening = Opening(file, [IDENTITY, NEW])
        assert b"".join(bytes(chunk) for chunk in opening).startswith(HEAD) and opening.whole
        file.seek(0)
        read_header(file)
        return hashlib.sha256(file.read()).digest()


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rewrap-kills", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for name, how in (("files", []), ("segments", ["segment"])):
            vault = Vault(Path(directory) / name)
            print(f"receiving into {name}: {receive(vault, asked.cycles // 2, how)}", flush=True)
            vault.close()
        vault = Vault(Path(directory) / "rewrap")
        told = rewrap(vault, asked.objects, asked.rewrap_kills, (0.05, 0.6), random.Random(5))
        print(f"rewrapping: {told}")


if __name__ == "__main__":
    main()
