"""The public test vectors of the age format (C2SP CCTV), all of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zlib
from base64 import b64decode
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path

import pytest

from appliance.seal.armor import ArmorReader
from appliance.seal.errors import SealError
from appliance.seal.keys import Opener, parse_identity
from appliance.seal.opening import Opening
from appliance.seal.scrypt import ScryptIdentity

MODULE = Path(__file__).parents[2] / "build" / "npm" / "node_modules" / "cctv-age" / "index.js"
PRINT = """
const all = await import(process.argv[1]);
const texts = Object.keys(all).map((name) => [name, Buffer.from(all[name]).toString("base64")]);
process.stdout.write(JSON.stringify(Object.fromEntries(texts)));
"""
# What the suite calls a refusal of each part of ours.
CALLED = {"header": "header failure", "mac": "HMAC failure", "match": "no match"}
CALLED |= {"payload": "payload failure", "armor": "armor failure"}
# The suite counts an unreadable nonce as part of the header.
NONCE = ("stream_no_nonce", "stream_short_nonce")


def vectors() -> dict[str, bytes]:
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", PRINT, MODULE.as_uri()], capture_output=True, check=True, timeout=60
    )
    return {name: b64decode(text) for name, text in json.loads(done.stdout).items()}


@pytest.mark.skipif(
    not (shutil.which("node") and MODULE.exists()),
    reason="node or cctv-age is missing: npm install --prefix build/npm cctv-age@^0.2",
)
def test_the_public_vectors_of_age() -> None:
    judged = 0
    for name, vector in vectors().items():
        head, _, data = vector.partition(b"\n\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        keys = dict(lines)
        if keys.get("compressed") == "zlib":
            data = zlib.decompress(data)
        openers: list[Opener] = [parse_identity(value) for key, value in lines if key == "identity"]
        openers += [ScryptIdentity(value) for key, value in lines if key == "passphrase"]
        file: BufferedIOBase = BytesIO(data)
        if "armored" in keys:
            file = BufferedReader(ArmorReader(file))  # told so, and not by its first byte
        plaintext = b""
        outcome = "success"
        try:
            for chunk in Opening(file, openers):
                plaintext += chunk
        except SealError as error:
            outcome = CALLED[error.part]
            if error.name == "payload-truncated" and name in NONCE:
                outcome = "header failure"
        assert outcome == keys["expect"], name
        if "payload" in keys:
            assert hashlib.sha256(plaintext).hexdigest() == keys["payload"], name
        judged += 1
    assert judged >= 130
