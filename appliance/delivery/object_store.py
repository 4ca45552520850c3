"""The destination of kind "object-store": the sealed object itself, byte for byte, in a bucket or a directory.

Needs no identity. Before an object goes it is compared with its own record, so that what rotted here is not kept there.
What lies under its name already is success where it is the same, and is never written over where it is something else.
Its beginning is what a store leaves that fails in the middle and is not as atomic as S3: that is written over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from io import BufferedReader

from appliance.base.errors import CryptoError, UpstreamRefused
from appliance.config.destinations import ObjectStoreDestination
from appliance.delivery.directory_store import DirectoryStore
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.session import AnyKind, Kind
from appliance.delivery.source import Source
from appliance.delivery.store import Store, name_of
from appliance.host.credentials import read_secret
from appliance.seal.index_key import IndexKey
from appliance.seal.opening import verify

_PIECE = 1 << 18
_STORED = Outcome(Verdict.DONE, "stored", "", 0)
_THERE = Outcome(Verdict.DONE, "it was there already, the same", "", 0)
_ANOTHER = Outcome(
    Verdict.PERMANENT,
    "something else lies there under the name of this object",
    "Find out who else writes there and move it away; then run `appliance queue retry`.",
)


class Found(Enum):
    """What lies under the name of an object: the object, its beginning or nothing, or something else."""

    SAME = "same"
    PART = "part"
    OTHER = "other"


class ObjectStoreSession:
    """One courier's use of a store."""

    proposed: Collection[Kind] = AnyKind()
    accepted: Collection[Kind] = AnyKind()

    def __init__(self, store: Store, index_key: IndexKey, calling_ae: str, *, read_back: bool) -> None:
        self._store = store
        self._index_key = index_key
        self._read_back = read_back
        self.calling_ae = calling_ae

    def store(self, source: Source) -> Outcome:
        """Store one sealed object, and see that it is there."""
        file, name = source.sealed, name_of(source.object_id)
        file.seek(0)
        if verify(file, self._index_key).object_id != source.object_id:
            raise CryptoError("the file holds another object than its name says")
        size = file.tell()
        try:
            there = self._store.size(name)
            found = self._compare(name, file, size) if there is not None else Found.PART
            if found is not Found.PART:
                return _THERE if found is Found.SAME else _ANOTHER
            self._store.put(name, source.outgoing())
            stored = self._store.size(name)
            if stored == size and (not self._read_back or self._compare(name, file, size) is Found.SAME):
                return _STORED
            self._store.remove(name)  # ours, and wrong; the next attempt must not take it for somebody else's
        except UpstreamRefused as error:
            return Outcome(Verdict.PERMANENT, error.message, f"{error.fix} Then run `appliance queue retry`.".lstrip())
        return Outcome(
            Verdict.TEMPORARY, "what the store gives back is not what was put there", "It is put there again."
        )

    def alive(self) -> bool:
        """Always: requests stand by themselves."""
        return True

    def end(self) -> None:
        """Nothing is open."""

    def _compare(self, name: str, file: BufferedReader, size: int) -> Found:
        """What lies under a name, read to its end or to where it is not this file."""
        file.seek(0)
        for piece in self._store.read(name):
            for start in range(0, len(piece), _PIECE):
                part = piece[start : start + _PIECE]
                if file.read(len(part)) != part:
                    return Found.OTHER
        return Found.SAME if file.tell() == size else Found.PART


class ObjectStore:
    """Opens sessions with one store."""

    def __init__(self, destination: ObjectStoreDestination, index_key: IndexKey) -> None:
        self._destination = destination
        self._index_key = index_key

    def __call__(self, kinds: Collection[Kind], calling_ae: str) -> ObjectStoreSession:
        """Nothing is negotiated, and `calling_ae` is told nobody. Secrets are read anew for each session."""
        entry = self._destination
        return ObjectStoreSession(
            open_store(entry, read_secret), self._index_key, calling_ae, read_back=entry.proof == "read-back"
        )


def open_store(entry: ObjectStoreDestination, secret: Callable[[str], str]) -> Store:
    """The store of an entry; `secret` reads its secret access key."""
    if entry.url.directory:
        return DirectoryStore(entry.url.directory)
    from appliance.delivery.bucket_store import BucketStore  # obstore is loaded where a bucket is used

    assert entry.access_key_id and entry.secret_access_key  # else there were findings of `destination_checks`
    return BucketStore(
        entry.url,
        entry.access_key_id,
        secret(entry.secret_access_key),
        endpoint=entry.endpoint,
        region=entry.region,
        path_style=entry.path_style,
        ca=entry.ca,
    )
