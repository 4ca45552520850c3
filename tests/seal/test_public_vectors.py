"""The public test vectors of the age format (C2SP CCTV), all that need neither armor nor a passphrase."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest

from appliance.seal.errors import SealError
from appliance.seal.keys import parse_identity
from appliance.seal.opening import Opening

MODULE = Path(__file__).parents[2] / "build" / "npm" / "node_modules" / "cctv-age" / "index.js"
PRINT = """
const all = await import(process.argv[1]);
const texts = Object.keys(all).map((name) => [name, Buffer.from(all[name]).toString("base64")]);
process.stdout.write(JSON.stringify(Object.fromEntries(texts)));
"""
# What the suite calls each of our refusals; it counts an unreadable nonce as part of the header.
CALLED = {
    "header failure": {
        "header-malformed",
        "version-unsupported",
        "stanza-malformed",
        "payload-truncated",
    },
    "HMAC failure": {"header-tampered"},
    "no match": {"no-identity-matches"},
    "payload failure": {"payload-truncated", "payload-tampered", "payload-trailing", "final-chunk-empty"},
    "success": {"success"},
}


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
        # Passphrases are not read here; that a passphrase stanza stands alone is.
        if "armored" in keys or ("passphrase" in keys and name not in ("scrypt_double", "scrypt_and_x25519")):
            continue
        if keys.get("compressed") == "zlib":
            data = zlib.decompress(data)
        plaintext = b""
        outcome = "success"
        try:
            identities = [parse_identity(value) for key, value in lines if key == "identity"]
            for chunk in Opening(BytesIO(data), identities):
                plaintext += chunk
        except SealError as error:
            outcome = error.name
        assert outcome in CALLED[keys["expect"]], name
        if "payload" in keys:
            assert hashlib.sha256(plaintext).hexdigest() == keys["payload"], name
        judged += 1
    assert judged >= 80
