"""What we seal, age opens, and the other way round: with age (Go), rage (Rust, pyrage) and age-encryption (Node).

Passphrases and exported keys are in test_other_passphrases.py.
"""

from __future__ import annotations

import subprocess
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pyrage
import pytest

from appliance.seal.armor import armor, unarmored
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening, read_header
from appliance.seal.record import TYPE
from appliance.seal.rewrap import rewrap
from tests.seal.objects import CHUNK, CLASSICAL, HYBRID, opened, sealed
from tests.seal.others import DIFFER, age, needs_age, needs_node, node, text
from tests.seal.vector import FOLDER, Vector

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]
TWO = [generate_identity("classical"), CLASSICAL]
# These refusals are ours: the limit of the header, and a passphrase stanza that is not alone, which age and its kin see
# only when they were given a passphrase (rage refuses it as we do).
OURS = ("header_too_long", "stanza_scrypt")
JUDGED = [
    vector
    for vector in (Vector.read(path) for path in sorted(FOLDER.glob("*.txt")))
    if vector.object and vector.all("identity") and vector.name not in OURS
]
CLASSICAL_ONLY = [vector for vector in JUDGED if vector.name != "hybrid"]


def without(program: str, vectors: list[Vector]) -> list[Vector]:
    return [vector for vector in vectors if vector.name not in DIFFER[program]]


def is_sound(vector: Vector) -> bool:
    return vector.one("expect") == "success"


def test_what_is_sealed_here_holds_the_record_stanza_that_the_others_pass_over() -> None:
    assert read_header(BytesIO(sealed(b""))).stanzas[-1].type == TYPE == "pacs-appliance.record"


@needs_age
@pytest.mark.parametrize("size", SIZES)
def test_age_opens_what_we_seal_and_we_open_what_age_seals(size: int, tmp_path: Path) -> None:
    plaintext = bytes(size)
    key = tmp_path / "identity"
    key.write_text("# an identity\n" + CLASSICAL.export() + "\n")
    done = age(["--decrypt", "--identity", str(key)], sealed(plaintext, recipients=[i.recipient for i in TWO]))
    assert (done.stdout, done.stderr) == (plaintext, b"")
    recipients = [word for identity in TWO for word in ("--recipient", str(identity.recipient))]
    assert opened(age(recipients, plaintext).stdout) == plaintext


@needs_age
def test_age_judges_the_vectors_as_we_do(tmp_path: Path) -> None:
    for vector in without("age", CLASSICAL_ONLY):
        key = tmp_path / "identity"
        key.write_text(vector.one("identity") + "\n")
        done = age(["--decrypt", "--identity", str(key)], vector.object)
        assert (done.returncode == 0) == is_sound(vector), vector.name


@needs_age
def test_age_makes_the_same_recipient_of_an_identity(tmp_path: Path) -> None:
    key = tmp_path / "identity"
    key.write_text(CLASSICAL.export() + "\n")
    done = subprocess.run(["age-keygen", "-y", str(key)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(CLASSICAL.recipient)


@pytest.mark.parametrize("size", SIZES)
def test_rage_opens_what_we_seal_and_we_open_what_rage_seals(size: int) -> None:
    plaintext = bytes(size)
    identity = pyrage.x25519.Identity.from_str(CLASSICAL.export())
    assert pyrage.decrypt(sealed(plaintext, recipients=[i.recipient for i in TWO]), [identity]) == plaintext
    recipients = [pyrage.x25519.Recipient.from_str(str(i.recipient)) for i in TWO]
    assert opened(pyrage.encrypt(plaintext, recipients)) == plaintext


def test_rage_judges_the_vectors_as_we_do() -> None:
    for vector in without("rage", CLASSICAL_ONLY):
        identity = pyrage.x25519.Identity.from_str(vector.one("identity"))
        try:
            pyrage.decrypt(vector.object, [identity])
            outcome = True
        except pyrage.DecryptError:
            outcome = False
        assert outcome == is_sound(vector), vector.name


@needs_node
def test_node_opens_what_we_seal_hybrid_and_classical() -> None:
    for identity in (HYBRID, CLASSICAL):
        recipients = [generate_identity(identity.kind).recipient, identity.recipient]
        jobs = [
            {"do": "open", "identities": [identity.export()], "data": text(sealed(bytes(size), recipients=recipients))}
            for size in SIZES
        ]
        assert [len(b64decode(answer["data"])) for answer in node(jobs)] == SIZES


@needs_node
def test_we_open_what_node_seals_hybrid_and_classical() -> None:
    for identity in (HYBRID, CLASSICAL):
        recipients = [str(generate_identity(identity.kind).recipient), str(identity.recipient)]
        jobs = [{"do": "seal", "recipients": recipients, "data": text(bytes(size))} for size in SIZES]
        for size, answer in zip(SIZES, node(jobs), strict=True):
            assert opened(b64decode(answer["data"]), identity) == bytes(size)


@needs_node
def test_node_makes_the_same_recipients_of_identities() -> None:
    identities = [CLASSICAL, HYBRID, generate_identity(), generate_identity("classical")]
    answers = node([{"do": "recipient", "identity": identity.export()} for identity in identities])
    assert [answer["text"] for answer in answers] == [str(identity.recipient) for identity in identities]


@needs_node
def test_node_judges_the_vectors_as_we_do() -> None:
    answers = node(
        [
            {
                "do": "open",
                "identities": vector.all("identity"),
                "data": text(vector.object),
                "armor": bool(vector.all("armored")),
            }
            for vector in without("node", JUDGED)
        ]
    )
    for vector, answer in zip(without("node", JUDGED), answers, strict=True):
        assert ("data" in answer) == is_sound(vector), vector.name


def test_an_age_file_without_a_record_opens() -> None:
    recipient = pyrage.x25519.Recipient.from_str(str(CLASSICAL.recipient))
    opening = Opening(BytesIO(pyrage.encrypt(b"plain", [recipient])), [CLASSICAL])
    assert bytes(opening.read_chunk()) == b"plain"


@needs_age
@pytest.mark.parametrize("size", [0, 7, CHUNK + 1])
def test_armor_of_age_and_ours(size: int, tmp_path: Path) -> None:
    plaintext = bytes(size)
    key = tmp_path / "identity"
    key.write_text(CLASSICAL.export() + "\n")
    ours = b"".join(armor([sealed(plaintext)]))
    done = age(["--decrypt", "--identity", str(key)], ours)
    assert (done.stdout, done.stderr) == (plaintext, b"")
    theirs = age(["--armor", "--recipient", str(CLASSICAL.recipient)], plaintext).stdout
    file = unarmored(BytesIO(theirs)).read()
    assert opened(file) == plaintext
    assert b"".join(armor([file])) == theirs


def test_armor_of_rage_and_ours() -> None:
    identity = pyrage.x25519.Identity.from_str(CLASSICAL.export())
    recipient = pyrage.x25519.Recipient.from_str(str(CLASSICAL.recipient))
    for size in SIZES:
        plaintext = bytes(size)
        assert pyrage.decrypt(b"".join(armor([sealed(plaintext)])), [identity]) == plaintext
        theirs = pyrage.encrypt(plaintext, [recipient], armored=True)
        file = unarmored(BytesIO(theirs)).read()
        assert opened(file) == plaintext
        assert b"".join(armor([file])) == theirs


@needs_node
def test_armor_of_node_and_ours() -> None:
    recipients = [str(HYBRID.recipient)]
    jobs = [{"do": "seal", "recipients": recipients, "data": text(bytes(size)), "armor": True} for size in SIZES]
    for size, answer in zip(SIZES, node(jobs), strict=True):
        file = unarmored(BytesIO(b64decode(answer["data"]))).read()
        assert opened(file, HYBRID) == bytes(size)
        assert b"".join(armor([file])) == b64decode(answer["data"])


@needs_age
@needs_node
def test_what_was_rewrapped_opens_elsewhere_with_the_new_identity_and_not_with_the_old(tmp_path: Path) -> None:
    key = tmp_path / "identity"
    before = sealed(bytes(CHUNK + 5))
    header = read_header(BytesIO(before))
    payload = before[header.size :]
    other = generate_identity("classical")
    for identity, fits in ((other, True), (CLASSICAL, False)):
        key.write_text(identity.export() + "\n")
        done = age(["--decrypt", "--identity", str(key)], rewrap(header, [CLASSICAL], [other.recipient]) + payload)
        assert (done.stdout == bytes(CHUNK + 5)) == fits
    data = text(rewrap(header, [CLASSICAL], [HYBRID.recipient]) + payload)
    jobs = [{"do": "open", "identities": [each.export()], "data": data} for each in (HYBRID, CLASSICAL)]
    assert ["data" in answer for answer in node(jobs)] == [True, False]
