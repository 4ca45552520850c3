from __future__ import annotations

from io import BytesIO

import pytest

from appliance.seal.errors import (
    HeaderTampered,
    NoIdentityMatches,
    RecipientsRefused,
    RecordMalformed,
    RecordMissing,
)
from appliance.seal.header import Stanza, read_header
from appliance.seal.keys import Identity, generate_identity
from appliance.seal.opening import open_record, verify
from appliance.seal.rewrap import rewrap
from tests.seal.case import CLASSIC, PAYLOAD, RECORD, X25519, rebuilt
from tests.seal.objects import CHUNK, CLASSICAL, HYBRID, INDEX_KEY, opened, sealed

PLAIN = bytes(CHUNK + 5)
OLD = sealed(PLAIN)
HEADER = read_header(BytesIO(OLD))
TYPES = {"hybrid": "mlkem768x25519", "classical": "X25519"}


@pytest.mark.parametrize(
    "identities",
    [[HYBRID], [generate_identity("classical")], [generate_identity() for _ in range(3)], [CLASSICAL]],
    ids=["hybrid", "classical", "three", "same"],
)
def test_new_identities_open_the_same_payload_and_the_record_stands(identities: list[Identity]) -> None:
    header = rewrap(HEADER, [CLASSICAL], [identity.recipient for identity in identities])
    new = header + OLD[HEADER.size :]
    read = read_header(BytesIO(new))
    assert read.size == len(header)
    assert [stanza.type for stanza in read.stanzas[:-1]] == [TYPES[identity.kind] for identity in identities]
    assert verify(BytesIO(new), INDEX_KEY) == open_record(HEADER, INDEX_KEY)
    for identity in identities:
        assert opened(new, identity) == PLAIN


def test_old_identities_open_it_no_more() -> None:
    new = rewrap(HEADER, [CLASSICAL], [HYBRID.recipient]) + OLD[HEADER.size :]
    with pytest.raises(NoIdentityMatches):
        opened(new, CLASSICAL)


def test_back_again_is_another_header_of_the_same_length() -> None:
    there = rewrap(HEADER, [CLASSICAL], [HYBRID.recipient])
    back = rewrap(read_header(BytesIO(there)), [HYBRID], [CLASSICAL.recipient])
    assert (len(back), back == OLD[: HEADER.size]) == (HEADER.size, False)
    assert opened(back + OLD[HEADER.size :]) == PLAIN


def test_only_the_record_is_kept() -> None:
    data = rebuilt([Stanza(("example.com/foreign",), b"x"), X25519, RECORD], PAYLOAD)
    header = rewrap(read_header(BytesIO(data)), [CLASSICAL], [HYBRID.recipient])
    assert [stanza.type for stanza in read_header(BytesIO(header)).stanzas] == ["mlkem768x25519", RECORD.type]


def test_what_is_not_rewrapped() -> None:
    recipients = [HYBRID.recipient]
    with pytest.raises(NoIdentityMatches):
        rewrap(HEADER, [HYBRID], recipients)
    with pytest.raises(RecipientsRefused):
        rewrap(HEADER, [CLASSICAL], [])
    with pytest.raises(RecipientsRefused):
        rewrap(HEADER, [CLASSICAL], [HYBRID.recipient, CLASSICAL.recipient])
    for stanzas, error in (([X25519], RecordMissing), ([X25519, RECORD, RECORD], RecordMalformed)):
        with pytest.raises(error):
            rewrap(read_header(BytesIO(rebuilt(stanzas, PAYLOAD))), [CLASSICAL], recipients)
    added = CLASSIC.replace(b"-> X", b"-> example.com/added\n\n-> X", 1)
    with pytest.raises(HeaderTampered):
        rewrap(read_header(BytesIO(added)), [CLASSICAL], recipients)
