"""`appliance open`: objects of a box that is gone, with the recovery kit and nothing else of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.cli.main import run
from appliance.vault.segment_record import encode
from tests.cli.test_deliver import Upstream


def test_a_whole_state_directory_is_opened_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, out = Upstream(tmp_path), tmp_path / "images"
    first, broken, last = box.put(3)
    damaged = next(box.archive.rglob(f"{broken}*"))
    damaged.write_bytes(damaged.read_bytes()[:-5])
    command = ["open", str(box.archive), "-i", str(box.identity), "-o", str(out)]
    assert run(command) == 1
    said = capsys.readouterr().err
    assert "2 files are written, 0 were there already, 1 could not be opened." in said and str(damaged) in said
    assert sorted(path.name for path in out.iterdir()) == sorted([f"{first}.dcm", f"{last}.dcm"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    whole = list(box.box.sent.values())
    assert (out / f"{first}.dcm").read_bytes().endswith(whole[0])
    assert (out / f"{last}.dcm").read_bytes().endswith(whole[2])
    damaged.unlink()
    assert run(command) == 0
    assert "0 files are written, 2 were there already, 0 could not" in capsys.readouterr().err
    # A small one that nobody made a file of, between remains that are none, and one that is there as a file, too.
    (small,) = box.put(1)
    path = next(box.archive.rglob(f"{small}*"))
    records = b"".join(encode("ab" * 16, each, 0, b"", path.read_bytes()) for each in ("cd" * 16, small))
    (box.archive / f"{'ab' * 16}.segment").write_bytes(bytes(4096) + records + bytes(8192))
    assert run(command) == 0
    assert "2 files are written, 2 were there already, 0 could not" in capsys.readouterr().err
    assert (out / f"{'cd' * 16}.dcm").read_bytes() == (out / f"{small}.dcm").read_bytes()
    (tmp_path / "empty").mkdir()
    assert run(["open", str(tmp_path / "empty"), *command[2:]]) == 70


def test_what_comes_out_is_for_its_owner_alone(tmp_path: Path) -> None:
    box, out = Upstream(tmp_path), tmp_path / "image.dcm"
    (object_id,) = box.put(1)
    sealed = next(box.archive.rglob(f"{object_id}*"))
    assert run(["open", str(sealed), "-i", str(box.identity), "-o", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert run(["open", str(sealed), "-i", str(box.identity), "-o", str(out)]) == 70  # it is there already
