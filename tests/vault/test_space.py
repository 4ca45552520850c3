from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from appliance.config.values import Share
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition
from appliance.vault.space import Space


class Measured(Medium):
    """A disk of 1000 blocks of 1 MiB and 10,000 inodes, of which as much is free as the test says."""

    def __init__(self, **changes: int) -> None:
        self.values = {"blocks": 1000, "bavail": 500, "files": 10_000, "favail": 5_000, "flag": 0} | changes

    def usage(self, directory: Path) -> Any:
        v = self.values
        return os.statvfs_result(
            (
                1 << 20,
                1 << 20,
                v["blocks"],
                v["bavail"],
                v["bavail"],
                v["files"],
                v["favail"],
                v["favail"],
                v["flag"],
                255,
            )
        )


def _space(share: Share, **changes: int) -> Space:
    return Space(Path("/"), share, Measured(**changes))


@pytest.mark.parametrize(
    ("share", "changes", "size", "allowed"),
    [
        (Share(fraction=0.1), {"bavail": 101}, 0, True),
        (Share(fraction=0.1), {"bavail": 99}, 0, False),
        (Share(fraction=0.1), {"bavail": 101}, 2 << 20, False),
        (Share(bytes=10 << 20), {"bavail": 10}, 0, True),
        (Share(bytes=10 << 20), {"bavail": 9}, 0, False),
        (Share(fraction=0.1), {"favail": 1001}, 0, True),
        (Share(fraction=0.1), {"favail": 1000}, 0, False),
        (Share(bytes=1), {"favail": 1000}, 0, False),  # a tenth of the inodes, for a small file system
        (Share(bytes=1), {"files": 1_000_000, "favail": 4097}, 0, True),
        (Share(bytes=1), {"files": 1_000_000, "favail": 4096}, 0, False),
        (Share(fraction=0.1), {"files": 0, "favail": 0}, 0, True),  # Btrfs counts no inodes
        (Share(fraction=0.1), {"flag": os.ST_RDONLY}, 0, False),
    ],
)
def test_the_reserve_in_bytes_and_inodes(share: Share, changes: dict[str, int], size: int, allowed: bool) -> None:
    assert _space(share, **changes).allows(size) is allowed


def test_an_objection_says_what_is_wrong() -> None:
    full = _space(Share(fraction=0.1), bavail=50).objection()
    assert full is not None
    assert (full.condition, full.message) == (Condition.FULL, "50 MiB are free, 100 MiB are reserved")
    read_only = _space(Share(fraction=0.1), flag=os.ST_RDONLY).objection()
    assert read_only is not None
    assert read_only.condition is Condition.READ_ONLY


def test_a_real_file_system(tmp_path: Path) -> None:
    room = Space(tmp_path, Share(bytes=1)).room()
    assert room.total > room.free > 0
    assert room.writable
    assert Space(tmp_path, Share(bytes=1)).allows(1000)
    assert not Space(tmp_path, Share(bytes=1)).allows(room.total)


def test_a_missing_file_system_takes_nothing(tmp_path: Path) -> None:
    assert not Space(tmp_path / "unmounted", Share(bytes=1)).allows()
