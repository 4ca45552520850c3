"""The worked example at the end of FORMAT.md, from the vector `classical.txt`; the stranger reckons its numbers."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import appliance.seal
from tests.seal import stranger
from tests.seal.objects import drawn
from tests.seal.vector import Vector

FORMAT = Path(appliance.seal.__file__).parent / "FORMAT.md"
TITLE = "## 11. A worked example\n"
INTRODUCTION = """
The vector `classical.txt`: a plaintext of 166 bytes, of which the last 25 are the data set, sealed to one X25519
recipient. The header, as it stands in the file:

```
{header}```

The payload of {size} bytes, its nonce first, in base64:

```
{payload}
```

In hexadecimal, in the order in which they follow from each other; `00×n` stands for n bytes of zero:

| what | value |
|---|---|
"""


def numbers(vector: Vector) -> dict[str, bytes]:
    """Every value that a second implementation may want to compare with."""
    parsed = stranger.Parsed.of(vector.object)
    (arguments, body), (record_arguments, _) = parsed.stanzas
    secret, index_key = (stranger.bech32(vector.one(key))[1] for key in ("identity", "index-key"))
    share, salt = stranger.raw64(arguments[1]), stranger.raw64(record_arguments[1])
    shared, wrap_key = stranger.x25519_keys(secret, share)
    file_key = stranger.file_key(parsed, vector.one("identity"))
    random = drawn("classical")
    assert random(16) == file_key
    record = stranger.record(vector.object, index_key)
    return {
        "identity": secret,
        "recipient": stranger.public(secret),
        "file key": file_key,
        "ephemeral": random(32),
        "share": share,
        "shared secret": shared,
        "wrap key": wrap_key,
        "body of the stanza": body,
        "nonce": parsed.nonce,
        "payload key": stranger.hkdf(file_key, parsed.nonce, b"payload"),
        "index key": index_key,
        "hash key(payload)": stranger.hkdf(index_key, b"", b"pacs-appliance/v1/hash/payload"),
        "digest key(payload)": stranger.hkdf(index_key, b"", b"pacs-appliance/v1/digest/payload"),
        "payload_digest": bytes.fromhex(record["payload_digest"]),
        "hash key(data-set)": stranger.hkdf(index_key, b"", b"pacs-appliance/v1/hash/data-set"),
        "digest key(data-set)": stranger.hkdf(index_key, b"", b"pacs-appliance/v1/digest/data-set"),
        "data_set_digest": bytes.fromhex(record["data_set_digest"]),
        "header_key": stranger.hkdf(file_key, b"", b"header"),
        "salt": salt,
        "record key": stranger.hkdf(index_key, salt, b"pacs-appliance/v1/record"),
        "record": stranger.layout(parsed, index_key),
        "MAC": parsed.mac,
    }


def example(vector: Vector) -> str:
    """The last section of FORMAT.md."""
    parsed = stranger.Parsed.of(vector.object)
    size = len(parsed.nonce) + len(parsed.payload)
    payload = b64encode(parsed.nonce + parsed.payload).decode()
    text = INTRODUCTION.format(
        header=vector.object[:-size].decode("ascii"),
        size=size,
        payload="\n".join(payload[at : at + 64] for at in range(0, len(payload), 64)),
    )
    values = numbers(vector)
    assert stranger.public(values["ephemeral"]) == values["share"]
    return TITLE + text + "".join(f"| {name} | `{shown(value)}` |\n" for name, value in values.items())


def shown(value: bytes) -> str:
    """Hexadecimal; runs of zeros are told by their length, for a record has many."""
    text, at = "", 0
    while at < len(value):
        zeros = len(value[at:]) - len(value[at:].lstrip(b"\0"))
        if zeros > 8:
            text += f" 00×{zeros} "
        text += "" if zeros > 8 else "00" * zeros
        at += zeros
        text += value[at : at + 1].hex()
        at += 1
    return text.strip()


def write(vector: Vector) -> None:
    """Replace the example."""
    text = FORMAT.read_text(encoding="utf-8").partition(TITLE)[0]
    FORMAT.write_text(text + example(vector), encoding="utf-8")
