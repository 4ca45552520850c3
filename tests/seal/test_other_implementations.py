"""What we seal, age opens, and the other way round: with age (Go), rage (Rust, pyrage) and age-encryption (Node)."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage
import pytest

from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening, read_header
from appliance.seal.record import TYPE
from tests.seal.objects import CHUNK, CLASSICAL, HYBRID, opened, sealed
from tests.seal.vector import FOLDER, Vector

NPM = Path(__file__).parents[2] / "build" / "npm" / "node_modules"
NODE_MODULE = NPM / "age-encryption" / "dist" / "index.js"
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]
TWO = [generate_identity("classical"), CLASSICAL]
# Two refusals are ours: the limit of the header, and a passphrase stanza that is not alone, which age and its kin see
# only when they were given a passphrase (rage refuses it as we do).
OURS = ("header_too_long", "stanza_scrypt")
JUDGED = [
    vector
    for vector in (Vector.read(path) for path in sorted(FOLDER.glob("*.txt")))
    if vector.object and vector.name not in OURS
]
CLASSICAL_ONLY = [vector for vector in JUDGED if vector.name != "hybrid"]

needs_age = pytest.mark.skipif(not shutil.which("age"), reason="age is not installed: apt-get install age")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and NODE_MODULE.exists()),
    reason="node or age-encryption is missing: npm install --prefix build/npm age-encryption@^0.3",
)


def age(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["age", *arguments], input=data, capture_output=True, timeout=20, check=False)


def node(jobs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The answers of age-encryption to the jobs, in one run."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "age_npm.mjs"), str(NODE_MODULE)],
        input=json.dumps(jobs).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def text(data: bytes) -> str:
    return b64encode(data).decode()


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
    for vector in CLASSICAL_ONLY:
        key = tmp_path / "identity"
        key.write_text(vector.one("identity") + "\n")
        done = age(["--decrypt", "--identity", str(key)], vector.object)
        assert (done.returncode == 0) == (vector.one("expect") == "success"), vector.name


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
    for vector in CLASSICAL_ONLY:
        identity = pyrage.x25519.Identity.from_str(vector.one("identity"))
        try:
            pyrage.decrypt(vector.object, [identity])
            outcome = True
        except pyrage.DecryptError:
            outcome = False
        assert outcome == (vector.one("expect") == "success"), vector.name


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
        [{"do": "open", "identities": vector.all("identity"), "data": text(vector.object)} for vector in JUDGED]
    )
    for vector, answer in zip(JUDGED, answers, strict=True):
        assert ("data" in answer) == (vector.one("expect") == "success"), vector.name


def test_an_age_file_without_a_record_opens() -> None:
    recipient = pyrage.x25519.Recipient.from_str(str(CLASSICAL.recipient))
    opening = Opening(BytesIO(pyrage.encrypt(b"plain", [recipient])), [CLASSICAL])
    assert bytes(opening.read_chunk()) == b"plain"
