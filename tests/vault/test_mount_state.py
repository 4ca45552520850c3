from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from appliance.vault.mount_state import errors, given_up

DEVICE = os.makedev(7, 0)
LINE = "68 67 7:0 / /var/lib/app\\040liance rw,relatime shared:1 - ext4 /dev/loop0 "
OTHER = "29 1 254:0 / / ro,relatime - ext4 /dev/vda ro,emergency_ro,shutdown\n"


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ("rw,errors=remount-ro", 0),
        ("rw,errors=remount-ro,emergency_ro", errno.EROFS),
        ("ro,errors=remount-ro", errno.EROFS),
        ("rw,shutdown", errno.EIO),
        ("rw,emergency_ro,shutdown", errno.EIO),
        ("", 0),
    ],
)
def test_what_the_options_of_a_file_system_say(tmp_path: Path, options: str, number: int) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"{OTHER}{LINE}{options}\n")
    assert given_up(DEVICE, mounts) == number


def test_what_is_not_known_is_no_fault(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    assert given_up(DEVICE, mounts) == 0
    mounts.write_text(f"\njunk\n7:0\n - \n{OTHER}")
    assert given_up(DEVICE, mounts) == 0
    assert given_up(tmp_path.stat().st_dev) == 0  # of the real list


def test_errors_that_ext4_counted(tmp_path: Path) -> None:
    (tmp_path / "dev/block").mkdir(parents=True)
    (tmp_path / "dev/block/7:0").symlink_to("../../devices/virtual/block/loop0")
    assert errors(DEVICE, tmp_path) == 0
    count = tmp_path / "fs/ext4/loop0/errors_count"
    count.parent.mkdir(parents=True)
    for text, number in (("0\n", 0), ("3\n", 3), ("", 0)):
        count.write_text(text)
        assert errors(DEVICE, tmp_path) == number
