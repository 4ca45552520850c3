from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.seal import bech32
from appliance.seal.errors import KeyMalformed

PREFIXES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).map(str.lower)


@pytest.mark.parametrize(
    ("text", "prefix", "size"),
    [
        # BIP 173, "Test vectors": valid Bech32
        ("A12UEL5L", "A", 0),
        ("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
         "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split", 30),
        ("?1ezyfcl", "?", 0),
    ],
)  # fmt: skip
def test_reads_what_bip_173_gives_as_valid(text: str, prefix: str, size: int) -> None:
    found, data = bech32.decode(text)
    assert (found, len(data)) == (prefix, size)
    assert bech32.encode(prefix.lower(), data) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        # BIP 173, "Test vectors": invalid
        "\x201nwldj5", "\x7f1axkwrx", "\x801eym55h", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3",
        "de1lg7wt\xff", "A1G7SGD8", "10a06t8", "1qzzfhee",
        "", "1", "a1", "a12uel5L", "A12UEL5\N{KELVIN SIGN}", "a12uel5l ",
    ],
)  # fmt: skip
def test_refuses_what_is_not_bech32(text: str) -> None:
    with pytest.raises(KeyMalformed):
        bech32.decode(text)


@given(PREFIXES, st.binary(max_size=200))
def test_reads_back_what_it_wrote(prefix: str, data: bytes) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == (prefix, data)
    assert bech32.decode(text.upper()) == (prefix.upper(), data)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_sees_any_one_wrong_character(data: bytes, draw: st.DataObject) -> None:
    text = bech32.encode("age", data)
    place = draw.draw(st.integers(4, len(text) - 1))
    wrong = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l").filter(lambda c: c != text[place]))
    with pytest.raises(KeyMalformed):
        bech32.decode(text[:place] + wrong + text[place + 1 :])


@pytest.mark.parametrize("symbols", ["qp", "qqq", "qqqqqq"])
def test_refuses_bits_left_over(symbols: str) -> None:
    """One byte is two symbols of which the last two bits are zero; three symbols are one too many."""
    values = [bech32._VALUES[symbol] for symbol in symbols]
    residue = bech32._polymod([*bech32._expand("age"), *values, *[0] * 6]) ^ 1
    checksum = "".join(bech32._ALPHABET[residue >> 5 * (5 - place) & 31] for place in range(6))
    with pytest.raises(KeyMalformed, match="left over"):
        bech32.decode("age1" + symbols + checksum)


@given(st.text(max_size=60))
def test_junk_is_refused_and_not_repeated(text: str) -> None:
    try:
        bech32.decode(text)
    except KeyMalformed as error:
        assert len(text) < 8 or text not in str(error)
