"""`appliance vault studies`: an identity shows patients, nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.vault.study_words import in_words
from appliance.seal.keys import generate_identity
from appliance.upper_layer import study_facts
from appliance.upper_layer.study_facts import (
    BIRTH_DATE,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_DESCRIPTION,
    SPECIFIC_CHARACTER_SET,
    STUDY_DATE,
    STUDY_DESCRIPTION,
)
from tests.cli.test_vault import vault
from tests.delivery.upstream import free_port, until
from tests.programs.test_forward import Box

JANE = {PATIENT_NAME: b"Doe^Jane", PATIENT_ID: b"MRN-7714", BIRTH_DATE: b"19310704", STUDY_DATE: b"20260301"}
OEZ = {SPECIFIC_CHARACTER_SET: b"ISO_IR 100", PATIENT_NAME: "Öz^Ümit".encode("latin-1"), STUDY_DESCRIPTION: b"Knie"}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    box.destination("pacs", free_port())
    box.configure()
    for number in range(3):
        words = {**JANE, SERIES_DESCRIPTION: b"axial"}
        box.state.put(
            pixels=10, study="1.2.77.1", facts=study_facts.encode(words, 598), modality="MR" if number else "CT"
        )
    box.state.put(pixels=10, study="1.2.77.2", facts=study_facts.encode(OEZ, 598))
    box.start()
    box.ready()
    until(lambda: len(box.ask("objects")["objects"]) == 4)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def studies(box: Box, *arguments: object, status: int = 0) -> list[dict[str, Any]]:
    ended, out, err = vault(box, "studies", *arguments, "--json")
    assert ended == status, err
    return [json.loads(line) for line in out.splitlines()]


def test_studies_with_an_identity(box: Box, tmp_path: Path) -> None:
    oez, jane = studies(box)
    assert (jane["patient_name"], jane["patient_id"], jane["birth_date"]) == ("Doe^Jane", "MRN-7714", "19310704")
    assert (jane["objects"], jane["series"][0]["series_description"]) == (3, "axial")
    assert (oez["patient_name"], oez["study_description"]) == ("Öz^Ümit", "Knie")
    assert [each["patient_id"] for each in studies(box, "--patient", "doe")] == ["MRN-7714"]
    assert studies(box, "--patient", "nobody") == studies(box, "--peer", "MR suite") == []
    ended, out, err = vault(box, "studies")
    assert ended == 0
    assert "1931-07-04" in out
    assert "patient data" in err
    exported = vault(box, "export", tmp_path / "images", "--study", jane["object"], "--json")
    assert len(json.loads(exported[1])["written"]) == 3


def test_without_one_nobody_is_shown(box: Box, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text(generate_identity("classical").export() + "\n")
    (tmp_path / "other.txt").chmod(0o600)
    ended, out, err = vault(box, "studies", "-i", tmp_path / "other.txt")
    assert ended == 1
    assert "no identity opens the object" in err
    (tmp_path / "none.txt").write_text(box.state.index_key.export() + "\n")
    (tmp_path / "none.txt").chmod(0o600)
    refused = vault(box, "studies", "-i", tmp_path / "none.txt")
    assert refused[0] == 78
    assert "none is at hand" in refused[2]
    told = json.dumps(box.ask("studies"))
    for word in ("Doe", "Jane", "MRN-7714", "19310704", "20260301", "axial", "1.2.77.1"):
        assert word not in out + err + refused[1] + refused[2] + told


@pytest.mark.parametrize(
    ("stated", "name", "shown"),
    [
        (b"ISO_IR 192", "山田^太郎".encode(), "山田^太郎"),
        (b"ISO_IR 100", b"M\xfcller", "Müller"),
        (b"no such set", b"Plain^Name", "Plain^Name"),
        (b"\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        (b"ISO_IR 192", b"\xff\xfe\x1b[31m\n", None),
        (b"ISO_IR 192", "\u202etxt.exe".encode(), "?txt.exe"),
    ],
)
def test_names_of_any_script_and_no_control_characters(stated: bytes, name: bytes, shown: str | None) -> None:
    words = in_words({SPECIFIC_CHARACTER_SET: stated, PATIENT_NAME: name})["patient_name"]
    assert shown in (None, words)
    assert words.isprintable()
