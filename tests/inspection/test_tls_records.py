"""TLS records: each split shows the same, and nothing is kept beyond its limit."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.tls_records import TOO_LONG, AlertRecord, Event, Handshake, Message, Over
from tests.inspection.handshake import certificate, talk

LIMIT = 65536
SAID = talk(certificate(), ssl.TLSVersion.TLSv1_2)


def side(from_client: bool) -> bytes:
    return b"".join(data for who, data in SAID if who is from_client)


def events(data: bytes, step: int, limit: int = LIMIT) -> list[Event]:
    reader, found = Handshake(limit), []
    for at in range(0, len(data), step):
        found += reader.feed(data[at : at + step])
        if found and isinstance(found[-1], Over):
            break
    return found


@pytest.mark.parametrize("from_client", [True, False])
@pytest.mark.parametrize("step", [1, 2, 5, 100, 10_000])
def test_a_handshake_of_openssl_in_any_pieces(from_client: bool, step: int) -> None:
    found = events(side(from_client), step)
    kinds = [event.kind for event in found if isinstance(event, Message)]
    assert kinds == ([1, 16] if from_client else [2, 11, 12, 14, 4])
    assert found[-1] == Over()  # the change to encryption


def test_messages_over_several_records_and_several_in_one() -> None:
    body = b"\1\0\0\3abc" + b"\2\0\0\1d"
    split = b"".join(b"\x16\3\3\0\1" + body[at : at + 1] for at in range(len(body)))
    for data in (split, b"\x16\3\3" + len(body).to_bytes(2, "big") + body):
        assert events(data, 3) == [Message(1, b"abc"), Message(2, b"d")]


def test_alerts_in_clear_and_encrypted() -> None:
    assert events(b"\x15\3\3\0\2\2\x30", 2) == [AlertRecord(2, 48)]
    assert events(b"\x15\3\3\0\x1a" + bytes(26), 4) == [Over()]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16\3\3\xff\xff", "a hello over the limit"),
        (b"\x16\3\3\0\4\1\xff\xff\xff", "a hello over the limit"),
        (b"GET / HTTP/1.1", "no handshake record"),
        (b"\x16\x09\x09\0\1x", "no handshake record"),
        (b"\x16\3\3\0\0" * 33, "a hello over the limit"),
    ],
)
def test_what_is_no_handshake_ends_it(data: bytes, why: str) -> None:
    assert events(data, 100, 4096)[-1] == Over(why)


def test_what_is_too_long_behind_the_hello_is_told_apart() -> None:
    hello = b"\x16\3\3\0\4\1\0\0\0"
    for data in (b"\x16\3\3\xff\xff", b"\x16\3\3\0\4\x0b\xff\xff\xff", b"\x16\3\3\0\0" * 33):
        assert events(hello + data, 100, 4096) == [Message(1, b""), Over(TOO_LONG)]
    assert events(hello + b"\x16\3\3\0\0" * 32 + hello, 100) == [Message(1, b"")] * 2  # as OpenSSL bears them


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_borne_and_little_is_kept(parts: list[bytes]) -> None:
    reader = Handshake(1000)
    for part in parts:
        found = reader.feed(b"\x16\3\3" + part)
        assert reader.kept <= 1000 + 5 + 65535
        if found and isinstance(found[-1], Over):
            break
