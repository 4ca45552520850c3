"""Bech32 (BIP 173) between bytes and text, as age uses it: strict, and without a limit of length.

Owns the checksum, the alphabet and the regrouping of bits. Never repeats the text in an error: it may be a secret.
"""

from __future__ import annotations

from appliance.seal.errors import KeyMalformed

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


def encode(prefix: str, data: bytes) -> str:
    """Lower-case Bech32 of `data` under the human-readable `prefix`."""
    values = _regroup(data, 8, 5)
    residue = _polymod([*_expand(prefix), *values, *[0] * _CHECKSUM]) ^ 1
    values += [residue >> 5 * (5 - place) & 31 for place in range(_CHECKSUM)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in the case in which it was written, and the data.

    Raises `KeyMalformed` for mixed case, a foreign character, a bad checksum or bits left over that are not zero.
    """
    if not text.isascii() or text not in (text.lower(), text.upper()):
        raise KeyMalformed("the key mixes upper and lower case, or holds foreign letters")
    prefix, separator, symbols = text.rpartition("1")
    if not separator or not prefix or not all("!" <= character <= "~" for character in prefix):
        raise KeyMalformed("the key has no prefix", fix="It starts with letters that end in 1, as in age1….")
    try:
        values = [_VALUES[character] for character in symbols.lower()]
    except KeyError:
        raise KeyMalformed("the key holds a character that Bech32 does not have") from None
    if len(values) < _CHECKSUM or _polymod([*_expand(prefix.lower()), *values]) != 1:
        raise KeyMalformed("the checksum of the key is wrong", fix="Look for a mistyped or missing character.")
    return prefix, bytes(_regroup(values[:-_CHECKSUM], 5, 8))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: list[int]) -> int:
    residue = 1
    for value in values:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                residue ^= generator
    return residue


def _regroup(values: bytes | list[int], width: int, wanted: int) -> list[int]:
    """Cut the bits of `values` anew; growing pads with zeros, shrinking demands a short padding of zeros."""
    groups: list[int] = []
    bits = held = 0
    for value in values:
        bits = (bits << width | value) & 0xFFF
        held += width
        while held >= wanted:
            held -= wanted
            groups.append(bits >> held & (1 << wanted) - 1)
    if wanted < width:
        if held:
            groups.append(bits << wanted - held & (1 << wanted) - 1)
    elif held >= width or bits & (1 << held) - 1:
        raise KeyMalformed("the key has bits left over")
    return groups
