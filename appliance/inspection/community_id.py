"""The Community ID of a flow, version 1: one name for it in every tool that watches a network."""

from __future__ import annotations

import base64
import hashlib

_TCP = b"\x06\x00"


def community_id(key: bytes, seed: int = 0) -> str:
    """From a flow key (`frames.Segment.key`), the same for both directions."""
    size = (len(key) - 4) // 2
    one, other = (key[:size], key[-4:-2]), (key[size : 2 * size], key[-2:])
    (low, low_port), (high, high_port) = sorted((one, other))
    digest = hashlib.sha1(seed.to_bytes(2, "big") + low + high + _TCP + low_port + high_port, usedforsecurity=False)
    return "1:" + base64.b64encode(digest.digest()).decode()
