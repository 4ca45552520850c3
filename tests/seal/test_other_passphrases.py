"""Passphrases and exported keys, both ways: with age on a terminal, rage (pyrage) and age-encryption (Node)."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pyrage

from appliance.base.limits import SCRYPT_WORK
from appliance.seal.armor import armor, unarmored
from appliance.seal.encrypting import encrypt
from appliance.seal.key_export import export_keys
from appliance.seal.opening import Opening
from appliance.seal.scrypt import ScryptIdentity, ScryptRecipient
from tests.seal.objects import CHUNK, CLASSICAL, INDEX_KEY, sealed
from tests.seal.others import DIFFER, age, age_on_a_terminal, needs_age, needs_node, node, text
from tests.seal.vector import FOLDER, Vector

PASSPHRASE = "Schlüssel für 2 Räume"
PLAIN = bytes(range(256)) * (CHUNK // 256) + b"end"
JUDGED = [
    vector
    for vector in (Vector.read(path) for path in sorted(FOLDER.glob("*.txt")))
    # The limit of the work factor is ours; age has its own, above it.
    if vector.all("passphrase") and vector.one("expect") != "work-factor-refused"
]


def to_passphrase(work_factor: int = SCRYPT_WORK.floor) -> bytes:
    return b"".join(encrypt([PLAIN], ScryptRecipient(PASSPHRASE, work_factor)))


def opened(data: bytes) -> bytes:
    return b"".join(bytes(chunk) for chunk in Opening(unarmored(BytesIO(data)), [ScryptIdentity(PASSPHRASE)]))


@needs_age
def test_age_opens_a_passphrase_of_ours(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    for data in (to_passphrase(), b"".join(armor([to_passphrase()]))):
        ours.write_bytes(data)
        done = age_on_a_terminal(["--decrypt", str(ours)], PASSPHRASE + "\n")
        assert (done.returncode, done.stdout) == (0, PLAIN), done.stderr


@needs_age
def test_we_open_a_passphrase_of_age(tmp_path: Path) -> None:
    plain, theirs = tmp_path / "plain", tmp_path / "theirs"
    plain.write_bytes(PLAIN)
    done = age_on_a_terminal(["--passphrase", "--armor", "-o", str(theirs), str(plain)], (PASSPHRASE + "\n") * 2)
    assert done.returncode == 0, done.stderr
    assert theirs.read_bytes().startswith(b"-----BEGIN")
    assert opened(theirs.read_bytes()) == PLAIN


@needs_age
def test_age_does_not_open_with_another_passphrase(tmp_path: Path) -> None:
    (tmp_path / "ours").write_bytes(to_passphrase())
    done = age_on_a_terminal(["--decrypt", str(tmp_path / "ours")], "another\n")
    assert (done.returncode, done.stdout) == (1, b"")


def test_rage_opens_a_passphrase_of_ours_and_we_one_of_rage() -> None:
    assert pyrage.passphrase.decrypt(to_passphrase(), PASSPHRASE) == PLAIN
    assert pyrage.passphrase.decrypt(b"".join(armor([to_passphrase()])), PASSPHRASE) == PLAIN
    # rage spends a second on each, so it does one.
    assert opened(pyrage.passphrase.encrypt(PLAIN, PASSPHRASE, armored=True)) == PLAIN


def test_rage_judges_the_vectors_as_we_do() -> None:
    for vector in JUDGED:
        if vector.name in DIFFER["rage"]:
            continue
        try:
            pyrage.passphrase.decrypt(vector.object, vector.one("passphrase"))
            outcome = True
        except pyrage.DecryptError:
            outcome = False
        assert outcome == (vector.one("expect") == "success"), vector.name


@needs_node
def test_node_opens_a_passphrase_of_ours_and_we_one_of_node() -> None:
    seal = {"do": "seal", "passphrase": PASSPHRASE, "work": 12, "data": text(PLAIN)}
    first, *rest = node(
        [{"do": "open", "passphrases": [PASSPHRASE], "data": text(to_passphrase())}, seal, {**seal, "armor": True}]
    )
    assert b64decode(first["data"]) == PLAIN
    assert [opened(b64decode(answer["data"])) for answer in rest] == [PLAIN, PLAIN]


@needs_node
def test_node_judges_the_vectors_as_we_do() -> None:
    jobs = [
        {
            "do": "open",
            "passphrases": vector.all("passphrase"),
            "data": text(vector.object),
            "armor": bool(vector.all("armored")),
        }
        for vector in JUDGED
    ]
    for vector, answer in zip(JUDGED, node(jobs), strict=True):
        assert ("data" in answer) == (vector.one("expect") == "success"), vector.name


@needs_age
def test_age_takes_exported_keys_for_an_identity_file(tmp_path: Path) -> None:
    keys, data = tmp_path / "keys.age", tmp_path / "object.dcm.age"
    keys.write_bytes(export_keys([CLASSICAL], INDEX_KEY, PASSPHRASE, SCRYPT_WORK.floor))
    data.write_bytes(sealed(PLAIN))
    done = age_on_a_terminal(["--decrypt", "--identity", str(keys), str(data)], PASSPHRASE + "\n")
    assert (done.returncode, done.stdout) == (0, PLAIN), done.stderr
    text = age_on_a_terminal(["--decrypt", str(keys)], PASSPHRASE + "\n").stdout
    (tmp_path / "identities").write_bytes(text)
    done = age(["--decrypt", "--identity", str(tmp_path / "identities")], sealed(PLAIN))
    assert done.stdout == PLAIN
