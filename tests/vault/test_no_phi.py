"""Nothing of what was sent is found in any byte below the state directory, by any of the encodings it came in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.seal import commitment
from appliance.seal.commitment import CommitmentRequest
from appliance.vault import departure
from appliance.vault.commitments import Commitments
from appliance.vault.holds import Holds
from appliance.vault.journal import Journal
from appliance.vault.recovery import recover
from appliance.vault.standing import standing
from tests.vault.samples import CT, INDEX_KEY, NOW, Vault


def _sample() -> tuple[bytes, Dataset]:
    """A real CT with a name, ids and dates that are found if they are anywhere."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    data = dcmread(path)
    data.PatientName = "Zyxowitz^Quirinius"
    data.PatientID = "MRN-77140923"
    data.PatientBirthDate = "19310704"
    data.AccessionNumber = "ACC5550181"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(data, keyword, generate_uid())
    whole = io.BytesIO()
    data.save_as(whole)
    return whole.getvalue(), data


def _needles(data: Dataset) -> dict[str, bytes]:
    said = {
        str(element.keyword): str(element.value).encode()
        for element in data
        if element.VR in ("PN", "LO", "SH", "DA", "TM", "UI", "UC", "LT")
        and len(str(element.value)) >= 6
        and element.keyword != "SOPClassUID"
    }
    pixels = data.PixelData
    return said | {
        "family name": b"Zyxowitz",
        "family name, UTF-16": "Zyxowitz".encode("utf-16-le"),
        "id in hexadecimal": b"MRN-77140923".hex().encode(),
        "a run of pixels": pixels[len(pixels) // 2 :][:32],
    }


@pytest.mark.parametrize("segment", [0, 1 << 20], ids=["files", "segments"])
def test_the_state_directory_holds_nothing_of_what_was_sent(tmp_path: Path, segment: int) -> None:
    vault = Vault(tmp_path / "state", segment=segment)
    sent, data = _sample()
    needles = _needles(data)
    assert len(needles) > 15
    assert all(needle in sent for name, needle in needles.items() if name in ("PatientName", "SOPInstanceUID"))
    tags = {"study_tag": INDEX_KEY.tag("study", data.StudyInstanceUID)}
    journal = Journal(vault.layout, INDEX_KEY)
    vault.ledger.mirror = journal.append
    asked = CommitmentRequest("a" * 32, NOW, "CT", "CT1", "EDGE01", "1.2.3", ((CT, str(data.SOPInstanceUID)),))
    sealed = commitment.seal(asked, INDEX_KEY, bytes(32))
    waiting = vault.store(sent, data.SOPInstanceUID, **tags)
    assert vault.layout.incoming_file(waiting).exists() is not bool(segment)
    _hunt(vault.root, needles)
    vault.adopt()
    kept = vault.store(sent + b"another", data.SOPInstanceUID, **tags)
    vault.adopt()
    for object_id in (waiting, kept):
        (lease,) = vault.ledger.lease("pacs", NOW, 60, 1)
        vault.ledger.hold(lease.object_id, "pacs", f"refused {data.SOPInstanceUID}")
        _hunt(vault.root, needles)
        assert vault.plaintext(object_id)
    Holds(vault.ledger).hold([kept], NOW)
    vault.ledger.delivered(kept, "pacs", 0, NOW)
    Commitments(vault.ledger, INDEX_KEY).enter(asked, sealed, NOW, 0x0131)
    _hunt(vault.root, needles)
    journal.write_anew(standing(vault.ledger))
    assert {path.suffix for path in vault.layout.journal.iterdir()} == {".base"}
    departure.set_aside(vault.ledger, vault.objects, waiting)
    list(recover(vault.adoption, NOW, compare=True))
    _hunt(vault.root, needles)
    vault.close()
    _hunt(vault.root, needles)


def test_the_hunt_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "leak").write_bytes(b"...Zyxowitz...")
    with pytest.raises(AssertionError):
        _hunt(tmp_path, {"family name": b"Zyxowitz"})


def _hunt(root: Path, needles: dict[str, bytes]) -> None:
    looked = 0
    for path in root.rglob("*"):
        for name, needle in needles.items():
            assert needle not in str(path).encode(), f"{name} is in a file name"
        if path.is_file():
            looked += 1
            content = path.read_bytes()
            for name, needle in needles.items():
                assert needle not in content, f"{name} is in {path.relative_to(root)}"
    assert looked
