"""A destination's commitment report at rest: keyed tags and reasons, sealed under a key from the index key, and padded.

Owns the layout, version 1 (FORMAT.md, section 8.1). It holds no UID of an instance even when it is open; it is sealed
all the same, so that nobody without the index key can make one up and have an object forgotten.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal.errors import RequestFieldRefused, RequestMalformed, RequestTampered
from appliance.seal.index_key import TAG, IndexKey

MAGIC = b"pacs-appliance.proof-report 1\n"
SALT = 32
BLOCK = 1024

_AUTHENTICATION = 16
# A salt makes the key fresh, and the key seals one report only.
_NONCE = bytes(12)
_REPORT_ID = re.compile(r"[0-9a-f]{32}")
_HEAD = struct.Struct(f">16sdL{TAG}s")
_LENGTH = struct.Struct(">H")
_OUTCOME = struct.Struct(f">{TAG}sH")


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What a destination said of instances that it stored."""

    report_id: str
    """32 lower-case hexadecimal digits, random."""
    received: float
    """Unix time in seconds."""
    destination: str
    """Its name in the configuration."""
    transaction_tag: bytes
    reasons: tuple[tuple[str, bytes, int], ...]
    """SOP class, keyed tag of the instance, and its Failure Reason or 0."""


def tags(
    index_key: IndexKey, transaction: str, reasons: Mapping[tuple[str, str], int]
) -> tuple[bytes, dict[tuple[str, bytes], int]]:
    """The keyed tags of a report: of its transaction, and of its instances with their reasons."""
    return (
        index_key.tag("transaction", transaction),
        {(sop_class, index_key.tag("instance", instance)): reason for (sop_class, instance), reason in reasons.items()},
    )


def seal(report: ProofReport, index_key: IndexKey, salt: bytes) -> bytes:
    """The whole file. `salt` is 32 fresh random bytes. Raises `RequestFieldRefused`."""
    return MAGIC + salt + ChaCha20Poly1305(index_key.proof_report_key(salt)).encrypt(_NONCE, _encode(report), MAGIC)


def open_report(sealed: bytes, index_key: IndexKey) -> ProofReport:
    """The report in a file. Raises `RequestMalformed` or `RequestTampered`."""
    start = len(MAGIC) + SALT
    if not sealed.startswith(MAGIC) or len(sealed) < start + _AUTHENTICATION:
        raise RequestMalformed("this is no commitment report of a version that this program knows")
    key = index_key.proof_report_key(sealed[len(MAGIC) : start])
    try:
        layout = ChaCha20Poly1305(key).decrypt(_NONCE, sealed[start:], MAGIC)
    except InvalidTag:
        raise RequestTampered(
            "the commitment report does not open", fix="It was changed, or sealed under another index key."
        ) from None
    return _decode(layout)


def _encode(report: ProofReport) -> bytes:
    if not _REPORT_ID.fullmatch(report.report_id):
        raise RequestFieldRefused("report_id is not 32 lower-case hexadecimal digits")
    if not (math.isfinite(report.received) and report.received >= 0):
        raise RequestFieldRefused("received is not a time after 1970")
    if len(report.transaction_tag) != TAG or any(len(tag) != TAG for _, tag, _ in report.reasons):
        raise RequestFieldRefused(f"a tag is not {TAG} bytes long")
    parts = [
        _HEAD.pack(bytes.fromhex(report.report_id), report.received, len(report.reasons), report.transaction_tag),
        _text(report.destination),
    ]
    for sop_class, tag, reason in report.reasons:
        parts += [_OUTCOME.pack(tag, reason), _text(sop_class)]
    layout = b"".join(parts)
    return layout + bytes(-len(layout) % BLOCK)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > 256:
        raise RequestFieldRefused("a text of the commitment report is longer than 256 bytes")
    return _LENGTH.pack(len(encoded)) + encoded


def _decode(layout: bytes) -> ProofReport:
    reasons: list[tuple[str, bytes, int]] = []
    try:
        report_id, received, count, transaction_tag = _HEAD.unpack_from(layout)
        at, destination = _read_text(layout, _HEAD.size)
        for _ in range(count):
            tag, reason = _OUTCOME.unpack_from(layout, at)
            at, sop_class = _read_text(layout, at + _OUTCOME.size)
            reasons.append((sop_class, tag, reason))
    except (struct.error, UnicodeDecodeError):
        raise RequestMalformed("the commitment report breaks its layout") from None
    if len(layout) - at >= BLOCK or any(layout[at:]) or not (math.isfinite(received) and received >= 0):
        raise RequestMalformed("the commitment report breaks its layout")
    return ProofReport(report_id.hex(), received, destination, transaction_tag, tuple(reasons))


def _read_text(layout: bytes, at: int) -> tuple[int, str]:
    (length,) = _LENGTH.unpack_from(layout, at)
    at += _LENGTH.size + length
    if at > len(layout):
        raise RequestMalformed("a text of the commitment report reaches beyond its end")
    return at, layout[at - length : at].decode("utf-8")
