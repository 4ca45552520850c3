"""The instance that is too large to be made."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from tests.bench.inputs import write_sparse


def test_a_sparse_instance_is_whole_and_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    write_sparse(path, 64_000_000)
    assert path.stat().st_blocks * 512 < 1_000_000
    assert len(dcmread(path).PixelData) == 64_000_000
