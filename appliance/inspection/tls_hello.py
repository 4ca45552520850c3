"""First facts of a TLS connection: what the hellos say in clear (RFC 5246 7.4.1, RFC 8446 4.1). Never raises."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CLIENT_HELLO, SERVER_HELLO = 1, 2
_HANDSHAKE = 22
_MOST = 1024  # cipher suites or extensions of a hello; nobody knows half as many
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_SERVER_NAME, _SIGNATURE_ALGORITHMS, _ALPN, _SUPPORTED_VERSIONS = 0x0000, 0x000D, 0x0010, 0x002B
_DOWNGRADED = (b"DOWNGRD\x01", b"DOWNGRD\x00")  # RFC 8446 4.1.3
_NAMES = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello (`versions` and `ciphers` offered) or a ServerHello (the one of each that was chosen)."""

    kind: int
    versions: tuple[int, ...]
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...] = ()
    retry: bool = False  # HelloRetryRequest
    alpn: bytes = b""  # the first protocol that the client offers
    signature_algorithms: tuple[int, ...] = ()
    downgraded: bool = False  # the server says that it could have done better

    @property
    def weight(self) -> int:
        """About how many bytes it costs to keep."""
        many = len(self.versions) + len(self.ciphers) + len(self.extensions) + len(self.signature_algorithms)
        return 500 + 36 * many + len(self.alpn)

    @property
    def version(self) -> str:
        """The highest version, as people call it."""
        best = max(self.versions, default=0)
        return _NAMES.get(best, f"{best:04x}H")


def looks_like_tls(data: bytes | memoryview) -> bool:
    """Whether the first six bytes of a stream begin a handshake record with a hello in it."""
    return (
        data[0] == _HANDSHAKE
        and data[1] == 3
        and data[2] <= 4
        and 4 <= (data[3] << 8 | data[4]) <= 16384 + 256
        and data[5] in (CLIENT_HELLO, SERVER_HELLO)
    )


def parse_hello(kind: int, body: bytes) -> Hello | str:
    """A handshake message as a hello, or why it is none."""
    if kind not in (CLIENT_HELLO, SERVER_HELLO):
        return "no hello"
    try:
        return _client(body) if kind == CLIENT_HELLO else _server(body)
    except (struct.error, IndexError):
        return "a hello that runs past its end, or offers more than there is"


def _client(body: bytes) -> Hello:
    (legacy,) = struct.unpack_from("!H", body)
    at = 34
    at += 1 + body[at]
    (size,) = struct.unpack_from("!H", body, at)
    if size > 2 * _MOST:
        raise IndexError
    ciphers = struct.unpack_from(f"!{size // 2}H", body, at + 2)
    at += 2 + size
    at += 1 + body[at]
    extensions = _extensions(body, at)
    offered = extensions.get(_SUPPORTED_VERSIONS)
    versions: tuple[int, ...] = (legacy,)
    if offered:
        versions = struct.unpack_from(f"!{offered[0] // 2}H", offered, 1)
    listed = extensions.get(_SIGNATURE_ALGORITHMS, b"\0\0")
    algorithms = struct.unpack_from(f"!{(len(listed) - 2) // 2}H", listed, 2)
    protocols = extensions.get(_ALPN, b"")
    first = protocols[3 : 3 + protocols[2]] if len(protocols) > 3 else b""
    more = (False, first, _real(algorithms))
    return Hello(CLIENT_HELLO, _real(versions), _real(ciphers), _real(tuple(extensions)), *more)


def _server(body: bytes) -> Hello:
    (legacy,) = struct.unpack_from("!H", body)
    retry = body[2:34] == _RETRY
    at = 35 + body[34]
    (cipher,) = struct.unpack_from("!H", body, at)
    extensions = _extensions(body, at + 3)
    chosen = extensions.get(_SUPPORTED_VERSIONS)
    version = struct.unpack("!H", chosen)[0] if chosen else legacy
    sentinel = body[26:34] in _DOWNGRADED
    return Hello(SERVER_HELLO, (version,), (cipher,), tuple(extensions), retry, downgraded=sentinel)


def _extensions(body: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if len(body) - at < 2:
        return found
    end = at + 2 + struct.unpack_from("!H", body, at)[0]
    at += 2
    while at + 4 <= min(end, len(body)):
        if len(found) == _MOST:
            raise IndexError
        kind, size = struct.unpack_from("!HH", body, at)
        found[kind] = body[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _real(values: tuple[int, ...]) -> tuple[int, ...]:
    """Without GREASE (RFC 8701)."""
    return tuple(value for value in values if value & 0x0F0F != 0x0A0A or value >> 8 != value & 0xFF)
