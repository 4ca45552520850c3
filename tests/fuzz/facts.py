"""Targets in what is sealed for an emergency: the facts of a study, from their stanza to words on a screen."""

from __future__ import annotations

import io
import unicodedata
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.cli.vault.study_words import NAMES, in_words
from appliance.seal import facts
from appliance.seal.errors import SealError
from appliance.seal.header import Header, Stanza, encode_header, mac_key, read_header
from appliance.upper_layer import study_facts
from tests.fuzz.target import Target
from tests.seal import objects

_FILE_KEY = objects.secret("fuzzed facts")[:16]
_LONGEST = 200  # characters of a fact, as it is shown


def sealed_facts(data: bytes) -> None:
    """Facts of any content, sealed under the object's own key, are given as they were sealed, or are an error of ours;
    a stanza that was changed afterwards is always an error."""
    kind, content = data[:1], data[1:]
    if kind == b"\0":
        sealed = facts.seal(content[: facts.CAPACITY], facts.facts_key(_FILE_KEY)).body
    elif kind == b"\1":  # whoever knows the key writes what they like
        sealed = _sealed(content)
    else:
        sealed = content
    try:
        found = facts.open_facts(_header(sealed), [objects.CLASSICAL])
    except SealError:
        assert kind != b"\0"
        return
    assert found is not None and kind in (b"\0", b"\1")
    assert facts.seal(found, facts.facts_key(_FILE_KEY)).body == sealed


def words_of_a_study(data: bytes) -> None:
    """Whatever facts say, each is a short text without control characters, or none; and what is understood of them is
    understood again when it is written anew."""
    values = study_facts.decode(data)
    words = in_words(values)
    assert words.keys() == set(NAMES.values())
    for text in words.values():
        assert len(text) <= _LONGEST
        assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text), text
    said = {tag: value for tag, value in values.items() if value}
    assert study_facts.decode(study_facts.encode(values, 2 * len(data) + 16)) == said


@cache
def _wrapped() -> Stanza:
    return objects.CLASSICAL.recipient.wrap(_FILE_KEY, objects.drawn("fuzzed facts"))


def _header(body: bytes) -> Header:
    stanzas = [_wrapped(), Stanza((facts.TYPE,), body)]
    return read_header(io.BytesIO(encode_header(stanzas, mac_key(_FILE_KEY))))


def _sealed(layout: bytes) -> bytes:
    return ChaCha20Poly1305(facts.facts_key(_FILE_KEY)).encrypt(bytes(12), layout, None)


_PATIENT = study_facts.encode(
    {
        study_facts.SPECIFIC_CHARACTER_SET: b"ISO 2022 IR 6\\ISO 2022 IR 87",
        study_facts.PATIENT_NAME: b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        study_facts.PATIENT_ID: b"DEMO-1",
        study_facts.BIRTH_DATE: b"19700101",
        study_facts.STUDY_UID: b"1.2.3",
        study_facts.STUDY_DESCRIPTION: b"Thorax \xe4\xf6",
        study_facts.SERIES_NUMBER: b"3",
    },
    facts.CAPACITY,
)
_LAYOUT = len(_PATIENT).to_bytes(2, "big") + _PATIENT + bytes(facts.CAPACITY - len(_PATIENT))

TARGETS = (
    Target(
        sealed_facts,
        (b"\0" + _PATIENT, b"\1" + _LAYOUT, b"\2" + facts.seal(_PATIENT, facts.facts_key(bytes(16))).body),
    ),
    Target(words_of_a_study, (_PATIENT, _PATIENT.replace(b"ISO 2022 IR 6\\ISO 2022 IR 87", b"ISO_IR 192".ljust(28)))),
)
