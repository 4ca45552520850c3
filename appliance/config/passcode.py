"""A passcode as the configuration keeps it: never itself, but scrypt of it (RFC 7914), "scrypt:14:8:1:SALT:DIGEST".

The numbers are log2 of N, r and p; salt and digest are base64. Checking takes 128 * r * N bytes for a moment, 16 MiB
here, and what is read from a file may ask for four times that at most. `appliance passcode` makes the text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_LOG2_N, _R, _P = 14, 8, 1
_FORM = re.compile(r"scrypt:(1[4-6]):8:([1-4]):([A-Za-z0-9+/]{22,88}={0,2}):([A-Za-z0-9+/]{43}=)")
_MEMORY = 128 << 20
SALT = 16  # bytes


@dataclass(frozen=True, slots=True)
class Passcode:
    """What a passcode is compared with. Its repr shows nothing of it."""

    log2_n: int = field(repr=False)
    p: int = field(repr=False)
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(each).decode() for each in (self.salt, self.digest))
        return f"scrypt:{self.log2_n}:{_R}:{self.p}:{salt}:{digest}"

    def matches(self, passcode: bytes) -> bool:
        """Whether it is the one. Takes as long for a wrong one: about 50 ms, some 200 on a small box."""
        return hmac.compare_digest(_scrypt(passcode, self.salt, self.log2_n, self.p), self.digest)


def make_passcode(passcode: bytes, salt: bytes) -> Passcode:
    """From the passcode and `SALT` random bytes."""
    return Passcode(_LOG2_N, _P, salt, _scrypt(passcode, salt, _LOG2_N, _P))


def parse_passcode(value: Any) -> Passcode:
    """Raises ValueError, whose words hold nothing of `value`."""
    if isinstance(value, Passcode):
        return value
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    try:
        if found:
            salt, digest = (base64.b64decode(each, validate=True) for each in (found[3], found[4]))
            return Passcode(int(found[1]), int(found[2]), salt, digest)
    except binascii.Error:
        pass
    raise ValueError('a passcode is not written itself, but as `appliance passcode` makes it, "scrypt:…"')


def _scrypt(passcode: bytes, salt: bytes, log2_n: int, p: int) -> bytes:
    return hashlib.scrypt(passcode, salt=salt, n=1 << log2_n, r=_R, p=p, maxmem=_MEMORY, dklen=32)


StoredPasscode = Annotated[Passcode, BeforeValidator(parse_passcode), PlainSerializer(str)]
