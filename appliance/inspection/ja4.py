"""The JA4 fingerprint of a ClientHello: which TLS stack calls, whatever name it gives. Pure.

By FoxIO's description of JA4 (BSD 3-Clause). The other prints of its family have another licence and are not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from appliance.inspection.tls_hello import Hello

_SERVER_NAME, _ALPN = 0x0000, 0x0010
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_NOTHING = "000000000000"


def ja4(hello: Hello) -> str:
    """Of a ClientHello over TCP whose GREASE values were left out already."""
    version = _VERSIONS.get(max(hello.versions, default=0), "00")
    name = "d" if _SERVER_NAME in hello.extensions else "i"
    counts = f"{min(len(hello.ciphers), 99):02}{min(len(hello.extensions), 99):02}"
    ciphers = _digest(_listed(sorted(hello.ciphers)))
    extensions = _listed(sorted(each for each in hello.extensions if each not in (_SERVER_NAME, _ALPN)))
    if extensions and hello.signature_algorithms:
        extensions += f"_{_listed(hello.signature_algorithms)}"
    return f"t{version}{name}{counts}{_protocol(hello.alpn)}_{ciphers}_{_digest(extensions)}"


def _protocol(alpn: bytes) -> str:
    """The first and last character of a protocol's name; of its hex digits where they are no letters or digits."""
    if not alpn:
        return "00"
    ends = bytes((alpn[0], alpn[-1]))
    return ends.decode() if all(chr(each).isascii() and chr(each).isalnum() for each in ends) else _hex_ends(alpn)


def _hex_ends(alpn: bytes) -> str:
    digits = alpn.hex()
    return digits[0] + digits[-1]


def _listed(values: Iterable[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING
