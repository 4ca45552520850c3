"""Writes tests/seal/vectors/ and the example of FORMAT.md. Run it as a program, after the format was changed.

Two runs write the same vectors. HPKE draws its own randomness, so the hybrid stanza was made once and is kept in
hybrid_stanza.txt; without that file a new one is made.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

sys.path.insert(0, str(Path(__file__).parents[2]))

from appliance.seal import record as records
from appliance.seal.header import Stanza, decode_base64, encode_base64, encode_header
from appliance.seal.index_key import IndexKey
from appliance.seal.stream import chunk_nonce, payload_cipher
from tests.seal import age_cases, example, facts_cases
from tests.seal.case import CLASSIC, DATA_SET, HEAD, OK, OTHER, PAYLOAD, RECORD, X25519, Case, parts, rebuilt
from tests.seal.objects import CHUNK, CLASSICAL, FACTS, HYBRID, INDEX_KEY, drawn, sealed, secret
from tests.seal.vector import FOLDER, Vector

KEPT = Path(__file__).parent / "hybrid_stanza.txt"


class KeptRecipient:
    """The hybrid recipient, with the stanza that was made once."""

    kind = "hybrid"

    def wrap(self, file_key: bytes, random: Callable[[int], bytes]) -> Stanza:
        if not KEPT.exists():
            KEPT.write_bytes(HYBRID.recipient.wrap(file_key, random).encode())
        arguments, body = KEPT.read_text().splitlines()
        stanza = Stanza(tuple(arguments.split(" ")[1:]), decode_base64(body.encode()))
        assert HYBRID.unwrap([stanza]) == file_key
        return stanza


def sealing_to_zeros(source: str, chunks: Sequence[bool]) -> list[bytes]:
    """Plaintext whose ciphertext is zeros, so that vectors of full chunks are small when compressed."""
    random = drawn(source)
    file_key, _ephemeral, nonce = random(16), random(32), random(16)
    cipher = payload_cipher(file_key, nonce)
    return [cipher.encrypt(chunk_nonce(n, final), bytes(CHUNK), None)[:CHUNK] for n, final in enumerate(chunks)]


(FULL,) = sealing_to_zeros("one full chunk", [True])
ONE = sealed(FULL, random=drawn("one full chunk"))
FIRST, SECOND = sealing_to_zeros("two chunks", [False, True])
TWO = sealed(FIRST + SECOND[:100], random=drawn("two chunks"))


def successes() -> Iterator[Case]:
    plain = HEAD + DATA_SET
    yield Case("classical", "one X25519 recipient", CLASSIC, OK, OK, OK, plain)
    recipients = [OTHER.recipient, CLASSICAL.recipient]
    second = sealed(DATA_SET, head=HEAD, recipients=recipients, random=drawn("second"))
    yield Case("second_recipient", "the identity is the second recipient's", second, OK, OK, OK, plain)
    hybrid = sealed(DATA_SET, head=HEAD, recipients=[KeptRecipient()], random=drawn("hybrid"))  # type: ignore[list-item]
    yield Case("hybrid", "one mlkem768x25519 recipient", hybrid, OK, OK, OK, plain)
    empty = sealed(b"", random=drawn("empty"))
    yield Case("empty", "no plaintext at all: one empty chunk", empty, OK, OK, OK)
    facts = replace(FACTS, peer="", calling_ae="", modality="", study_tag=b"", series_tag=b"")
    bare = sealed(DATA_SET, head=HEAD, facts=facts, random=drawn("bare"))
    yield Case("empty_fields", "texts and tags of the record are empty", bare, OK, OK, OK, plain)
    yield Case("one_full_chunk", "the final chunk is full", ONE, OK, OK, OK, FULL)
    yield Case("two_chunks", "a full chunk, then one of 100 bytes", TWO, OK, OK, OK, FIRST + SECOND[:100])
    foreign = rebuilt([Stanza(("example.com/unknown", "!", "~"), bytes(48)), X25519, RECORD], PAYLOAD)
    yield Case("unknown_stanza", "a stanza of a foreign type is passed over", foreign, OK, OK, OK, plain)
    missing = "record-missing"
    other = rebuilt([X25519], PAYLOAD)
    yield Case("no_record", "an age file of another program", other, OK, missing, missing, plain)


def bad_headers() -> Iterator[Case]:
    def same(name: str, comment: str, data: bytes, error: str) -> Case:
        return Case(name, comment, data, error, error, error)

    malformed = "header-malformed"
    yield same("header_crlf", "a line ends in CR LF", CLASSIC.replace(b"\n-> pacs", b"\r\n-> pacs"), malformed)
    body = encode_base64(X25519.body).encode()
    yield same("header_padded", "base64 with padding", CLASSIC.replace(body, body + b"="), malformed)
    loose = body[:-1] + bytes([body[-1] + 1])
    yield same("header_not_canonical", "base64 with bits left over", CLASSIC.replace(body, loose), malformed)
    yield same("not_age", "an object whose header was not written", bytes(len(CLASSIC)), malformed)
    yield same("header_cut", "the file ends within the header", CLASSIC[:500], malformed)
    yield same("header_no_stanza", "a header without a stanza", rebuilt([], PAYLOAD), malformed)
    wide = CLASSIC.replace(b"-> pacs", b"->  pacs")
    yield same("header_two_spaces", "an empty argument", wide, malformed)
    bulk = rebuilt([Stanza(("example.com/long",), bytes(49152)), X25519, RECORD], PAYLOAD)
    yield same("header_too_long", "more than 65536 bytes of header", bulk, "header-too-long")
    yield same("version_unsupported", "version v2", CLASSIC.replace(b"v1", b"v2", 1), "version-unsupported")
    tampered = "header-tampered"
    yield same("header_mac", "the MAC is wrong", encode_header([X25519, RECORD], bytes(32)) + PAYLOAD, tampered)
    added = CLASSIC.replace(b"-> X", Stanza(("example.com/added",), b"").encode() + b"-> X", 1)
    yield same("header_stanza_added", "a stanza was added after sealing", added, tampered)

    def stanza(name: str, comment: str, first: Sequence[Stanza]) -> Case:
        return Case(name, comment, rebuilt([*first, RECORD], PAYLOAD), "stanza-malformed", OK, OK)

    yield stanza(
        "stanza_argument",
        "an X25519 stanza with an argument too many",
        [Stanza((*X25519.arguments, "more"), X25519.body)],
    )
    yield stanza(
        "stanza_body", "an X25519 stanza with a body of 33 bytes", [Stanza(X25519.arguments, X25519.body + b"\0")]
    )
    yield stanza(
        "stanza_low_order", "an X25519 share of low order", [Stanza(("X25519", encode_base64(bytes(32))), X25519.body)]
    )
    yield stanza(
        "stanza_scrypt",
        "a scrypt stanza that is not alone",
        [Stanza(("scrypt", encode_base64(bytes(16)), "18"), bytes(32)), X25519],
    )
    stranger = sealed(DATA_SET, recipients=[OTHER.recipient], random=drawn("stranger"))
    yield Case("no_identity_matches", "sealed to another recipient", stranger, "no-identity-matches", OK, OK)


def bad_payloads() -> Iterator[Case]:
    changed, truncated, tampered = "payload-changed", "payload-truncated", "payload-tampered"
    flipped = rebuilt([X25519, RECORD], PAYLOAD[:20] + bytes([PAYLOAD[20] ^ 1]) + PAYLOAD[21:])
    yield Case("payload_flipped", "a flipped bit in a chunk", flipped, tampered, OK, changed)
    yield Case("payload_cut", "the last byte is missing", CLASSIC[:-1], tampered, OK, changed)
    other = parts(sealed(DATA_SET, random=drawn("swapped")))[1]
    swapped = rebuilt([X25519, RECORD], other)
    yield Case("payload_swapped", "the payload of another object", swapped, tampered, OK, changed)
    for name, size in (("payload_nonce_cut", 15), ("payload_no_chunk", 16), ("payload_tag_cut", 31)):
        short = rebuilt([X25519, RECORD], PAYLOAD[:size])
        yield Case(name, f"a payload of {size} bytes", short, truncated, OK, changed)
    stanzas, payload = parts(TWO)
    border = 16 + CHUNK + 16
    cut = rebuilt(stanzas, payload[:border], "two chunks")
    yield Case("payload_border", "the end is missing from a chunk's border on", cut, truncated, OK, changed, FIRST)
    trailing = ONE + b"\0"
    yield Case("payload_trailing", "a byte follows a full last chunk", trailing, "payload-trailing", OK, changed, FULL)
    begins = [False, False, True]
    three = sealed(b"".join(sealing_to_zeros("three chunks", begins)), random=drawn("three chunks"))
    stanzas_of_three, payload_of_three = parts(three)
    both = payload_of_three[:20] + b"\1" + payload_of_three[21 : 16 + 2 * (CHUNK + 16)]
    yield Case(
        "payload_flipped_and_border",
        "the first chunk is changed, and the last is missing: it depends on where a reader begins",
        rebuilt(stanzas_of_three, both, "three chunks"),
        tampered,
        OK,
        changed,
        seek=truncated,
    )
    cipher = payload_cipher(drawn("two chunks")(16), payload[:16])
    nothing = payload[:border] + cipher.encrypt(chunk_nonce(1, True), b"", None)
    empty = rebuilt(stanzas, nothing, "two chunks")
    yield Case("final_chunk_empty", "an empty last chunk", empty, "final-chunk-empty", OK, changed, FIRST)


def bad_records() -> Iterator[Case]:
    def case(name: str, comment: str, stanzas: Sequence[Stanza], error: str) -> Case:
        return Case(name, comment, rebuilt([X25519, *stanzas], PAYLOAD), OK, error, error, HEAD + DATA_SET)

    def record(name: str, comment: str, layout: bytes, error: str, index_key: IndexKey = INDEX_KEY) -> Case:
        salt = secret(name)
        body = ChaCha20Poly1305(index_key.record_key(salt)).encrypt(bytes(12), layout, None)
        return case(name, comment, [Stanza((records.TYPE, encode_base64(salt)), body)], error)

    key = INDEX_KEY.record_key(decode_base64(RECORD.arguments[1].encode()))
    layout = ChaCha20Poly1305(key).decrypt(bytes(12), RECORD.body, None)
    malformed = "record-malformed"
    strange = IndexKey(secret("other index key"))
    yield record("record_other_key", "sealed under another index key", layout, "record-tampered", strange)
    yield record("record_version", "a record of version 3", struct.pack(">H", 3) + layout[2:], "record-unsupported")
    yield record("record_length", "a record that is a byte too long", layout + b"\0", malformed)
    yield record("record_padding", "padding that is not zero", layout[:283] + b"\1" + layout[284:], malformed)
    yield record("record_text", "a text that is not UTF-8", layout[:28] + b"\xff" + layout[29:], malformed)
    tag = struct.pack(">H", 8) + bytes(16)
    yield record("record_tag", "a tag of 8 bytes", layout[:470] + tag + layout[488:], malformed)
    time = struct.pack(">d", float("nan"))
    yield record("record_time", "a time that is not a number", layout[:18] + time + layout[26:], malformed)
    turned = layout[:-1] + bytes([layout[-1] ^ 1])
    yield record("record_header_key", "another key for the header's MAC", turned, "header-tampered")
    short = Stanza((records.TYPE, encode_base64(bytes(31))), RECORD.body)
    yield case("record_salt", "a salt of 31 bytes", [short], malformed)
    yield case("record_twice", "two record stanzas", [RECORD, RECORD], malformed)


def vectors() -> Iterator[Vector]:
    """All vectors of objects and of other age files."""
    for cases in (successes, bad_headers, bad_payloads, bad_records, facts_cases.cases, *age_cases.ALL):
        for case in cases():
            yield case.vector()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    for vector in vectors():
        vector.write()
        if vector.name == "classical":
            example.write(vector)
    lines = [("comment", "identity and recipient of one key, as text")]
    for identity in (CLASSICAL, OTHER, HYBRID):
        lines += [("identity", identity.export()), ("recipient", str(identity.recipient))]
    Vector("keys", tuple(lines)).write()
    lines = [("comment", "tags: kind, value, tag"), ("index-key", INDEX_KEY.export())]
    for kind in ("study", "series", "instance", "patient"):
        for value in ("1.2.840.113619.2.1", "Ä"):
            lines.append(("tag", f"{kind} {value} {INDEX_KEY.tag(kind, value).hex()}"))
    digests = (("data-set", INDEX_KEY.data_set_digest()), ("payload", INDEX_KEY.payload_digest()))
    for kind, digest in digests:
        digest.update(DATA_SET)
        lines.append(("digest", f"{kind} {DATA_SET.hex()} {digest.digest().hex()}"))
    Vector("tags", tuple(lines)).write()


if __name__ == "__main__":
    main()
