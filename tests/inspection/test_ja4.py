"""JA4 by its description, and of hellos that OpenSSL makes."""

from __future__ import annotations

import ssl

import pytest

from appliance.inspection.ja4 import ja4
from appliance.inspection.tls_hello import CLIENT_HELLO, Hello
from tests.inspection.handshake import certificate, talk
from tests.inspection.test_tls_hello import read_hello

# The example of the description: its parts and its result.
CIPHERS = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D)
CIPHERS += (0x002F, 0x0035)
EXTENSIONS = (0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01)
EXTENSIONS += (0x000B, 0x000A, 0x0015)
ALGORITHMS = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)


def test_the_example_of_the_description() -> None:
    hello = Hello(CLIENT_HELLO, (0x0304, 0x0303), CIPHERS, EXTENSIONS, alpn=b"h2", signature_algorithms=ALGORITHMS)
    assert ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1"


@pytest.mark.parametrize(
    ("alpn", "ends"), [(b"", "00"), (b"h2", "h2"), (b"http/1.1", "h1"), (b"x", "xx"), (b"\xab\xcd", "ad")]
)
def test_protocols(alpn: bytes, ends: str) -> None:
    rest = ja4(Hello(CLIENT_HELLO, (0x0303,), (0xC02F,))).split("_", 1)[1]
    assert ja4(Hello(CLIENT_HELLO, (0x0303,), (0xC02F,), (), alpn=alpn)) == f"t12i0100{ends}_{rest}"


def test_a_hello_with_nothing_in_it() -> None:
    assert ja4(Hello(CLIENT_HELLO, (), ())) == "t00i000000_000000000000_000000000000"


def test_hellos_of_openssl() -> None:
    pem = certificate()
    prints = {}
    for name, protocols, maximum in (
        (None, (), ssl.TLSVersion.TLSv1_2),
        (None, (), ssl.TLSVersion.TLSv1_3),
        ("pacs.rad.example", ("dicom",), ssl.TLSVersion.TLSv1_3),
    ):
        hello = read_hello(talk(pem, name=name, protocols=protocols, client_maximum=maximum)[0][1])
        assert isinstance(hello, Hello)
        prints[name, maximum] = ja4(hello)
    plain, modern, named = prints.values()
    assert plain.startswith("t12i")
    assert plain[8:10] == "00"
    assert modern.startswith("t13i")
    assert named.startswith("t13d")
    assert named[8:10] == "dm"
    assert modern.split("_")[1] == named.split("_")[1]  # the same ciphers
