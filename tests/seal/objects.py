"""Sealed objects for tests: one way to make them, in memory, with fixed keys and facts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from itertools import pairwise

from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Recipient
from appliance.seal.mlkem768x25519 import HybridIdentity
from appliance.seal.opening import Opening
from appliance.seal.record import RecordFacts
from appliance.seal.sealing import Sealing
from appliance.seal.x25519 import X25519Identity

CHUNK = 65536


def secret(label: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(label.encode()).digest()


def drawn(label: str) -> Callable[[int], bytes]:
    """A source of the same "random" bytes in every run."""
    stream = BytesIO(hashlib.shake_256(label.encode()).digest(4096))

    def random(count: int) -> bytes:
        data = stream.read(count)
        assert len(data) == count
        return data

    return random


INDEX_KEY = IndexKey(secret("index key"))
CLASSICAL = X25519Identity(secret("classical identity"))
HYBRID = HybridIdentity(secret("hybrid identity"))

FACTS = RecordFacts(
    object_id="00112233445566778899aabbccddeeff",
    received=1790000000.25,
    peer="CT suite 2 · Nürnberg",
    calling_ae="CT_SOMATOM1",
    called_ae="EDGE01",
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    transfer_syntax="1.2.840.10008.1.2.1",
    modality="CT",
    study_tag=INDEX_KEY.tag("study", "1.2.3"),
    series_tag=INDEX_KEY.tag("series", "1.2.3.4"),
    instance_tag=b"",
)


def sealed(
    data_set: bytes,
    *,
    head: bytes = b"",
    recipients: Sequence[Recipient] = (CLASSICAL.recipient,),
    facts: RecordFacts = FACTS,
    index_key: IndexKey = INDEX_KEY,
    random: Callable[[int], bytes] | None = None,
    cuts: Iterable[int] = (),
) -> bytes:
    """A whole object; `cuts` are the places at which the data set is divided into writes."""
    payload = bytearray()
    sealing = Sealing(recipients, index_key, payload.extend, **({"random": random} if random else {}))
    sealing.write(head)
    sealing.begin_data_set()
    places = [0, *sorted(cuts), len(data_set)]
    for start, end in pairwise(places):
        sealing.write(memoryview(data_set)[start:end])
    header = sealing.finish(facts)
    assert len(header) == sealing.header_size
    return header + bytes(payload)


def opened(data: bytes, identity: X25519Identity | HybridIdentity = CLASSICAL) -> bytes:
    """The plaintext, once all of it was read."""
    opening = Opening(BytesIO(data), [identity])
    plaintext = b"".join(bytes(chunk) for chunk in opening)
    assert opening.whole
    return plaintext
