from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.base.limits import SEALED_HEADER
from appliance.seal.errors import HeaderMalformed, HeaderTampered, HeaderTooLong, SealError, VersionUnsupported
from appliance.seal.header import (
    Stanza,
    decode_base64,
    encode_base64,
    encode_header,
    header_size,
    mac_key,
    read_header,
)

KEY = mac_key(bytes(16))
ARGUMENT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=90)
STANZA = st.builds(Stanza, st.lists(ARGUMENT, min_size=1, max_size=4).map(tuple), st.binary(max_size=150))
MAC_LINE = "--- " + "A" * 43 + "\n"


@given(st.lists(STANZA, min_size=1, max_size=5), st.binary(max_size=20))
@example([Stanza(("a",), bytes(48))], b"")
@example([Stanza(("a",), b"")], b"--- ")
@example([Stanza(("->", "---"), b"")], b"")
def test_reads_back_what_it_wrote_and_stands_at_the_payload(stanzas: list[Stanza], payload: bytes) -> None:
    text = encode_header(stanzas, KEY)
    file = BytesIO(text + payload)
    header = read_header(file)
    assert list(header.stanzas) == stanzas
    assert header.size == len(text) == header_size(stanzas) == file.tell()
    header.verify(KEY)
    assert all(len(line) <= 64 or line.startswith(b"-> ") for line in text.splitlines())


def test_a_stanza_whose_last_line_would_be_full_ends_in_an_empty_one() -> None:
    assert Stanza(("a", "b"), bytes(48)).encode() == b"-> a b\n" + b"A" * 64 + b"\n\n"
    assert Stanza(("a",), bytes(49)).encode() == b"-> a\n" + b"A" * 64 + b"\nAA\n"
    assert Stanza(("a",), b"").encode() == b"-> a\n\n"


def test_another_key_does_not_verify() -> None:
    header = read_header(BytesIO(encode_header([Stanza(("a",), b"")], KEY)))
    with pytest.raises(HeaderTampered):
        header.verify(mac_key(b"\1" * 16))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "age-encryption.org/v1",
        "age-encryption.org/v1\r\n-> a\n\n" + MAC_LINE,
        "AGE-ENCRYPTION.ORG/v1\n-> a\n\n" + MAC_LINE,
        "age-encryption.org/\n-> a\n\n" + MAC_LINE,
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
        "age-encryption.org/v1\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\n" + MAC_LINE,
        "age-encryption.org/v1\n->\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> \n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a \n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a  b\n\n" + MAC_LINE,
        "age-encryption.org/v1\n->  a\n\n" + MAC_LINE,
        "age-encryption.org/v1\n->a\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> \xe4\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\tb\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\r\n\r\n" + MAC_LINE,
        "age-encryption.org/v1\n- a\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\nAAA=\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\nAAB\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\nA\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\nAA-_\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\n AA\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\nAA\nAA\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\n" + "A" * 64 + "\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\n" + "A" * 68 + "\n\n" + MAC_LINE,
        "age-encryption.org/v1\n-> a\n" + "A" * 64 + "\n",
        "age-encryption.org/v1\n-> a\n\n---" + "A" * 43 + "\n",
        "age-encryption.org/v1\n-> a\n\n---  " + "A" * 43 + "\n",
        "age-encryption.org/v1\n-> a\n\n--- " + "A" * 43 + " \n",
        "age-encryption.org/v1\n-> a\n\n--- " + "A" * 43,
        "age-encryption.org/v1\n-> a\n\n--- " + "A" * 42 + "B\n",
        "age-encryption.org/v1\n-> a\n\n--- " + "A" * 42 + "\n",
        "age-encryption.org/v1\n-> a\n\n--- " + "A" * 44 + "\n",
        "age-encryption.org/v1\n-> a\n\n--- \n",
        "age-encryption.org/v1\n-> a\n\n---- \n",
    ],
)
def test_refuses_what_is_no_header(text: str) -> None:
    with pytest.raises(HeaderMalformed):
        read_header(BytesIO(text.encode("latin-1")))


def test_names_another_version() -> None:
    with pytest.raises(VersionUnsupported):
        read_header(BytesIO(b"age-encryption.org/v2\nanything\n"))


class Endless(BytesIO):
    """A file that never ends, and counts what was taken."""

    taken = 0

    def __init__(self, start: bytes, line: bytes) -> None:
        super().__init__(start)
        self.line = line

    def readline(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0
        line = super().readline(size) or self.line[:size]
        self.taken += len(line)
        return line


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"", b"a" * (1 << 20)),
        (b"age-encryption.org/v1\n", b"-> " + b"a" * (1 << 20)),
        (b"age-encryption.org/v1\n-> a\n", b"A" * 64 + b"\n"),
        (b"age-encryption.org/v1\n-> a\n\n", b"-> a\n"[:2]),
    ],
)
def test_stops_at_its_limit(start: bytes, line: bytes) -> None:
    file = Endless(start, line)
    with pytest.raises(HeaderMalformed):
        read_header(file)
    assert file.taken <= SEALED_HEADER.default


def test_names_a_header_that_is_too_long() -> None:
    size = header_size([Stanza(("a",), b"")])
    fits = "a" * (SEALED_HEADER.default - size + 1)
    assert read_header(BytesIO(encode_header([Stanza((fits,), b"")], KEY))).size == SEALED_HEADER.default
    with pytest.raises(HeaderTooLong):
        read_header(BytesIO(encode_header([Stanza((fits + "a",), b"")], KEY)))


@given(st.binary(max_size=200))
def test_junk_is_refused_by_name(junk: bytes) -> None:
    for start in (b"", b"age-encryption.org/v1\n", b"age-encryption.org/v1\n-> a\n"):
        with pytest.raises(SealError):
            read_header(BytesIO(start + junk))


@given(st.lists(st.sampled_from([*"-> aA=\n/+ ~\r", "--- ", "-> ", MAC_LINE, "A" * 64, "\n\n"]), max_size=40))
def test_pieces_of_headers_are_read_or_refused_by_name(pieces: list[str]) -> None:
    text = ("age-encryption.org/v1\n" + "".join(pieces)).encode()
    file = BytesIO(text)
    try:
        header = read_header(file)
    except SealError:
        return
    # There is one way only to write a header.
    end = b" " + encode_base64(header.mac).encode() + b"\n"
    body = b"".join(stanza.encode() for stanza in header.stanzas)
    assert b"age-encryption.org/v1\n" + body + b"---" + end == text[: file.tell()]


@given(st.binary(max_size=100))
def test_base64_has_one_form(data: bytes) -> None:
    text = encode_base64(data).encode()
    assert decode_base64(text) == data
    for wrong in (text + b"=", text + b"\n", b" " + text, text + b"A" * (1 + (-len(text)) % 4)):
        try:
            assert encode_base64(decode_base64(wrong)).encode() == wrong
        except HeaderMalformed:
            pass


@pytest.mark.parametrize("first", [bytes(70000), b"DICM" * 20000, b"age-encryption.org/" + b"v" * 200 + b"\n", b"a"])
def test_what_is_no_age_file_is_not_called_a_long_header(first: bytes) -> None:
    file = BytesIO(first)
    with pytest.raises(HeaderMalformed, match="does not start") as refusal:
        read_header(file)
    assert type(refusal.value) is HeaderMalformed
    assert file.tell() <= 128
