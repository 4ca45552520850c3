"""A file that appears wakes us at once; files that are written to do not."""

import os
import threading
from pathlib import Path

import pytest

from appliance.base.errors import DiskError
from appliance.host.watch import watch_directory


def test_a_linked_file_wakes(tmp_path: Path) -> None:
    woken = threading.Event()
    watch = watch_directory(tmp_path, woken.set)
    descriptor = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
    os.write(descriptor, b"x")
    assert not woken.wait(0.1)
    here = os.open(tmp_path, os.O_RDONLY)
    os.link(f"/proc/self/fd/{descriptor}", "object", src_dir_fd=here, dst_dir_fd=here, follow_symlinks=True)
    assert woken.wait(5)
    os.close(descriptor)
    os.close(here)
    watch.stop()


def test_a_file_that_was_open_for_writing_wakes_when_it_is_closed(tmp_path: Path) -> None:
    woken = threading.Event()
    path = tmp_path / "segment"
    path.write_bytes(bytes(8192))
    watch = watch_directory(tmp_path, woken.set)
    for at in (0, 4096):
        descriptor = os.open(path, os.O_RDWR)
        os.pwrite(descriptor, b"record", at)
        assert not woken.wait(0.1)
        os.close(descriptor)
        assert woken.wait(5)
        woken.clear()
    path.read_bytes()
    assert not woken.wait(0.1)
    watch.stop()


def test_a_file_without_a_name_does_not_wake(tmp_path: Path) -> None:
    woken = threading.Event()
    watch = watch_directory(tmp_path, woken.set)
    descriptor = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
    os.write(descriptor, b"x")
    os.close(descriptor)
    assert not woken.wait(0.1)
    watch.stop()


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot watch"):
        watch_directory(tmp_path / "none", lambda: None)
