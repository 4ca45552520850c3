"""One case for a test vector, and the parts that cases are built of."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple

from appliance.seal import record as records
from appliance.seal.header import Stanza, encode_header, mac_key, read_header
from appliance.seal.x25519 import X25519Identity
from tests.seal.objects import CLASSICAL, HYBRID, INDEX_KEY, drawn, sealed, secret
from tests.seal.vector import Vector

OTHER = X25519Identity(secret("other identity"))
HEAD = bytes(128) + b"DICM" + b"file meta"
DATA_SET = b"data set of a test vector"
OK = "success"


class Case(NamedTuple):
    """What the ways to read a file must say, and the plaintext that opening hands out. No name: not asked."""

    name: str
    comment: str
    object: bytes
    opening: str
    record: str = ""
    verify: str = ""
    plaintext: bytes = b""
    seek: str = ""
    """Where it is not that of opening."""
    more: tuple[tuple[str, str], ...] = ()
    """Further lines; an identity or passphrase among them is the only one."""

    def vector(self) -> Vector:
        lines = [("comment", self.comment), ("expect", self.opening)]
        if self.record:
            lines += [("expect-record", self.record), ("expect-verify", self.verify)]
        if ("armored", "yes") not in self.more:
            lines.append(("expect-seek", self.seek or self.opening))
        if not {"identity", "passphrase"} & dict(self.more).keys():
            lines.append(("identity", (HYBRID if self.name == "hybrid" else CLASSICAL).export()))
        lines += self.more
        lines += [
            ("index-key", INDEX_KEY.export()),
            ("plaintext-size", str(len(self.plaintext))),
            ("plaintext-sha256", sha256(self.plaintext).hexdigest()),
        ]
        if self.record == OK:
            record = records.open_record(read_header(BytesIO(self.object)), INDEX_KEY)
            for name in record.__dataclass_fields__:
                value = getattr(record, name)
                lines.append((f"record-{name}", value.hex() if isinstance(value, bytes) else str(value)))
        return Vector(self.name, tuple(lines), self.object)


def parts(data: bytes) -> tuple[tuple[Stanza, ...], bytes]:
    """The stanzas and the payload of an object."""
    header = read_header(BytesIO(data))
    return header.stanzas, data[header.size :]


def rebuilt(stanzas: Sequence[Stanza], payload: bytes, source: str = "classical") -> bytes:
    """An object with a right MAC; `source` is where its file key was drawn."""
    return encode_header(stanzas, mac_key(drawn(source)(16))) + payload


CLASSIC = sealed(DATA_SET, head=HEAD, random=drawn("classical"))
(X25519, RECORD), PAYLOAD = parts(CLASSIC)
