"""Another header for an adopted object: a new file with it and the payload as it is, then a rename over the old one.

Owns the order: the new file is durable before it has a name, and has a name of its own before it takes the object's. So
whatever cuts it off, the object is the old file or the new one, whole. Opens nothing: the index key tells whether a
header is the object's own, and that the payload behind it is the one that the object's record states.
"""

from __future__ import annotations

import hmac
import io

from appliance.base import limits
from appliance.seal.digest import KeyedDigest
from appliance.seal.errors import PayloadChanged, RecordTampered
from appliance.seal.header import read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.record import is_same_object, open_record
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from appliance.vault.refusals import AlreadyThere, NotThere, refused

PART_SUFFIX = ".rewrap"
"""Ends the name that a new file has for a moment, in `objects/` above the 256 directories, so that a start finds what
was left there without looking at every object. It is removed then: the object itself is where it belongs."""

_PIECE = 1 << 20


def replace_header(objects: Objects, ledger: Ledger, index_key: IndexKey, object_id: str, header: bytes) -> bool:
    """Give an object this header. False where the object has left meanwhile. Durable when it returns.

    Raises `SealError` where the header is not this object's, or the payload is not whole; `DiskRefused`.
    """
    given = read_header(io.BufferedReader(io.BytesIO(header)))
    record = open_record(given, index_key)
    if record.object_id != object_id or given.size != len(header):
        raise RecordTampered("the header is not this object's")
    medium, path = objects.medium, objects.layout.object_file(object_id)
    part = objects.layout.objects / (object_id + PART_SUFFIX)
    try:
        old = objects.open(object_id)
    except NotThere:
        return False
    with old:
        if not is_same_object(read_header(old), given, index_key):
            raise RecordTampered("the header is not this object's")
        descriptor = medium.create(path.parent)
        try:
            digest = _copy(medium, old, descriptor, header, index_key.payload_digest())
            if not hmac.compare_digest(digest, record.payload_digest):
                raise PayloadChanged("the payload of the object is not the one that its record states")
            medium.sync_data(descriptor)
            try:
                medium.link(descriptor, part)
            except AlreadyThere:  # of a run that was cut off
                medium.unlink(part)
                medium.link(descriptor, part)
        finally:
            medium.close(descriptor)
    # While the ledger is held nothing leaves: a name that eviction removed must not come back.
    with ledger.transaction():
        present = ledger.state(object_id) == "present" and objects.holds(object_id)
        if present:
            medium.rename(part, path)
        else:
            medium.unlink(part)
    medium.sync_directory(path.parent)
    return present


def remove_parts(objects: Objects) -> int:
    """Remove what runs that were cut off left under names of their own; the number of files."""
    directory = objects.layout.objects
    parts = [name for name in objects.medium.names(directory) if name.endswith(PART_SUFFIX)]
    for name in parts:
        objects.medium.unlink(directory / name)
    return len(parts)


def _copy(medium: Medium, old: io.BufferedReader, descriptor: int, header: bytes, digest: KeyedDigest) -> bytes:
    """Write the header and what `old` has from here on; the digest of the latter."""
    assert len(header) <= limits.SEALED_HEADER.default
    medium.write_at(descriptor, header, 0)
    offset = len(header)
    while True:
        try:
            piece = old.read(_PIECE)
        except OSError as error:
            raise refused("read an object", error) from error
        if not piece:
            return digest.digest()
        digest.update(piece)
        medium.write_at(descriptor, piece, offset)
        offset += len(piece)
