from __future__ import annotations

from io import BytesIO

import pytest

from appliance.seal import facts
from appliance.seal.errors import NoIdentityMatches
from appliance.seal.facts import CAPACITY, STANZA, open_facts
from appliance.seal.header import read_header
from appliance.seal.keys import generate_identity
from appliance.seal.opening import verify
from appliance.seal.rewrap import rewrap
from appliance.seal.sealing import Sealing
from tests.seal.objects import CLASSICAL, FACTS, HYBRID, INDEX_KEY, opened, sealed

NAME = b"\x10\x00\x10\x00PN\x08\x00DOE^JANE"


def with_facts(content: bytes, identity: object = CLASSICAL) -> bytes:
    payload = bytearray()
    sealing = Sealing([identity.recipient], INDEX_KEY, payload.extend, with_facts=True)  # type: ignore[attr-defined]
    sealing.write(b"image")
    header = sealing.finish(FACTS, content)
    assert len(header) == sealing.header_size
    return header + bytes(payload)


@pytest.mark.parametrize("content", [b"", NAME, bytes(range(1, 200)) * 3, b"\xff" * CAPACITY])
@pytest.mark.parametrize("identity", [CLASSICAL, HYBRID])
def test_an_identity_reads_them_and_the_length_never_tells(content: bytes, identity: object) -> None:
    data = with_facts(content, identity)
    assert open_facts(read_header(BytesIO(data)), [identity]) == content  # type: ignore[list-item]
    assert len(data) == len(with_facts(b"", identity))
    assert opened(data, identity) == b"image"  # type: ignore[arg-type]
    verify(BytesIO(data), INDEX_KEY)
    assert not content or content not in data


def test_nobody_else_does() -> None:
    with pytest.raises(NoIdentityMatches):
        open_facts(read_header(BytesIO(with_facts(NAME))), [generate_identity("classical"), HYBRID])


def test_an_object_without_them_has_none() -> None:
    assert open_facts(read_header(BytesIO(sealed(b"image"))), [CLASSICAL]) is None
    assert len(with_facts(b"")) == len(sealed(b"image")) + STANZA


def test_another_header_keeps_them() -> None:
    data = with_facts(NAME)
    header = rewrap(read_header(BytesIO(data)), [CLASSICAL], [HYBRID.recipient, HYBRID.recipient])
    again = rewrap(read_header(BytesIO(header)), [HYBRID], [CLASSICAL.recipient])
    for identity, new in ((HYBRID, header), (CLASSICAL, again)):
        assert open_facts(read_header(BytesIO(new)), [identity]) == NAME


def test_what_does_not_fit_is_not_cut() -> None:
    with pytest.raises(ValueError):
        facts.seal(bytes(CAPACITY + 1), bytes(32))
