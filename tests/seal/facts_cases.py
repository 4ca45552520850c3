"""Cases of the facts' stanza, FORMAT.md section 4.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal import facts
from appliance.seal.header import Stanza
from appliance.upper_layer import study_facts
from tests.seal.case import DATA_SET, HEAD, OK, PAYLOAD, RECORD, X25519, Case, rebuilt
from tests.seal.objects import drawn

CONTENT = study_facts.encode({study_facts.PATIENT_NAME: b"DOE^JANE", study_facts.STUDY_DATE: b"20260301"}, 598)
_KEY = facts.facts_key(drawn("classical")(16))


def _layout(layout: bytes) -> Stanza:
    return Stanza((facts.TYPE,), ChaCha20Poly1305(_KEY).encrypt(bytes(12), layout, None))


def cases() -> Iterator[Case]:
    def case(name: str, comment: str, stanzas: Sequence[Stanza], said: str, content: bytes = b"") -> Case:
        more = (("expect-facts", said), *([("facts", content.hex())] if said == OK else []))
        whole = rebuilt([X25519, *stanzas, RECORD], PAYLOAD)
        return Case(name, comment, whole, OK, OK, OK, HEAD + DATA_SET, more=more)

    sound = facts.seal(CONTENT, _KEY)
    malformed, tampered = "facts-malformed", "facts-tampered"
    yield case("facts", "facts: a name and a date", [sound], OK, CONTENT)
    yield case("facts_empty", "facts that say nothing", [facts.seal(b"", _KEY)], OK)
    yield case("facts_twice", "two stanzas of facts", [sound, sound], malformed)
    yield case("facts_argument", "facts with an argument", [Stanza((facts.TYPE, "x"), sound.body)], malformed)
    yield case("facts_body", "a body of 615 bytes", [Stanza((facts.TYPE,), sound.body[:-1])], malformed)
    yield case("facts_length", "a length above the capacity", [_layout(b"\x02\x57" + bytes(598))], malformed)
    yield case("facts_padding", "padding that is not zero", [_layout(bytes(599) + b"\1")], malformed)
    yield case("facts_other_key", "sealed under another file key", [facts.seal(CONTENT, bytes(32))], tampered)
