"""The index key: it opens records, not objects, and makes the tags by which objects are told apart.

Owns the derivation of everything that hangs on the key. Never shows it except in `export`.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import Literal, get_args

from appliance.seal import bech32, kdf
from appliance.seal.digest import KeyedDigest
from appliance.seal.errors import KeyMalformed

TagKind = Literal["study", "series", "instance", "patient", "transaction"]
TAG = 16
_PREFIX = "appliance-index-key-"


class IndexKey:
    """32 random bytes that a site makes once. Equal values get equal tags under one index key, and under no other."""

    def __init__(self, key: bytes) -> None:
        if len(key) != kdf.KEY:
            raise KeyMalformed("an index key is 32 bytes long")
        self._key = bytes(key)
        self._tags = {
            kind: hmac.new(kdf.derive(self._key, f"pacs-appliance/v1/tag/{kind}".encode()), digestmod="sha256")
            for kind in get_args(TagKind)
        }
        self._data_set = self._digest_keys("data-set")
        self._payload = self._digest_keys("payload")

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = os.urandom) -> IndexKey:
        """A fresh index key."""
        return cls(random(kdf.KEY))

    @classmethod
    def parse(cls, text: str) -> IndexKey:
        """An index key from "appliance-index-key-1…"; raises `KeyMalformed`."""
        prefix, data = bech32.decode(text)
        if prefix.lower() != _PREFIX or len(data) != kdf.KEY:
            raise KeyMalformed("the key is not an index key", fix="An index key starts with appliance-index-key-1.")
        return cls(data)

    def export(self) -> str:
        """The index key as text. Whoever has it can read every record."""
        return bech32.encode(_PREFIX, self._key)

    def tag(self, kind: TagKind, value: str) -> bytes:
        """16 bytes that stand for `value`, and differ from those of another kind; no bytes for an empty value."""
        if not value:
            return b""
        tag = self._tags[kind].copy()
        tag.update(value.encode("utf-8", "surrogatepass"))
        return tag.digest()[:TAG]

    def data_set_digest(self) -> KeyedDigest:
        """A running digest, to be fed with a data set."""
        return KeyedDigest(*self._data_set)

    def payload_digest(self) -> KeyedDigest:
        """A running digest, to be fed with a payload as it is stored, from its nonce to its last byte."""
        return KeyedDigest(*self._payload)

    def record_key(self, salt: bytes) -> bytes:
        """The key of the record that was sealed with this salt."""
        return kdf.derive(self._key, b"pacs-appliance/v1/record", salt)

    def commitment_key(self, salt: bytes) -> bytes:
        """The key of the commitment request that was sealed with this salt."""
        return kdf.derive(self._key, b"pacs-appliance/v1/commitment", salt)

    def proof_report_key(self, salt: bytes) -> bytes:
        """The key of the destination's commitment report that was sealed with this salt."""
        return kdf.derive(self._key, b"pacs-appliance/v1/proof-report", salt)

    def journal_key(self, salt: bytes) -> bytes:
        """The key of the journal's file that was begun with this salt."""
        return kdf.derive(self._key, b"pacs-appliance/v1/journal", salt)

    def _digest_keys(self, kind: str) -> tuple[bytes, bytes]:
        hash_key = kdf.derive(self._key, f"pacs-appliance/v1/hash/{kind}".encode())
        return hash_key, kdf.derive(self._key, f"pacs-appliance/v1/digest/{kind}".encode())

    def __repr__(self) -> str:
        return "IndexKey(…)"
