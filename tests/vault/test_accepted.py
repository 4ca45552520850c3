"""What `forward` publishes is what `receive` reads; what is not right is as if it were not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.vault.accepted import Published, publish

CT, JPEG, PLAIN = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1"


def test_it_is_read_as_it_was_written_and_again_when_it_changed(tmp_path: Path) -> None:
    published = Published(tmp_path)
    assert published.read() == {}
    publish(tmp_path, {"pacs": {(CT, JPEG)}, "research": set()})
    assert published.read() == {"pacs": {(CT, JPEG)}, "research": set()}
    assert published.read() is published.read()
    publish(tmp_path, {"pacs": {(CT, JPEG), (CT, PLAIN)}})
    assert published.read() == {"pacs": {(CT, JPEG), (CT, PLAIN)}}
    (tmp_path / "accepted.json").unlink()
    assert published.read() == {}


def test_other_programs_may_read_it_and_not_write(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        publish(tmp_path, {})
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"pacs": 7}',
        b'{"pacs": [["1.2.3"]]}',
        b'{"pacs": [["1.2.3", "../x"]]}',
        b'{"pacs": [[1, 2]]}',
        b"[" * 100_000,
        b" " * (1 << 20) + b"{}",
        b"\xff",
    ],
)
def test_what_is_not_right_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "accepted.json").write_bytes(content)
    assert Published(tmp_path).read() == {}


def test_a_directory_that_is_not_there_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="accepted.json"):
        publish(tmp_path / "none", {})
