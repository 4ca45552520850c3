"""Hellos, made by OpenSSL itself."""

from __future__ import annotations

import ssl
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.tls_hello import CLIENT_HELLO, SERVER_HELLO, Hello, looks_like_tls, parse_hello
from appliance.inspection.tls_records import Handshake, Message


def read_hello(stream: bytes) -> Hello | str | None:
    """The hello with which a stream of records begins, a reason why it has none, or None while more are needed."""
    for event in Handshake(32768).feed(stream):
        if isinstance(event, Message):
            return parse_hello(event.kind, event.body)
        return getattr(event, "why", "an alert")
    return None


def client_hello(maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The first bytes of a client, by OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = maximum
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def test_openssls_client_hello_is_read() -> None:
    data = client_hello()
    assert looks_like_tls(data)
    hello = read_hello(data)
    assert isinstance(hello, Hello)
    assert (hello.kind, hello.version) == (CLIENT_HELLO, "TLS 1.3")
    assert 0x1301 in hello.ciphers


def test_an_older_client_says_so() -> None:
    hello = read_hello(client_hello(ssl.TLSVersion.TLSv1_2))
    assert isinstance(hello, Hello)
    assert hello.version == "TLS 1.2"
    assert 0x1301 not in hello.ciphers


def test_a_hello_is_awaited_byte_by_byte() -> None:
    data = client_hello()
    for size in range(len(data)):
        assert read_hello(data[:size]) is None
    assert isinstance(read_hello(data + b"junk"), Hello)


def test_a_hello_over_several_records_is_put_together() -> None:
    data = client_hello()
    body = data[5:]
    split = b"".join(data[:3] + len(part).to_bytes(2, "big") + part for part in (body[:3], body[3:100], body[100:]))
    assert read_hello(split) == read_hello(data)


def server_hello(extensions: bytes = b"") -> bytes:
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x30" + b"\0"
    if extensions:
        body += len(extensions).to_bytes(2, "big") + extensions
    handshake = bytes((SERVER_HELLO,)) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(handshake).to_bytes(2, "big") + handshake


@pytest.mark.parametrize(("extensions", "version"), [(b"", "TLS 1.2"), (b"\0\x2b\0\2\3\4", "TLS 1.3")])
def test_a_server_hello_tells_what_was_chosen(extensions: bytes, version: str) -> None:
    hello = read_hello(server_hello(extensions))
    assert isinstance(hello, Hello)
    assert (hello.kind, hello.version, hello.ciphers) == (SERVER_HELLO, version, (0xC030,))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x17\x03\x03\0\x01x", "no handshake record"),
        (b"\x16\x03\x01\0\x04\x0b\0\0\0", "no hello"),
        (b"\x16\x03\x01\0\x04\x01\xff\xff\xff", "a hello over the limit"),
        (b"\x16\x03\x01\0\x06\x01\0\0\x02\x03\x03", "a hello that runs past its end, or offers more than there is"),
    ],
)
def test_each_way_to_be_none_is_named(data: bytes, why: str) -> None:
    assert read_hello(data) == why


@pytest.mark.parametrize("much", ["ciphers", "extensions"])
def test_a_hello_that_offers_more_than_there_is_is_none(much: str) -> None:
    """What is kept of a hello, and the time that it takes, are bounded."""
    for many, fits in ((1024, True), (1025, False)):
        ciphers = many if much == "ciphers" else 1
        extensions = b"".join(
            struct.pack("!HH", kind, 0) for kind in range(100, 100 + (many if much == "extensions" else 1))
        )
        body = b"\3\3" + bytes(33) + struct.pack("!H", 2 * ciphers) + b"\x13\1" * ciphers + b"\1\0"
        found = parse_hello(CLIENT_HELLO, body + struct.pack("!H", len(extensions)) + extensions)
        assert isinstance(found, Hello) is fits
        assert not isinstance(found, Hello) or found.weight > 36 * 1024


@given(st.binary(max_size=400))
def test_any_bytes_give_a_hello_a_reason_or_nothing(data: bytes) -> None:
    assert isinstance(read_hello(b"\x16\x03\x01" + data), Hello | str | None)
