"""Where Orthanc is found, and that what is found runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import orthanc


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_installed_one_is_preferred(tmp_path: Path) -> None:
    installed = program(tmp_path / "bin/Orthanc")
    program(tmp_path / "unpacked/usr/sbin/Orthanc")
    found = orthanc.find(tmp_path / "unpacked", path=str(installed.parent))
    assert found and found.program == str(installed) and found.environment == {}


def test_the_unpacked_one_brings_its_libraries_and_dictionary(tmp_path: Path) -> None:
    assert orthanc.find(tmp_path, path=str(tmp_path)) is None
    unpacked = program(tmp_path / "usr/sbin/Orthanc")
    for directory in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/share/dcmtk"):
        (tmp_path / directory).mkdir(parents=True)
    dictionary = tmp_path / "usr/share/dcmtk/dicom.dic"
    dictionary.touch()
    found = orthanc.find(tmp_path, path=str(tmp_path / "nothing"))
    assert found and found.program == str(unpacked)
    assert found.environment == {
        "LD_LIBRARY_PATH": f"{tmp_path}/usr/lib/x86_64-linux-gnu:{tmp_path}/lib/x86_64-linux-gnu",
        "DCMDICTPATH": str(dictionary),
    }


def test_it_answers_and_ends_with_its_block(tmp_path: Path) -> None:
    found = orthanc.find()
    if found is None:
        pytest.skip(orthanc.MISSING)
    with orthanc.running(found, tmp_path / "orthanc") as server:
        assert json.loads(server.call("/system"))["DicomAet"]
    with pytest.raises(OSError):
        server.call("/system")
